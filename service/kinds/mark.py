"""The fields of a mark, which extractions and annotations share, and how a draft becomes them.

Spans are Unicode code points, start inclusive, end exclusive. Nothing is converted or repaired: what does not fit
is refused, with a pointer to each place.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service.errors import FieldError, InvalidError, TextMismatchError, shown
from service.kinds.base import Draft

Count = Annotated[int, Meta(ge=0, le=2**53)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=500)]
Scalar = str | int | float | bool | None
MarkType = Literal["span", "document", "region", "relation", "event", "group"]
Status = Literal["proposed", "accepted", "rejected"]
_POLYGON_POINTS_MIN = 3
_FRAGMENTS_MIN = 2
_RELATION_ARGUMENTS_MIN = 2


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of what a mark is made of."""


class Fragment(Part, frozen=True, kw_only=True):
    """A piece of a discontinuous span."""

    start: Count
    end: Count


class Region(Part, frozen=True, kw_only=True):
    """An area of a page, in fractions of it from the top left: a rectangle, or a polygon of points."""

    page: Annotated[int, Meta(ge=1)]
    x: Fraction | None = None
    y: Fraction | None = None
    width: Fraction | None = None
    height: Fraction | None = None
    rotation: Annotated[float, Meta(ge=-360, le=360)] | None = None
    points: list[tuple[Fraction, Fraction]] | None = None


class Argument(Part, frozen=True, kw_only=True):
    """What a relation or an event points to, and in which role."""

    role: Name
    target: Name


class Reference(Part, frozen=True, kw_only=True):
    """A normalisation: the same thing in another resource."""

    resource: Name
    id: Name
    text: str | None = None


class Body(Part, frozen=True, kw_only=True):
    """A note, comment or link."""

    purpose: Name
    value: str | None = None
    id: str | None = None
    format: str | None = None
    language: str | None = None


class Origin(Part, frozen=True, kw_only=True):
    """Where a mark came from: a foreign id, and what has no home here."""

    format: Name
    id: str | None = None
    extra: dict[str, Any] | None = None


class MarkDraft(Draft, kw_only=True, frozen=True):
    """The mark fields as a client sends them."""

    document_id: str
    type: MarkType | None = None
    status: Status | None = None
    label: Name | None = None
    start: Count | None = None
    end: Count | None = None
    fragments: list[Fragment] | None = None
    text: str | None = None
    regions: list[Region] | None = None
    arguments: list[Argument] | None = None
    attributes: dict[str, Scalar | list[Scalar]] | None = None
    references: list[Reference] | None = None
    body: list[Body] | None = None
    origin: Origin | None = None


