"""Users: registration, changes, deletion with what is theirs."""

from __future__ import annotations

import msgspec

from service.commands import Delete, Register, Update
from service.decide.access import require_account, require_caller
from service.decide.conditions import require_conditions
from service.decide.decision import (
    CREATED,
    OK,
    Caller,
    Context,
    Decision,
    check_read_only,
    created,
    deleted,
    first_head,
    next_head,
    nothing_left,
    outcome_of,
    require_valid,
    stored,
    updated,
)
from service.decide.documents import document_deletion
from service.decide.ending import released_everywhere, released_when_disabled
from service.decide.idempotency import refuse_reused_key
from service.decide.keys import keys_ended
from service.decide.patch import patched
from service.decide.projects import member_change, project_deletion
from service.errors import ConflictError, FieldError, ForbiddenError, TakenError
from service.kinds.account import CREDENTIAL, SESSION, USER, Credential, Role, User, UserDraft
from service.kinds.project import PROJECT
from wal.change import Change


def register(context: Context, command: Register) -> Decision:
    """Create a user. The first one, from this machine or with the token of the start, is an admin.

    Admins choose the role, also where registration is closed.

    Raises:
        UnauthenticatedError: The session that was sent has ended.
        ForbiddenError: Registration is closed, or somebody who is no admin chose a role.
        InvalidError: The body does not fit the schema.
        TakenError: The e-mail address belongs to a user.
    """
    is_admin = command.actor is not None and require_caller(context, command.actor).is_admin
    nobody_yet = not len(context.state.tables[USER.name])
    if not (command.open or is_admin or (command.setup and nobody_yet)):
        raise ForbiddenError("Registration is closed here. Ask an administrator for an account.")
    refuse_reused_key(context, command)
    draft: UserDraft = require_valid(command.draft)
    first = nobody_yet and (command.loopback or command.setup)
    role: Role = "admin" if first and not is_admin else "member"
    if is_admin:
        role = draft.role or role
    elif draft.role not in {None, role} or draft.disabled:
        raise ForbiddenError(f"You become a {role}: only administrators choose role and disabled.")
    email = _free_email(context, draft.email, "")
    user = User(
        **first_head(context, command.new_id).members(),
        email=email,
        name=draft.name,
        role=role,
        disabled=bool(draft.disabled) or command.reset_required,
    )
    check_read_only(draft, (), user)
    credential = Credential(
        id=user.id, password_hash=command.password_hash, reset_required=command.reset_required and not draft.disabled
    )
    change = created(context, USER, user.id, user)
    return Decision([change, created(context, CREDENTIAL, user.id, credential)], outcome_of(USER, change, CREATED))


def update_user(context: Context, command: Update) -> Decision:
    """Apply a merge patch to a user: name and e-mail by themselves or an admin, role and `disabled` by an admin.

    Who is disabled has no session and no API key any more, and what they had to do is taken back.

    Raises:
        NotFoundError: There is no such user whom the caller may see.
        ForbiddenError: Somebody who is no admin would change role or `disabled`.
        PreconditionFailedError: A condition does not hold.
        InvalidError: The result does not fit the schema.
        TakenError: The e-mail address belongs to another user.
        ConflictError: No admin would be left.
        CascadeTooLargeError: As an admin they had too many documents still to do in projects of others.
    """
    caller = require_caller(context, command.actor)
    row = require_account(context, caller, command.id)
    current = stored(context, USER, command.id, User)
    if isinstance(command.patch, dict):
        _require_admin_for(caller, current, command.patch)
    require_conditions(context, command, row.version)
    patch = require_valid(command.patch)
    draft = patched(context, msgspec.to_builtins(current), patch, UserDraft)
    user = User(
        **next_head(context, current).members(),
        email=_free_email(context, draft.email, command.id),
        name=draft.name,
        role=draft.role or "member",
        disabled=bool(draft.disabled),
    )
    check_read_only(draft, (), current, user)
    if user.disabled or user.role != "admin":
        _require_other_admin(context, command.id)
    change = updated(context, USER, user.id, user)
    changes = [change]
    credential = context.state.tables[CREDENTIAL.name].row(command.id)
    if credential.reset_required and "disabled" in patch:
        # Now somebody has said so, and a password does not change it.
        said = msgspec.structs.replace(credential, reset_required=False)
        changes.append(updated(context, CREDENTIAL, command.id, said))
    if user.disabled and not current.disabled:
        # Ended, and not only refused meanwhile: a stolen token must not count again once the account is enabled.
        changes += _logins_ended(context, command.id)
    if user.disabled:
        changes += released_when_disabled(context, command.id, context.limits.cascade_max)
    elif user.role != "admin" and current.role == "admin":
        projects = context.state.tables[PROJECT.name]
        member_of = projects.ids(projects.select({"member": (command.id,)}))
        roles = {key: projects.row(key).members[command.id] for key in member_of}
        changes += released_everywhere(context, command.id, context.limits.cascade_max, roles)
    return Decision(changes, outcome_of(USER, change, OK, user.version))


