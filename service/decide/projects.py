"""Projects and their members."""

from __future__ import annotations

from typing import Any

import msgspec

from service.commands import Create, Delete, Replace, SetMember, Update
from service.decide.access import require_action, require_project, require_user
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
from service.decide.documents import document_deletion, require_form, require_own_id
from service.decide.ending import released_from
from service.decide.idempotency import refuse_reused_key
from service.decide.patch import patched
from service.decide.roles import Action
from service.errors import CascadeTooLargeError, ConflictError, InvalidError, NotFoundError
from service.kinds.label import schema_errors
from service.kinds.project import MEMBERS_MAX, PROJECT, Project, ProjectDraft, ProjectRole
from wal.change import Change

_READ_ONLY = ("members",)


def create_project(context: Context, command: Create) -> Decision:
    """Create a project; who asks is its owner.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        InvalidError: The body does not fit the schema.
    """
    user_id = require_user(context, command.actor)
    refuse_reused_key(context, command)
    return _create(context, user_id, command.new_id, require_valid(command.draft))


def replace_project(context: Context, command: Replace) -> Decision:
    """Replace a project, but for its members, or create it under this id.

    Raises:
        NotFoundError: It is there, and the user may not read it.
        ForbiddenError: They may read it, and not change it.
        PreconditionFailedError: A condition does not hold.
        InvalidError: The body does not fit the schema; the id is not one of a project.
    """
    user_id = require_user(context, command.actor)
    row = context.state.tables[PROJECT.name].row(command.id)
    if row is not None:
        require_project(context, user_id, command.id, Action.CHANGE_PROJECT)
    require_own_id(context, user_id, command.id)
    require_conditions(context, command, None if row is None else row.version)
    draft: ProjectDraft = require_valid(command.draft)
    if row is not None:
        return _revise(context, command.id, draft)
    require_form(command.id, PROJECT.prefix)
    return _create(context, user_id, command.id, draft)


def update_project(context: Context, command: Update) -> Decision:
    """Apply a merge patch to a project, but for its members.

    Raises:
        NotFoundError: There is none that the user may read.
        GoneError: It was deleted.
        ForbiddenError: They may read it, and not change it.
        PreconditionFailedError: A condition does not hold.
        InvalidError: The result does not fit the schema.
    """
    user_id = require_user(context, command.actor)
    row = require_project(context, user_id, command.id, Action.CHANGE_PROJECT)
    require_conditions(context, command, row.version)
    patch: dict[str, Any] = require_valid(command.patch)
    members = msgspec.json.decode(context.state.tables[PROJECT.name].value(command.id) or b"")
    return _revise(context, command.id, patched(context, members, patch, ProjectDraft))


def delete_project(context: Context, command: Delete) -> Decision:
    """Delete a project with its documents and their marks, in one transaction.

    Raises:
        NotFoundError: There is none that the user may read.
        GoneError: It was deleted before.
        ForbiddenError: They may read it, and not delete it.
        PreconditionFailedError: A condition does not hold.
        CascadeTooLargeError: It holds too much.
    """
    user_id = require_user(context, command.actor)
    row = require_project(context, user_id, command.id, Action.DELETE_PROJECT)
    require_conditions(context, command, row.version)
    return Decision(
        project_deletion(context, command.id, user_id, context.limits.cascade_max), nothing_left(PROJECT, command.id)
    )


