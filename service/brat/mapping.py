"""What a brat document becomes here: spans, relations, groups and events are marks, all else hangs on them.

| brat | Annolog |
|---|---|
| ``.txt`` | document with the text; `external_id` is the path without suffix, `metadata.brat` keeps comments |
| ``T`` | mark of type span |
| ``R`` | relation, with its arguments |
| ``*`` | group, with arguments of role `member` |
| ``E`` | event, with its trigger as the argument of role `trigger` |
| ``A``, ``M`` | attribute of its mark: True if binary, a list if given several times |
| ``N`` | reference of its mark |
| ``#`` | body of its mark, with the note's type as purpose |
| ids, and what has no home | `origin {format: "brat", id, extra}` of the mark |

What `extra` holds is only there where a line needs it: `tail` (white space at its end), `text` (the third column, if it
is not just the covered text), `fragments` (as they stand, if they are out of order, empty or overlap), `attributes`
and `references` (facts about the one at `index`: letter, label, tail, notes). `rendering` is the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import msgspec

from service.brat.covered import check_span
from service.brat.entries import AnyEntry, Attribute, Comment, Event, Group, Note, Reference, Relation, Span
from service.brat.outline import Outline
from service.client import types

FORMAT = "brat"
TRIGGER = "trigger"
MEMBER = "member"
REFERENCE_LABEL = "Reference"


class BratDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A ``.txt`` and the ``.ann`` beside it.

    Attributes:
        path: Where they are, relative to the corpus, without suffix.
        text: The ``.txt`` as it is, without newline or Unicode normalisation.
        entries: The lines of the ``.ann``.
    """

    path: str
    text: str
    entries: Sequence[AnyEntry]


class DraftedMark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark to be created.

    Attributes:
        ref: What others call it in their arguments, unique in its document.
        draft: The mark; its `document_id` is empty, and the targets of its arguments are refs.
    """

    ref: str
    draft: types.AnnotationDraft


def draft_document(document: BratDocument) -> types.DocumentDraft:
    """Return the document to be created."""
    comments = [entry.content for entry in document.entries if isinstance(entry, Comment)]
    return types.DocumentDraft(
        title=document.path.rpartition("/")[2],
        text=document.text,
        external_id=document.path,
        metadata={FORMAT: {"comments": comments} if comments else {}},
    )


def draft_marks(document: BratDocument) -> list[list[DraftedMark]]:
    """Return the marks to be created, in generations: each points only to marks of those before it.

    Raises:
        StandoffError: A span does not fit the text, a line names none that there is, an id is given twice, or lines
            contain each other.
    """
    outline = Outline(document.entries, f"{document.path}.ann")
    sorter = TopologicalSorter({ref: entry.targets for ref, entry in outline.marks.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise outline.cycle_error(error.args[1]) from error
    generations = []
    while refs := sorter.get_ready():
        generations.append([DraftedMark(ref=ref, draft=_draft(outline, ref, document.text)) for ref in refs])
        sorter.done(*refs)
    return generations


def _draft(outline: Outline, ref: str, text: str) -> types.AnnotationDraft:
    entry = outline.marks[ref]
    hung = outline.hung[ref]
    own = _span(entry, text, outline.path) if isinstance(entry, Span) else _compound(entry)
    extra = own.pop("extra") | _facts(outline, ref)
    id_ = None if isinstance(entry, Group) else entry.id
    references = tuple(
        types.Reference(resource=one.resource, id=one.key, text=one.text) for one in hung if isinstance(one, Reference)
    )
    body = tuple(types.Body(purpose=one.label, value=one.text or "") for one in hung if isinstance(one, Note))
    return types.AnnotationDraft(
        document_id="",
        label=entry.label,
        attributes=_attributes([one for one in hung if isinstance(one, Attribute)]) or None,
        references=references or None,
        body=body or None,
        origin=types.Origin(format=FORMAT, id=id_, extra=extra or None),
        **own,
    )


def _compound(entry: Relation | Group | Event) -> dict[str, Any]:
    match entry:
        case Relation():
            type_, arguments = "relation", entry.arguments
        case Group():
            type_, arguments = "group", tuple((MEMBER, member) for member in entry.members)
        case Event():
            type_, arguments = "event", ((TRIGGER, entry.trigger), *entry.arguments)
    return {
        "type": type_,
        "arguments": tuple(types.Argument(role=role, target=target) for role, target in arguments),
        "extra": {"tail": entry.tail} if entry.tail else {},
    }


def _span(entry: Span, text: str, path: str) -> dict[str, Any]:
    extra: dict[str, Any] = check_span(entry, text, path)
    pieces = sorted(entry.fragments)
    start, end = pieces[0][0], max(end for _, end in pieces)
    is_plain = all(first < last for first, last in pieces) and all(one[1] <= two[0] for one, two in pairwise(pieces))
    if not is_plain or pieces != list(entry.fragments):
        extra["fragments"] = [list(piece) for piece in entry.fragments]
    if start == end:  # covers nothing, which no span here does
        return {"type": "document", "extra": extra}
    if is_plain and len(pieces) > 1:
        fragments = tuple(types.Fragment(start=first, end=last) for first, last in pieces)
        covered = " ".join(text[first:last] for first, last in pieces)
        return {"type": "span", "fragments": fragments, "text": covered, "extra": extra}
    return {"type": "span", "start": start, "end": end, "text": text[start:end], "extra": extra}


def _attributes(entries: Sequence[Attribute]) -> dict[str, types.Scalar | list[types.Scalar]]:
    values: dict[str, list[types.Scalar]] = {}
    for entry in entries:
        values.setdefault(entry.label, []).append(True if entry.value is None else entry.value)
    return {label: several[0] if len(several) == 1 else several for label, several in values.items()}


def _facts(outline: Outline, ref: str) -> dict[str, list[dict[str, Any]]]:
    hung = outline.hung[ref]
    attributes = list(_attribute_facts(outline, [one for one in hung if isinstance(one, Attribute)]))
    references = list(_reference_facts(outline, [one for one in hung if isinstance(one, Reference)]))
    return ({"attributes": attributes} if attributes else {}) | ({"references": references} if references else {})


def _attribute_facts(outline: Outline, entries: Sequence[Attribute]) -> Iterator[dict[str, Any]]:
    seen: dict[str, int] = {}
    for entry in entries:
        index = seen[entry.label] = seen.get(entry.label, -1) + 1
        fact = _notes(outline, entry.id)
        if not entry.id.startswith("A"):
            fact["letter"] = entry.id[0]
        if entry.tail:
            fact["tail"] = entry.tail
        if fact:
            yield {"name": entry.label, "index": index} | fact


def _reference_facts(outline: Outline, entries: Sequence[Reference]) -> Iterator[dict[str, Any]]:
    for index, entry in enumerate(entries):
        fact = _notes(outline, entry.id)
        if entry.label != REFERENCE_LABEL:
            fact["label"] = entry.label
        if fact:
            yield {"index": index} | fact


def _notes(outline: Outline, id_: str) -> dict[str, Any]:
    notes = [{"label": one.label, "text": one.text or ""} for one in outline.hung[id_] if isinstance(one, Note)]
    return {"notes": notes} if notes else {}
