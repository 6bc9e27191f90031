"""Verdicts: what an annotator says of an extraction, in an annotation of their own."""

from __future__ import annotations

from msgspec.structs import replace

from service.decide.decision import Context, stored
from service.errors import FieldError, InvalidError, TakenError, shown
from service.kinds.mark import MarkFields
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation, AnnotationDraft, Extraction

_PLACE = ("start", "end", "fragments", "regions", "arguments")
CONTENT = ("type", "label", *_PLACE, "attributes")
"""What a mark says; the rest is about it."""


def content(mark: MarkFields) -> tuple[object, ...]:
    """Return what a mark says."""
    return tuple(getattr(mark, name) for name in CONTENT)


def completed(context: Context, draft: AnnotationDraft) -> AnnotationDraft:
    """Return a draft that accepts or rejects an extraction with what it leaves out of that: place, label, attributes.

    A correction says all of it itself.
    """
    if draft.verdict not in {"accepted", "rejected"} or draft.extraction_id is None:
        return draft
    row = context.state.tables[EXTRACTION.name].row(draft.extraction_id)
    if row is None or row.document_id != draft.document_id:
        return draft
    extraction = stored(context, EXTRACTION, draft.extraction_id, Extraction)
    given = {name for name in CONTENT if getattr(draft, name) is not None}
    taken = set(CONTENT) - given - (set(_PLACE) if given & set(_PLACE) else set())
    if given & set(_PLACE):
        taken.discard("type")
    return replace(draft, **{name: getattr(extraction, name) for name in taken})


def require_verdict(context: Context, mark: Annotation, before: Annotation | None = None) -> None:
    """Make sure that a verdict is the only one of its author on the extraction, and says what it is.

    Args:
        context: Of the decision.
        mark: Resolved.
        before: As it was: what was taken in once may stay.

    Raises:
        InvalidError: It accepts or rejects something else than the extraction, or corrects nothing.
        TakenError: Its author has another one.
    """
    if mark.verdict is None or mark.extraction_id is None:
        return
    if before is not None and (_of(before), content(before)) == (_of(mark), content(mark)):
        return
    extraction = stored(context, EXTRACTION, mark.extraction_id, Extraction)
    differing = [name for name in CONTENT if getattr(mark, name) != getattr(extraction, name)]
    if mark.verdict == "corrected" and not differing:
        detail = f"corrected found, but it says what {extraction.id} says: that is accepted, or tell what is different"
        raise InvalidError("The verdict does not fit.", [FieldError("/verdict", detail)])
    if mark.verdict != "corrected" and differing:
        errors = [
            FieldError(
                f"/{name}",
                f"{shown(getattr(mark, name))} found, {extraction.id} has another one: "
                "leave it out, or let the verdict be corrected",
            )
            for name in differing
        ]
        raise InvalidError(f"The verdict is {mark.verdict}, and the annotation is not what the extraction is.", errors)
    _require_only(context, mark)


def _require_only(context: Context, mark: Annotation) -> None:
    table = context.state.tables[ANNOTATION.name]
    filters = {"extraction_id": (mark.extraction_id or "",), "author_id": (mark.author_id,)}
    for key in table.ids(table.select(filters)):
        if key != mark.id and table.row(key).verdict is not None:
            errors = [FieldError("/extraction_id", f"{key} holds the verdict: change that")]
            raise TakenError(f"{mark.author_id} has said already what {mark.extraction_id} is worth.", errors)


def _of(mark: Annotation) -> tuple[str | None, str | None]:
    return mark.verdict, mark.extraction_id