def set_member(context: Context, command: SetMember) -> Decision:
    """Make a user a member of a project, or let them be something else there, or nothing.

    Raises:
        NotFoundError: There is no such project that the user may read, no such user, or no such member.
        ForbiddenError: They may read it, and not manage its members; everybody may leave.
        PreconditionFailedError: A condition does not hold.
        ConflictError: No owner would be left, or there are too many members.
        CascadeTooLargeError: They had too many documents still to do, which are taken back.
    """
    user_id = require_user(context, command.actor)
    row = require_project(context, user_id, command.id)
    leaves = command.role is None and command.user_id == user_id and user_id in row.members
    if not leaves:
        require_action(context, user_id, command.id, Action.MANAGE_MEMBERS)
    require_conditions(context, command, row.version)
    role: ProjectRole | None = require_valid(command.role)
    change = member_change(context, command.id, command.user_id, role)
    user = context.state.tables["user"].row(command.user_id)
    # By the account, and not by an API key of theirs that does less.
    becomes: ProjectRole | None = "owner" if user is not None and user.role == "admin" else role
    changes = [change, *released_from(context, command.user_id, command.id, becomes, context.limits.cascade_max)]
    if role is None:
        return Decision(changes, nothing_left(PROJECT, command.id))
    return Decision(changes, outcome_of(PROJECT, change, OK, row.version + 1))


def member_change(context: Context, key: str, user_id: str, role: ProjectRole | None) -> Change:
    """Return the change of a project that gives a user a role in it, or none.

    Raises:
        NotFoundError: There is no such user, or they are no member.
        ConflictError: No owner would be left, or there are too many members.
    """
    current = stored(context, PROJECT, key, Project)
    members = {other: held for other, held in current.members.items() if other != user_id}
    if role is None and user_id not in current.members:
        raise NotFoundError(f"{user_id} is no member of {key}.")
    if role is not None:
        if context.state.tables["user"].row(user_id) is None:
            raise NotFoundError(f"There is no user {user_id}.")
        members[user_id] = role
    if "owner" not in members.values():
        raise ConflictError(f"{user_id} is the last owner of {key}. Make another one first, or delete the project.")
    if len(members) > MEMBERS_MAX:
        raise ConflictError(f"{key} has {len(current.members)} members, and may have {MEMBERS_MAX}.")
    head = next_head(context, current).members()
    return updated(context, PROJECT, key, msgspec.structs.replace(current, **head, members=members))


def project_deletion(context: Context, key: str, user_id: str, room: int) -> list[Change]:
    """Return the changes that delete a project with its documents and their marks.

    Args:
        context: Of the decision.
        key: Of the project.
        user_id: Who deletes it: to them alone it is gone, and not absent.
        room: Entities that may be deleted.

    Raises:
        CascadeTooLargeError: They are more.
    """
    documents = context.state.tables["document"]
    changes: list[Change] = []
    room -= 1
    for document_id in documents.ids(documents.select({"project_id": (key,)})):
        if room <= 0:
            raise CascadeTooLargeError(
                f"More than {context.limits.cascade_max} entities would be deleted at once. "
                f"Delete documents of {key} first."
            )
        of_document = document_deletion(context, document_id, room)
        room -= sum(1 for change in of_document if change.kind == "tombstone")
        changes += of_document
    return [*changes, *buried(context, PROJECT, key, user_id)]


def _create(context: Context, user_id: str, key: str, draft: ProjectDraft) -> Decision:
    project = _project(first_head(context, key), draft, {user_id: "owner"})
    check_read_only(draft, _READ_ONLY, project)
    change = created(context, PROJECT, key, project)
    return Decision([*unburied(context, key), change], outcome_of(PROJECT, change, CREATED, project.version))


def _revise(context: Context, key: str, draft: ProjectDraft) -> Decision:
    current = stored(context, PROJECT, key, Project)
    project = _project(next_head(context, current), draft, current.members)
    check_read_only(draft, _READ_ONLY, current, project)
    change = updated(context, PROJECT, key, project)
    return Decision([change], outcome_of(PROJECT, change, OK, project.version))


def _project(head: Head, draft: ProjectDraft, members: dict[str, ProjectRole]) -> Project:
    errors = schema_errors(draft.labels)
    if errors:
        raise InvalidError("The labels break a rule.", errors)
    return Project(
        **head.members(),
        name=draft.name,
        description=draft.description,
        labels=draft.labels,
        label_policy=draft.label_policy,
        annotators=draft.annotators,
        assignment=draft.assignment,
        members=members,
    )
