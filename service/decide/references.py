"""What marks point to, and what points to them: arguments, extractions, and what decided annotations rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from service.decide.access import is_hidden
from service.decide.decision import Context
from service.errors import CascadeTooLargeError, FieldError, InUseError
from service.kinds.base import Kind
from service.kinds.mark import MarkDraft
from service.kinds.marks import ANNOTATION, EXTRACTION, AnnotationDraft

MARKS: Mapping[str, Kind] = {kind.name: kind for kind in (EXTRACTION, ANNOTATION)}
_NAMED_MAX = 10
_POINTERS = (("target", EXTRACTION), ("target", ANNOTATION), ("extraction_id", ANNOTATION), ("rests_on", ANNOTATION))


def pointing_to(context: Context, key: str) -> dict[str, Kind]:
    """Return the marks that point to a mark, each once, whichever ways it does."""
    found: dict[str, Kind] = {}
    for name, kind in _POINTERS:
        table = context.state.tables[kind.name]
        found.update(dict.fromkeys(table.ids(table.select({name: (key,)})), kind))
    return found


def deletable_with(context: Context, user_id: str, kind: Kind, key: str, *, cascade: bool) -> dict[str, Kind]:
    """Return a mark and all that go with it: those that point to it, and those that point to them.

    Raises:
        InUseError: There are others, and `cascade` was not asked for, or the user does not see all of them.
        CascadeTooLargeError: They are too many.
    """
    doomed = {key: kind}
    waiting = [key]
    while waiting:
        target = waiting.pop()
        pointing = {other: of for other, of in pointing_to(context, target).items() if other not in doomed}
        if pointing:
            _require_seen(context, user_id, target, pointing)
        if pointing and not cascade:
            names = ", ".join(islice(pointing, _NAMED_MAX))
            raise InUseError(f"{len(pointing)} marks point to {target}: {names}.")
        doomed.update(pointing)
        if len(doomed) > context.limits.cascade_max:
            raise CascadeTooLargeError(
                f"More than {context.limits.cascade_max} marks would be deleted. Delete some of them first."
            )
        waiting += pointing
    return doomed


def _require_seen(context: Context, user_id: str, target: str, pointing: Mapping[str, Kind]) -> None:
    tables = context.state.tables
    if any(is_hidden(context, user_id, kind.name, tables[kind.name].row(key)) for key, kind in pointing.items()):
        # Neither their ids nor their number.
        raise InUseError(f"Marks that you do not see before the review is done point to {target}: it stays till then.")


def target_errors(
    context: Context, user_id: str, key: str, draft: MarkDraft, before: Collection[str] = ()
) -> list[FieldError]:
    """Return which references of a mark lead to no other mark on the same document that its author sees.

    Args:
        context: Of the decision.
        user_id: Who sends it.
        key: The mark's id.
        draft: Of the mark.
        before: What it points to already: that may stay, seen or not.
    """
    targets: dict[str, tuple[str, tuple[str, ...]]] = {}
    errors: list[FieldError] = []
    if isinstance(draft, AnnotationDraft):
        if draft.extraction_id is not None:
            targets["/extraction_id"] = (draft.extraction_id, (EXTRACTION.name,))
        elif draft.verdict is not None:
            errors.append(FieldError("/extraction_id", "missing: a verdict is about an extraction"))
    for place, argument in enumerate(draft.arguments or ()):
        targets[f"/arguments/{place}/target"] = (argument.target, tuple(MARKS))
    if not targets:
        return errors
    return errors + [
        FieldError(pointer, f"{target} is not another mark on document {draft.document_id}")
        for pointer, (target, kinds) in targets.items()
        if target == key or not _is_there(context, user_id, draft.document_id, target, kinds, before)
    ]


def _is_there(
    context: Context, user_id: str, document_id: str, target: str, kinds: tuple[str, ...], before: Collection[str]
) -> bool:
    for kind in kinds:
        row = context.state.tables[kind].row(target)
        if row is not None and row.document_id == document_id:
            return target in before or not is_hidden(context, user_id, kind, row)
    return False