def delete_user(context: Context, command: Delete) -> Decision:
    """Delete a user with their credential, sessions, API keys, private documents, and projects that nobody else is in.

    What they put on others' documents, and into projects that go on, stays; what they still had to do there is
    taken back.

    Raises:
        NotFoundError: There is no such user whom the caller may see.
        PreconditionFailedError: A condition does not hold.
        ConflictError: No admin would be left, or no owner of a project.
        CascadeTooLargeError: They have too much.
    """
    row = require_account(context, require_caller(context, command.actor), command.id)
    require_conditions(context, command, row.version)
    _require_other_admin(context, command.id)
    changes: list[Change] = []
    documents = context.state.tables["document"]
    room = context.limits.cascade_max
    for document_id in documents.ids(documents.select({"scope": (command.id,)})):
        of_document = document_deletion(context, document_id, room)
        room -= sum(1 for change in of_document if change.kind == "tombstone")
        changes += of_document
    projects = context.state.tables[PROJECT.name]
    gone = set()
    for key in projects.ids(projects.select({"member": (command.id,)})):
        if len(projects.row(key).members) > 1:
            changes.append(member_change(context, key, command.id, None))
            continue
        gone.add(key)
        of_project = project_deletion(context, key, command.id, room)
        room -= sum(1 for change in of_project if change.kind == "tombstone")
        changes += of_project
    changes += released_everywhere(context, command.id, room, {}, gone)
    changes += _logins_ended(context, command.id)
    changes += [deleted(context, CREDENTIAL, command.id), deleted(context, USER, command.id)]
    return Decision(changes, nothing_left(USER, command.id))


def _logins_ended(context: Context, user_id: str) -> list[Change]:
    sessions = context.state.tables[SESSION.name]
    ended = [deleted(context, SESSION, key) for key in sessions.ids(sessions.select({"user_id": (user_id,)}))]
    return [*ended, *keys_ended(context, user_id)]


def _require_admin_for(caller: Caller, current: User, patch: dict[str, object]) -> None:
    for name in ("role", "disabled"):
        if name in patch and patch[name] != getattr(current, name) and not caller.is_admin:
            raise ForbiddenError(f"Only administrators change {name}.")


def _free_email(context: Context, email: str, user_id: str) -> str:
    folded = email.casefold()
    holder = context.state.tables[USER.name].holder("email", folded)
    if holder is not None and holder != user_id:
        raise TakenError(f"{folded} is registered already.", [FieldError("/email", "belongs to a user")])
    return folded


def _require_other_admin(context: Context, user_id: str) -> None:
    """Make sure that the user is not the last admin who can act."""
    users = context.state.tables[USER.name]
    row = users.row(user_id)
    if row.role != "admin" or row.disabled:
        return
    admins = users.ids(users.select({"role": ("admin",)}))
    if not any(other != user_id and not users.row(other).disabled for other in admins):
        raise ConflictError("This is the last administrator. Make another one first.")