class MarkFields(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The mark fields as they are stored."""

    id: str
    version: int
    created_at: str
    updated_at: str
    document_id: str
    type: str
    status: str
    attributes: dict[str, Any]
    label: str | None = None
    start: int | None = None
    end: int | None = None
    fragments: list[Fragment] | None = None
    text: str | None = None
    regions: list[Region] | None = None
    arguments: list[Argument] | None = None
    references: list[Reference] | None = None
    body: list[Body] | None = None
    origin: Origin | None = None


def resolve(draft: MarkDraft, text: str | None) -> dict[str, Any]:
    """Check a draft against its document and derive what it leaves out.

    Args:
        draft: What the client sent.
        text: The document's text, None if it has none.

    Returns:
        The mark fields besides id, version, times, document and status.

    Raises:
        InvalidError: A rule is broken; every place is named.
        TextMismatchError: The `text` that was sent is not the document's.
    """
    errors = [*_span_errors(draft, text), *_region_errors(draft), *_argument_errors(draft)]
    if errors:
        raise InvalidError("The mark breaks a rule.", errors)
    start, end = draft.start, draft.end
    if draft.fragments:
        start, end = draft.fragments[0].start, draft.fragments[-1].end
    return {
        "type": draft.type or _infer_type(draft),
        "label": draft.label,
        "start": start,
        "end": end,
        "fragments": draft.fragments,
        "text": None if start is None else _check_text(draft, text or ""),
        "regions": draft.regions,
        "arguments": draft.arguments,
        "attributes": draft.attributes or {},
        "references": draft.references,
        "body": draft.body,
        "origin": draft.origin,
    }


def slices(draft: MarkDraft, text: str) -> str:
    """Return the text that a draft's span covers: its fragments joined by one space."""
    if draft.fragments:
        return " ".join(text[piece.start : piece.end] for piece in draft.fragments)
    return text[draft.start : draft.end]


def _infer_type(draft: MarkDraft) -> MarkType:
    if draft.start is not None or draft.fragments:
        return "span"
    if draft.regions:
        return "region"
    return "relation" if draft.arguments else "document"


def _check_text(draft: MarkDraft, text: str) -> str:
    covered = slices(draft, text)
    if draft.text is None or draft.text == covered:
        return covered
    utf16 = "" if draft.fragments else _utf16_slice(draft, text)
    hint = (
        " It fits if start and end count UTF-16 units: ask for that with ?offset_unit=utf16."
        if draft.text == utf16
        else ""
    )
    raise TextMismatchError(
        f"The document has {shown(covered)} there, the mark says {shown(draft.text)}.{hint}",
        [FieldError("/text", "not the document's text from start to end")],
    )


def _utf16_slice(draft: MarkDraft, text: str) -> str:
    units = text.encode("utf-16-le")
    return units[2 * (draft.start or 0) : 2 * (draft.end or 0)].decode("utf-16-le", "replace")


def _span_errors(draft: MarkDraft, text: str | None) -> list[FieldError]:
    if (draft.start is None) != (draft.end is None):
        missing = "start" if draft.start is None else "end"
        return [FieldError(f"/{missing}", "missing: a span has both a start and an end")]
    if draft.fragments is not None:
        return _fragment_errors(draft, text)
    if draft.start is None or draft.end is None:
        if draft.text is not None:
            return [FieldError("/text", "there is no span whose text it could be: start and end are missing")]
        is_span = draft.type == "span"
        return [FieldError("/start", "missing: a mark of type span has a start and an end")] if is_span else []
    return _bounds_errors("", draft.start, draft.end, text)


def _fragment_errors(draft: MarkDraft, text: str | None) -> list[FieldError]:
    pieces = draft.fragments or []
    if len(pieces) < _FRAGMENTS_MIN:
        return [FieldError("/fragments", f"{len(pieces)} found, expected two or more; one is a plain span")]
    errors = []
    for place, piece in enumerate(pieces):
        errors += _bounds_errors(f"/fragments/{place}", piece.start, piece.end, text)
        if place and piece.start < pieces[place - 1].end:
            errors.append(FieldError(f"/fragments/{place}/start", "fragments must be ascending and disjoint"))
    hull = (pieces[0].start, pieces[-1].end)
    if draft.start is not None and (draft.start, draft.end) != hull:
        errors.append(FieldError("/start", f"start and end must be the hull of the fragments, {hull[0]} and {hull[1]}"))
    return errors


def _bounds_errors(pointer: str, start: int, end: int, text: str | None) -> list[FieldError]:
    if text is None:
        return [FieldError(f"{pointer}/start", "the document has no text")]
    if end <= start:
        return [FieldError(f"{pointer}/end", f"{end} found, expected more than start, {start}")]
    if end > len(text):
        return [FieldError(f"{pointer}/end", f"{end} found, but the text has {len(text)} code points")]
    return []


def _region_errors(draft: MarkDraft) -> list[FieldError]:
    errors = []
    for place, region in enumerate(draft.regions or ()):
        sides = (region.x, region.y, region.width, region.height)
        is_polygon = region.points is not None
        if is_polygon and (any(side is not None for side in sides) or region.rotation is not None):
            errors.append(FieldError(f"/regions/{place}", "has points and sides: a region is one or the other"))
        elif is_polygon and len(region.points or ()) < _POLYGON_POINTS_MIN:
            errors.append(FieldError(f"/regions/{place}/points", "a polygon has at least three points"))
        elif not is_polygon and any(side is None for side in sides):
            errors.append(FieldError(f"/regions/{place}", "needs x, y, width and height, or points"))
    if draft.type == "region" and not draft.regions:
        errors.append(FieldError("/regions", "missing: a mark of type region has one or more"))
    return errors


def _argument_errors(draft: MarkDraft) -> list[FieldError]:
    kind = draft.type or _infer_type(draft)
    arguments = draft.arguments or []
    if kind == "relation" and len(arguments) < _RELATION_ARGUMENTS_MIN:
        return [FieldError("/arguments", f"{len(arguments)} found, a relation has two or more")]
    if kind == "event" and [one.role for one in arguments].count("trigger") != 1:
        return [FieldError("/arguments", "an event has exactly one argument of role trigger")]
    return []
