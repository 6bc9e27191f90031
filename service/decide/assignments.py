"""Assignments by hand: given, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from service.clock import format_time
from service.commands import Create, Delete, Replace, Update
from service.decide.access import absent, is_reviewed, require_action, require_document, require_user, role_in
from service.decide.conditions import require_conditions
from service.decide.decision import (
    CREATED,
    OK,
    Context,
    Decision,
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
from service.decide.roles import ALLOWED, Action
from service.errors import ConflictError, FieldError, ImmutableError, InvalidError, TakenError
from service.kinds.account import USER
from service.kinds.assignment import ASSIGNMENT, OPEN, Assignment, AssignmentDraft, AssignmentRule, Task

WORK: Mapping[Task, Action] = {"annotate": Action.TAKE_ANNOTATING, "review": Action.TAKE_REVIEWING}
"""What one must be allowed to do to be given a document, and to say how far one is."""
_READ_ONLY = ("project_id", "started_at", "released_at")
_FIXED = ("document_id", "user_id", "task")


def create_assignment(context: Context, command: Create) -> Decision:
    """Give somebody a document to annotate or to review.

    Raises:
        NotFoundError: There is no such document that who asks may see.
        ForbiddenError: They may see it, and not assign it.
        InvalidError: The body does not fit the schema; the document is in no project; the user cannot do it.
        TakenError: The user has it already.
    """
    user_id = require_user(context, command.actor)
    refuse_reused_key(context, command)
    return _create(context, user_id, command.new_id, require_valid(command.draft))


def replace_assignment(context: Context, command: Replace) -> Decision:
    """Change how far an assignment is, or create one under this id.

    Raises:
        NotFoundError: It, or its document, is not there for the user.
        ForbiddenError: They may see it, and not do this.
        PreconditionFailedError: A condition does not hold.
        ImmutableError: It would be of another document, user or task.
        InvalidError: As `create_assignment`; the id is not one of an assignment.
        TakenError: As `create_assignment`.
    """
    user_id = require_user(context, command.actor)
    row = context.state.tables[ASSIGNMENT.name].row(command.id)
    if row is not None:
        _require_changeable(context, user_id, command.id)
    require_own_id(context, user_id, command.id)
    require_conditions(context, command, None if row is None else row.version)
    draft: AssignmentDraft = require_valid(command.draft)
    if row is not None:
        return _revise(context, user_id, command.id, draft)
    require_form(command.id, ASSIGNMENT.prefix)
    return _create(context, user_id, command.id, draft)


def update_assignment(context: Context, command: Update) -> Decision:
    """Apply a merge patch to an assignment, of which only the state changes.

    Raises:
        NotFoundError: There is none that the user may see.
        GoneError: It was deleted.
        ForbiddenError: It is somebody else's, and they may not assign.
        PreconditionFailedError: A condition does not hold.
        ImmutableError: As `replace_assignment`.
        ConflictError: It was skipped, and others have the document by now, or its review is done.
        InvalidError: The result does not fit the schema.
    """
    user_id = require_user(context, command.actor)
    row = _require_changeable(context, user_id, command.id)
    require_conditions(context, command, row.version)
    patch: dict[str, Any] = require_valid(command.patch)
    members = msgspec.json.decode(context.state.tables[ASSIGNMENT.name].value(command.id) or b"")
    return _revise(context, user_id, command.id, patched(context, members, patch, AssignmentDraft))


def delete_assignment(context: Context, command: Delete) -> Decision:
    """Take an assignment back as if it had never been.

    Raises:
        NotFoundError: There is none that the user may see.
        GoneError: It was deleted before.
        ForbiddenError: They may see it, and not delete it.
        PreconditionFailedError: A condition does not hold.
    """
    user_id = require_user(context, command.actor)
    row = require_assignment(context, user_id, command.id)
    require_action(context, user_id, row.project_id, Action.ASSIGN)
    require_conditions(context, command, row.version)
    return Decision(buried(context, ASSIGNMENT, command.id, row.project_id), nothing_left(ASSIGNMENT, command.id))


def require_assignment(context: Context, user_id: str, key: str) -> Any:
    """Return the row of an assignment that a user may see: all members of its project may.

    Raises:
        NotFoundError: There is none.
        GoneError: There was one, and they could see it.
    """
    row = context.state.tables[ASSIGNMENT.name].row(key)
    if row is None or role_in(context, user_id, row.project_id) is None:
        raise absent(context, user_id, ASSIGNMENT.name, key)
    return row


def given(context: Context, key: str, draft: AssignmentDraft, project_id: str) -> Assignment:
    """Return a new assignment."""
    return Assignment(
        **first_head(context, key).members(),
        document_id=draft.document_id,
        project_id=project_id,
        user_id=draft.user_id,
        task=draft.task,
        state=draft.state,
        started_at=format_time(context.now) if draft.state == "in_progress" else None,
    )


def moved(context: Context, current: Assignment, state: str) -> Assignment:
    """Return the next version of an assignment, in a state."""
    starts = state == "in_progress" != current.state
    return replace(
        current,
        **next_head(context, current).members(),
        state=state,
        started_at=format_time(context.now) if starts else current.started_at,
        released_at=current.released_at if state == "skipped" else None,
    )


def _require_changeable(context: Context, user_id: str, key: str) -> Any:
    row = require_assignment(context, user_id, key)
    own = row.user_id == user_id and role_in(context, user_id, row.project_id) in ALLOWED[WORK[row.task]]
    require_action(context, user_id, row.project_id, WORK[row.task] if own else Action.ASSIGN)
    return row


def _create(context: Context, user_id: str, key: str, draft: AssignmentDraft) -> Decision:
    project_id = require_document(context, user_id, draft.document_id, Action.ASSIGN).project_id
    if project_id is None:
        detail = f"{draft.document_id} is private to its owner: only documents of projects are assigned"
        raise InvalidError("The assignment breaks a rule.", [FieldError("/document_id", detail)])
    _require_able(context, draft.user_id, project_id, draft.task)
    table = context.state.tables[ASSIGNMENT.name]
    filters = {"document_id": (draft.document_id,), "user_id": (draft.user_id,), "task": (draft.task,)}
    for holder in table.ids(table.select(filters)):
        detail = f"has it already, in {holder}: change the state of that"
        raise TakenError(
            f"{draft.user_id} was given {draft.document_id} to {draft.task} before.", [FieldError("/user_id", detail)]
        )
    assignment = given(context, key, draft, project_id)
    check_read_only(draft, _READ_ONLY, assignment)
    change = created(context, ASSIGNMENT, key, assignment)
    return Decision([*unburied(context, key), change], outcome_of(ASSIGNMENT, change, CREATED, assignment.version))


def _require_able(context: Context, user_id: str, project_id: str, task: Task) -> None:
    user = context.state.tables[USER.name].row(user_id)
    if user is None or user.disabled or role_in(context, user_id, project_id) not in ALLOWED[WORK[task]]:
        who = ", ".join(sorted(ALLOWED[WORK[task]]))
        # Not which of it: whether somebody's account is disabled is not for all who assign.
        detail = f"{user_id} found, expected somebody with an account in use who may {task} in {project_id}: {who}"
        raise InvalidError("The assignment breaks a rule.", [FieldError("/user_id", detail)])


def _require_place(context: Context, user_id: str, current: Assignment) -> None:
    """Make sure that what was skipped or taken back may be taken up again: by those who assign, or if it is free yet.

    Raises:
        ConflictError: Others have the document by now, or its review is done.
    """
    if role_in(context, user_id, current.project_id) in ALLOWED[Action.ASSIGN]:
        return
    if is_reviewed(context, current.document_id):
        raise ConflictError(f"The review of {current.document_id} is done. Ask for the next document.")
    counts = context.state.supply.counts_of(current.document_id)
    rule: AssignmentRule = context.state.tables["project"].row(current.project_id).assignment
    held, places = counts.annotators, rule.annotators_per_document
    if current.task == "review":
        held, places = counts.reviewing, 1
    if held >= places:
        raise ConflictError(f"{current.document_id} was given to others since. Ask for the next document.")


def _revise(context: Context, user_id: str, key: str, draft: AssignmentDraft) -> Decision:
    current = stored(context, ASSIGNMENT, key, Assignment)
    for name in _FIXED:
        if getattr(draft, name) != getattr(current, name):
            raise ImmutableError(
                f"{key} is of {current.document_id}, {current.user_id}, to {current.task}: "
                "only its state changes. Delete it and create another one."
            )
    if draft.state in OPEN and current.state not in OPEN:
        _require_able(context, current.user_id, current.project_id, current.task)
    if current.state == "skipped" != draft.state:
        _require_place(context, user_id, current)
    after = moved(context, current, draft.state)
    check_read_only(draft, _READ_ONLY, current, after)
    change = updated(context, ASSIGNMENT, key, after)
    return Decision([change], outcome_of(ASSIGNMENT, change, OK, after.version))
