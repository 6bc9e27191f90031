"""Extractions and annotations: marks on a document, which point to each other within it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec
from msgspec.structs import replace

from service.commands import Create, CreateFor, Delete, Replace, Update
from service.decide.access import require_action, require_document, require_mark, require_named_user, require_user
from service.decide.conditions import require_conditions
from service.decide.decision import (
    CREATED,
    OK,
    Context,
    Decision,
    Head,
    buried,
    check_read_only,
    created,
    first_head,
    next_head,
    nothing_left,
    outcome_of,
    require_valid,
    stored,
    unburied,
    updated,
)
from service.decide.documents import require_form, require_own_id
from service.decide.idempotency import refuse_reused_key
from service.decide.patch import patched
from service.decide.references import MARKS, deletable_with, target_errors
from service.decide.roles import Action
from service.decide.verdicts import completed, require_verdict
from service.errors import (
    ImmutableError,
    InUseError,
    InvalidError,
    LabelUnknownError,
    NotFoundError,
)
from service.kinds.base import Kind
from service.kinds.label import mark_errors
from service.kinds.mark import MarkDraft, MarkFields, resolve
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation, AnnotationDraft, Extraction, ExtractionDraft

_SPAN_MEMBERS = frozenset({"start", "end", "fragments"})
_NEXT = ("version", "updated_at", "status")
_CREATE = {EXTRACTION.name: Action.CREATE_EXTRACTION, ANNOTATION.name: Action.CREATE_ANNOTATION}


def create_mark(context: Context, command: Create) -> Decision:
    """Put a mark on a document; the author of an annotation is who asks.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such document that the user may see.
        InvalidError: The body does not fit the schema, or a rule is broken.
    """
    user_id = require_user(context, command.actor)
    if command.within is not None:
        require_document(context, user_id, command.within)
    refuse_reused_key(context, command)
    draft: MarkDraft = require_valid(command.draft)
    _require_creatable(context, user_id, MARKS[command.kind], draft)
    return _create(context, user_id, MARKS[command.kind], command.new_id, _complete(context, draft))


def create_mark_for(context: Context, command: CreateFor) -> Decision:
    """Put a mark on anybody's document; the author of an annotation is the user who is named.

    Raises:
        ForbiddenError: It is not the local administrator who asks.
        NotFoundError: There is no such user, or no such document.
        InvalidError: As `create_mark`.
    """
    user_id = require_named_user(context, command)
    draft: MarkDraft = require_valid(command.draft)
    if context.state.tables["document"].row(draft.document_id) is None:
        raise NotFoundError(f"There is no document {draft.document_id}.")
    # What is taken over from elsewhere may hold verdicts that were given by other rules.
    return _create(context, user_id, MARKS[command.kind], command.new_id, draft, is_checked=False)


def replace_mark(context: Context, command: Replace) -> Decision:
    """Replace a mark, or create it under this id.

    Raises:
        NotFoundError: It, or its document, is not there for the user.
        PreconditionFailedError: A condition does not hold.
        InvalidError: As `create_mark`; the id is not one of this kind.
        ImmutableError: It would move to another document, or an extraction would change besides its status.
    """
    user_id = require_user(context, command.actor)
    kind = MARKS[command.kind]
    row = context.state.tables[kind.name].row(command.id)
    scope = "" if row is None else _require_changeable(context, user_id, kind, command.id)
    require_own_id(context, user_id, command.id)
    require_conditions(context, command, None if row is None else row.version)
    draft: MarkDraft = require_valid(command.draft)
    draft = _complete(context, draft)
    if row is not None:
        return _revise(context, user_id, kind, command.id, draft, scope)
    require_form(command.id, kind.prefix)
    _require_creatable(context, user_id, kind, draft)
    return _create(context, user_id, kind, command.id, draft)


def update_mark(context: Context, command: Update) -> Decision:
    """Apply a merge patch to a mark. A span that is changed without its `text` derives it anew.

    Raises:
        NotFoundError: There is no such mark that the user may see.
        GoneError: It was deleted.
        PreconditionFailedError: A condition does not hold.
        InvalidError: The result does not fit the schema, or breaks a rule.
        ImmutableError: As `replace_mark`.
    """
    user_id = require_user(context, command.actor)
    kind = MARKS[command.kind]
    scope = _require_changeable(context, user_id, kind, command.id)
    require_conditions(context, command, context.state.tables[kind.name].row(command.id).version)
    patch: dict[str, Any] = require_valid(command.patch)
    members = msgspec.json.decode(context.state.tables[kind.name].value(command.id) or b"")
    draft_type = ExtractionDraft if kind is EXTRACTION else AnnotationDraft
    draft = patched(context, _without_derived(members, patch), patch, draft_type)
    return _revise(context, user_id, kind, command.id, draft, scope)


def delete_mark(context: Context, command: Delete) -> Decision:
    """Delete a mark; with `cascade` also the marks that point to it, and those that point to them.

    Raises:
        NotFoundError: There is no such mark that the user may see.
        GoneError: It was deleted before.
        PreconditionFailedError: A condition does not hold.
        InUseError: Others point to it, and `cascade` was not asked for.
        CascadeTooLargeError: Too many would go with it.
    """
    user_id = require_user(context, command.actor)
    scope = _require_deletable(context, user_id, MARKS[command.kind], command.id)
    require_conditions(context, command, context.state.tables[command.kind].row(command.id).version)
    doomed = deletable_with(context, user_id, MARKS[command.kind], command.id, cascade=command.cascade)
    for key, kind in islice(doomed.items(), 1, None):
        _require_deletable(context, user_id, kind, key)
    changes = [change for key, kind in reversed(doomed.items()) for change in buried(context, kind, key, scope)]
    return Decision(changes, nothing_left(MARKS[command.kind], command.id))


def _require_creatable(context: Context, user_id: str, kind: Kind, draft: MarkDraft) -> None:
    """Make sure that a user may put such a mark on its document.

    Raises:
        NotFoundError: There is no such document that they may read.
        ForbiddenError: They may read it, and not do this; or not decide about its status.
    """
    row = require_document(context, user_id, draft.document_id, _CREATE[kind.name])
    if draft.status not in {None, "proposed"}:
        require_action(context, user_id, row.scope, Action.DECIDE)


def _require_changeable(context: Context, user_id: str, kind: Kind, key: str) -> str:
    """Return the scope of a mark that a user may change, be it the status alone.

    Raises:
        NotFoundError: There is none that they may read.
        ForbiddenError: They may read it, and change nothing of it.
    """
    row, scope = require_mark(context, user_id, kind.name, key)
    own = kind is ANNOTATION and row.author_id == user_id
    require_action(context, user_id, scope, Action.CREATE_ANNOTATION if own else Action.DECIDE)
    return scope


def _require_deletable(context: Context, user_id: str, kind: Kind, key: str) -> str:
    """Return the scope of a mark that a user may delete.

    Raises:
        NotFoundError: There is none that they may read.
        ForbiddenError: They may read it, and not delete it.
    """
    row, scope = require_mark(context, user_id, kind.name, key)
    action = Action.DELETE_EXTRACTION
    if kind is ANNOTATION:
        action = Action.CREATE_ANNOTATION if row.author_id == user_id else Action.CHANGE_ANNOTATION
    require_action(context, user_id, scope, action)
    return scope


def _complete(context: Context, draft: MarkDraft) -> MarkDraft:
    return completed(context, draft) if isinstance(draft, AnnotationDraft) else draft


def _create(
    context: Context, user_id: str, kind: Kind, key: str, draft: MarkDraft, *, is_checked: bool = True
) -> Decision:
    _require_targets(context, user_id, key, draft)
    mark = resolved(context, first_head(context, key), draft, user_id)
    check_read_only(draft, _read_only(kind), mark)
    if isinstance(mark, Annotation) and is_checked:
        require_verdict(context, mark)
    check_labels(context, mark)
    change = created(context, kind, key, mark)
    return Decision([*unburied(context, key), change], outcome_of(kind, change, CREATED, mark.version))


def _revise(context: Context, user_id: str, kind: Kind, key: str, draft: MarkDraft, scope: str) -> Decision:
    current = stored(context, kind, key, _entity(kind))
    if draft.document_id != current.document_id:
        raise ImmutableError(f"{key} is on {current.document_id}, and marks do not move. Create another one there.")
    author_id = current.author_id if isinstance(current, Annotation) else ""
    _require_targets(context, user_id, key, draft, current)
    mark = resolved(context, next_head(context, current), draft, author_id)
    if isinstance(current, Annotation):
        mark = replace(mark, rests_on=current.rests_on)
    check_read_only(draft, _read_only(kind), current, mark)
    if isinstance(current, Annotation) and isinstance(mark, Annotation):
        require_verdict(context, mark, current)
    if _labelled(mark) != _labelled(current):
        # What was there before the labels changed may stay, and be decided about.
        check_labels(context, mark)
    if mark.status != current.status:
        require_action(context, user_id, scope, Action.DECIDE)
    if isinstance(current, Annotation) and author_id != user_id and _besides_status(mark) != _besides_status(current):
        require_action(context, user_id, scope, Action.CHANGE_ANNOTATION)
    if isinstance(current, Extraction) and _besides_status(mark) != _besides_status(current):
        raise ImmutableError(f"{key} is what a model said: only its status changes. Correct it with an annotation.")
    if _besides_status(mark) != _besides_status(current):
        _require_unrested(context, key)
    change = updated(context, kind, key, mark)
    return Decision([change], outcome_of(kind, change, OK, mark.version))


def resolved(context: Context, head: Head, draft: MarkDraft, author_id: str) -> Annotation | Extraction:
    """Return the mark that a draft makes, whose references were looked at.

    Raises:
        InvalidError: A rule is broken.
    """
    # One dictionary, because every mark that is made or changed comes by here.
    members = resolve(draft, context.state.text(draft.document_id))
    members["id"], members["version"] = head.id, head.version
    members["created_at"], members["updated_at"] = head.created_at, head.updated_at
    members["document_id"], members["status"] = draft.document_id, draft.status or "proposed"
    if isinstance(draft, AnnotationDraft):
        return Annotation(**members, author_id=author_id, extraction_id=draft.extraction_id, verdict=draft.verdict)
    if not isinstance(draft, ExtractionDraft):
        raise TypeError(f"{type(draft).__name__} is the draft of no mark")
    return Extraction(
        **members,
        source=draft.source,
        quote=draft.quote,
        alignment=draft.alignment,
        confidence=draft.confidence,
    )


def _require_targets(
    context: Context, user_id: str, key: str, draft: MarkDraft, current: Annotation | Extraction | None = None
) -> None:
    before = () if current is None else {argument.target for argument in current.arguments or ()}
    errors = target_errors(context, user_id, key, draft, before)
    if errors:
        raise InvalidError("The mark points to something that is not there.", errors)


def _require_unrested(context: Context, key: str) -> None:
    """Make sure that no decided annotation rests on a mark whose content would change.

    Raises:
        InUseError: One does.
    """
    table = context.state.tables[ANNOTATION.name]
    resting = table.ids(islice(table.select({"rests_on": (key,)}), 1))
    if resting:
        raise InUseError(f"The decided annotation {resting[0]} rests on {key}, which stays as it was.")


def _labelled(mark: MarkFields) -> tuple[Any, ...]:
    return mark.type, mark.label, mark.attributes, mark.arguments


def check_labels(context: Context, mark: Annotation | Extraction, new: Mapping[str, str | None] | None = None) -> None:
    """Make sure that a mark fits the labels of its project, if that is closed to others.

    Args:
        context: Of the decision.
        mark: Resolved.
        new: Labels of marks that are yet to be created, by id.

    Raises:
        LabelUnknownError: Its label is none of them; the nearest is named.
        InvalidError: It does not fit otherwise.
    """
    document = context.state.tables["document"].row(mark.document_id)
    project = None if document.project_id is None else context.state.tables["project"].row(document.project_id)
    if project is None or project.label_policy == "open":
        return

    def label_of(key: str) -> str | None:
        if new is not None and key in new:
            return new[key]
        rows = (context.state.tables[kind.name].row(key) for kind in MARKS.values())
        return next((row.label for row in rows if row is not None), None)

    errors = mark_errors(project.labels, mark, label_of)
    if any(error.pointer == "/label" for error in errors):
        raise LabelUnknownError("The mark has none of the labels that its project has for such marks.", errors)
    if errors:
        raise InvalidError("The mark does not fit the labels of its project.", errors)


def _without_derived(members: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Leave out what follows from members that the patch changes, unless the patch says it itself."""
    derived = {"text"} if _SPAN_MEMBERS & patch.keys() else set()
    if patch.get("fragments") is not None:
        derived |= {"start", "end"}
    return {name: value for name, value in members.items() if name not in derived}


def _entity(kind: Kind) -> type[Annotation | Extraction]:
    return Extraction if kind is EXTRACTION else Annotation


def _read_only(kind: Kind) -> tuple[str, ...]:
    return () if kind is EXTRACTION else ("author_id", "rests_on")


def _besides_status(mark: MarkFields) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(mark).items() if name not in _NEXT}
