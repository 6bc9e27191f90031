"""The way back: marks become the lines of an ``.ann`` file, ids and order aside the ones that they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.brat.covered import flat
from service.brat.entries import AnyEntry, Attribute, Comment, Event, Group, Note, Reference, Relation, Span
from service.brat.mapping import FORMAT, REFERENCE_LABEL, TRIGGER
from service.client import types

_LETTERS = {"span": "T", "document": "T", "relation": "R", "event": "E"}
_NOTE_LABEL = "AnnotatorNotes"


class Unrenderable(ValueError):  # noqa: N818 - it names marks, which is no error of the program
    """Marks that stand-off has no line for, such as regions; `ids` are theirs."""

    def __init__(self, path: str, ids: Sequence[str]) -> None:
        super().__init__(
            f"{path}: brat stand-off has no line for {len(ids)} marks: {', '.join(ids[:5])}. "
            "It knows spans, relations, groups and events only; delete these, or export another document."
        )
        self.ids = list(ids)


def render_document(document: types.Document, marks: Sequence[types.Mark]) -> list[AnyEntry]:
    """Return the lines of a document.

    Args:
        document: With its text.
        marks: All of them.

    Raises:
        Unrenderable: Some have no form there.
    """
    odd = [mark.id for mark in marks if not _is_renderable(mark)]
    if odd:
        raise Unrenderable(document.external_id or document.id, odd)
    comments = document.metadata.get(FORMAT, {}).get("comments", [])
    return [*(Comment(content=content) for content in comments), *_Rendering(document.text or "", marks).entries()]


def _is_renderable(mark: types.Mark) -> bool:
    return mark.type in ("relation", "event", "group", "span") or "fragments" in _extra(mark)


class _Rendering:
    """One file on its way: gives ids to lines."""

    def __init__(self, text: str, marks: Sequence[types.Mark]) -> None:
        self._text = text
        self._marks = marks
        self._numbers: Counter[str] = Counter()
        self._taken = {mark.origin.id for mark in marks if _is_brat(mark) and mark.origin and mark.origin.id}
        kept: set[str] = set()
        self._names: dict[str, str] = {}
        for mark in marks:
            own = mark.origin.id if _is_brat(mark) and mark.origin else None
            self._names[mark.id] = own if own and own not in kept else self._new(_LETTERS.get(mark.type, "*"))
            kept.add(self._names[mark.id])

    def entries(self) -> Iterator[AnyEntry]:
        """Yield the lines of each mark."""
        for mark in self._marks:
            yield self._own(mark)
            name = self._names[mark.id]
            yield from self._attributes(mark, name)
            yield from self._references(mark, name)
            for body in mark.body or ():
                yield self._note(name, body.purpose, body.value or "")

    def _new(self, letter: str) -> str:
        while True:
            self._numbers[letter] += 1
            name = f"{letter}{self._numbers[letter]}"
            if name not in self._taken:
                return name

    def _own(self, mark: types.Mark) -> AnyEntry:
        name, label, tail = self._names[mark.id], mark.label or mark.type, _extra(mark).get("tail", "")
        arguments = [(one.role, self._names.get(one.target, one.target)) for one in mark.arguments or ()]
        if mark.type == "relation":
            return Relation(id=name, label=label, arguments=tuple(arguments), tail=tail)
        if mark.type == "group":
            return Group(label=label, members=tuple(target for _, target in arguments), tail=tail)
        if mark.type == "event":
            (trigger,) = (target for role, target in arguments if role == TRIGGER)
            others = tuple(argument for argument in arguments if argument[0] != TRIGGER)
            return Event(id=name, label=label, trigger=trigger, arguments=others, tail=tail)
        return self._span(mark, name, label)

    def _span(self, mark: types.Mark, name: str, label: str) -> Span:
        extra = _extra(mark)
        if "fragments" in extra:
            pieces = tuple((start, end) for start, end in extra["fragments"])
        elif mark.fragments:
            pieces = tuple((piece.start, piece.end) for piece in mark.fragments)
        else:
            pieces = ((mark.start or 0, mark.end or 0),)
        covered = " ".join(self._text[start:end] for start, end in pieces)
        return Span(id=name, label=label, fragments=pieces, text=extra.get("text", flat(covered)))

    def _attributes(self, mark: types.Mark, name: str) -> Iterator[AnyEntry]:
        facts = {(fact["name"], fact["index"]): fact for fact in _extra(mark).get("attributes", [])}
        for label, value in mark.attributes.items():
            for index, one in enumerate(value if isinstance(value, list) else [value]):
                fact = facts.get((label, index), {})
                own = self._new(fact.get("letter", "A"))
                shown = None if one is True else str(one)
                yield Attribute(id=own, label=label, target=name, value=shown, tail=fact.get("tail", ""))
                yield from self._notes(own, fact)

    def _references(self, mark: types.Mark, name: str) -> Iterator[AnyEntry]:
        facts = {fact["index"]: fact for fact in _extra(mark).get("references", [])}
        for index, one in enumerate(mark.references or ()):
            fact = facts.get(index, {})
            own = self._new("N")
            label = fact.get("label", REFERENCE_LABEL)
            yield Reference(id=own, label=label, target=name, resource=one.resource, key=one.id, text=one.text)
            yield from self._notes(own, fact)

    def _notes(self, target: str, fact: Mapping[str, Any]) -> Iterator[AnyEntry]:
        for note in fact.get("notes", []):
            yield self._note(target, note["label"], note["text"])

    def _note(self, target: str, label: str, text: str) -> Note:
        return Note(id=self._new("#"), label=label or _NOTE_LABEL, target=target, text=flat(text))


def _is_brat(mark: types.Mark) -> bool:
    return mark.origin is not None and mark.origin.format == FORMAT


def _extra(mark: types.Mark) -> dict[str, Any]:
    return mark.origin.extra or {} if _is_brat(mark) and mark.origin is not None else {}
