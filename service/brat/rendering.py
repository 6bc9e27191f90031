"""The way back: marks become the lines of an ``.ann`` file, ids and order aside the ones that they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from service.brat.covered import fits, flat
from service.brat.entries import (
    AnyEntry,
    Attribute,
    Comment,
    Event,
    Group,
    Note,
    Reference,
    Relation,
    Span,
    StandoffError,
)
from service.brat.mapping import FORMAT, REFERENCE_LABEL, TRIGGER
from service.brat.standoff import parse
from service.client import types

_T = TypeVar("_T")

_LETTERS = {"span": "T", "document": "T", "relation": "R", "event": "E"}
_NOTE_LABEL = "AnnotatorNotes"


class NoteFact(msgspec.Struct, frozen=True):
    """A note about an attribute or a reference."""

    label: str
    text: str


class Fact(msgspec.Struct, frozen=True):
    """What a line of an attribute (by name) or reference had besides what the mark says, by its place."""

    index: int
    name: str = ""
    letter: str = "A"
    label: str = REFERENCE_LABEL
    tail: str = ""
    notes: tuple[NoteFact, ...] = ()


class Extra(msgspec.Struct, frozen=True):
    """What `mapping` leaves in a mark's origin. Anybody can write there, so what does not fit is passed over."""

    tail: str = ""
    text: str | None = None
    fragments: tuple[tuple[int, int], ...] | None = None
    attributes: tuple[Fact, ...] = ()
    references: tuple[Fact, ...] = ()


class _Metadata(msgspec.Struct, frozen=True):
    comments: tuple[str, ...] = ()


_NO_EXTRA = Extra()


class Unrenderable(ValueError):  # noqa: N818 - it names marks, which is no error of the program
    """Marks that stand-off has no line for, such as regions; `ids` are theirs."""

    def __init__(self, path: str, ids: Sequence[str]) -> None:
        super().__init__(
            f"{path}: brat stand-off has no line for {len(ids)} marks: {', '.join(ids[:5])}. "
            "It knows spans, relations, groups and events of this document's annotations, whose labels and roles are "
            "words and whose values are one line; change or delete these marks, or do without this document."
        )
        self.ids = list(ids)


def render_document(document: types.Document, marks: Sequence[types.Mark]) -> list[AnyEntry]:
    """Return the lines of a document, of which each is read again as what it was made from.

    Args:
        document: With its text.
        marks: All of them.

    Raises:
        Unrenderable: Some have no form there.
    """
    rendering = _Rendering(document.text or "", marks)
    odd, entries = [], []
    for mark in marks:
        lines = list(rendering.entries(mark)) if rendering.knows(mark) else []
        if not lines or not all(map(_is_read_again, lines)):
            odd.append(mark.id)
        entries += lines
    if odd:
        raise Unrenderable(document.external_id or document.id, odd)
    comments = _converted(document.metadata.get(FORMAT), _Metadata, _Metadata()).comments
    return [*filter(_is_read_again, (Comment(content=content) for content in comments)), *entries]


def _is_read_again(entry: AnyEntry) -> bool:
    try:
        again = parse(f"{entry}\n", "")
    except StandoffError:
        return False
    return [replace(one, line=0) for one in again] == [replace(entry, line=0)]


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

    def knows(self, mark: types.Mark) -> bool:
        """Tell if a mark is of a type that has lines, and all that it points to has too."""
        fragments = _extra(mark).fragments
        lies_within = all(end <= len(self._text) for _, end in fragments or ())
        is_known = mark.type in ("relation", "event", "group", "span") or (fragments is not None and lies_within)
        return is_known and all(one.target in self._names for one in mark.arguments or ())

    def entries(self, mark: types.Mark) -> Iterator[AnyEntry]:
        """Yield the lines of a mark."""
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
        name, label, tail = self._names[mark.id], mark.label or mark.type, _extra(mark).tail
        arguments = [(one.role, self._names[one.target]) for one in mark.arguments or ()]
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
        pieces = tuple((piece.start, piece.end) for piece in mark.fragments or ())
        if extra.fragments and _agree(extra.fragments, mark, pieces):
            pieces = extra.fragments
        pieces = pieces or ((mark.start or 0, mark.end or 0),)
        covered = " ".join(self._text[start:end] for start, end in pieces)
        # The mark may have been changed since it was imported: then its own words count.
        kept = extra.text is not None and fits(extra.text, covered)
        return Span(id=name, label=label, fragments=pieces, text=(extra.text or "") if kept else flat(covered))

    def _attributes(self, mark: types.Mark, name: str) -> Iterator[AnyEntry]:
        facts = {(fact.name, fact.index): fact for fact in _extra(mark).attributes}
        for label, value in mark.attributes.items():
            for index, one in enumerate(value if isinstance(value, list) else [value]):
                fact = facts.get((label, index), Fact(index))
                own = self._new(fact.letter)
                shown = None if one is True else str(one)
                yield Attribute(id=own, label=label, target=name, value=shown, tail=fact.tail)
                yield from self._notes(own, fact)

    def _references(self, mark: types.Mark, name: str) -> Iterator[AnyEntry]:
        facts = {fact.index: fact for fact in _extra(mark).references}
        for index, one in enumerate(mark.references or ()):
            fact = facts.get(index, Fact(index))
            own = self._new("N")
            yield Reference(id=own, label=fact.label, target=name, resource=one.resource, key=one.id, text=one.text)
            yield from self._notes(own, fact)

    def _notes(self, target: str, fact: Fact) -> Iterator[AnyEntry]:
        for note in fact.notes:
            yield self._note(target, note.label, note.text)

    def _note(self, target: str, label: str, text: str) -> Note:
        return Note(id=self._new("#"), label=label or _NOTE_LABEL, target=target, text=flat(text))


def _is_brat(mark: types.Mark) -> bool:
    return mark.origin is not None and mark.origin.format == FORMAT


def _agree(fragments: Sequence[tuple[int, int]], mark: types.Mark, pieces: Sequence[tuple[int, int]]) -> bool:
    """Tell if the fragments of an imported line are still those of the mark that it became."""
    if mark.start is None:
        return True
    hull = (min(start for start, _ in fragments), max(end for _, end in fragments))
    return hull == (mark.start, mark.end) and (not pieces or sorted(fragments) == list(pieces))


def _extra(mark: types.Mark) -> Extra:
    found = mark.origin.extra if _is_brat(mark) and mark.origin is not None else None
    return _converted(found, Extra, _NO_EXTRA)


def _converted(value: object, type_: type[_T], otherwise: _T) -> _T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return otherwise
