"""Who may do what. Everything is looked up again here, because authorisation happened before the body arrived."""

from __future__ import annotations

from typing import Any

import msgspec

from service.commands import LOCAL_ADMIN, Actor, CreateFor
from service.decide.decision import Caller, Context
from service.decide.roles import ALLOWED, Action
from service.errors import DomainError, ForbiddenError, GoneError, NotFoundError, UnauthenticatedError
from service.kinds.account import UserRow
from service.kinds.private import Tombstone
from service.kinds.project import ProjectRole


def require_caller(context: Context, actor: Actor | None) -> Caller:
    """Return who asks.

    Raises:
        UnauthenticatedError: Nobody is logged in, the session or the API key ended, or the account is disabled.
    """
    if context.caller is not None:
        return context.caller
    if actor == LOCAL_ADMIN:
        return Caller(None, is_admin=True)
    if actor is None or actor.user_id is None or (actor.session_id is None and actor.key_id is None):
        raise UnauthenticatedError("Log in with POST /v1/sessions.")
    login = login_of(context, actor)
    user = context.state.tables["user"].row(actor.user_id)
    if login is None or user is None or login.user_id != actor.user_id or login.expires_at <= context.now:
        what = "The session has ended. Log in again." if actor.key_id is None else "The API key has ended."
        raise UnauthenticatedError(what)
    if user.disabled:
        # What was disabled before that ended sessions may have some.
        raise UnauthenticatedError("The account is disabled. Ask an administrator.")
    return Caller(actor.user_id, is_admin=_administers(acting(context, actor), actor.user_id, user))


def login_of(context: Context, actor: Actor) -> Any:
    """Return the row of the session or the API key by which somebody asks, None if it is gone."""
    kind, key = ("session", actor.session_id) if actor.key_id is None else ("api_key", actor.key_id)
    return None if key is None else context.state.tables[kind].row(key)


def acting(context: Context, actor: Actor | None) -> Context:
    """Return the context in which somebody asks: by an API key they are administrators only if it has that scope."""
    if actor is None or actor.key_id is None or context.caller is not None:
        return context
    key = login_of(context, actor)
    if key is not None and "admin" in key.scopes:
        return context
    return msgspec.structs.replace(context, plain_id=actor.user_id)


def is_admin(context: Context, user_id: str) -> bool:
    """Tell if a user acts as an administrator."""
    user = context.state.tables["user"].row(user_id)
    return user is not None and _administers(context, user_id, user)


def _administers(context: Context, user_id: str, user: UserRow) -> bool:
    return user.role == "admin" and context.plain_id != user_id


def require_session(context: Context, actor: Actor | None) -> str:
    """Return the id of who is logged in, and asks by a session.

    Raises:
        UnauthenticatedError: As `require_caller`.
        ForbiddenError: It is an API key, or the local administrator, who is no user.
    """
    user_id = require_user(context, actor)
    if actor is not None and actor.key_id is not None:
        raise ForbiddenError("No API key may do this. Log in with POST /v1/sessions and use the session's token.")
    return user_id


def require_user(context: Context, actor: Actor | None) -> str:
    """Return the id of who asks.

    Raises:
        UnauthenticatedError: As `require_caller`.
        ForbiddenError: It is the local administrator, who is no user.
    """
    caller = require_caller(context, actor)
    if caller.user_id is None:
        raise ForbiddenError("The local administrator manages users, and has no documents. Log in as a user.")
    return caller.user_id


def require_named_user(context: Context, command: CreateFor) -> str:
    """Return the id of the user in whose name the local administrator creates something.

    Raises:
        UnauthenticatedError: As `require_caller`.
        ForbiddenError: Somebody else asks.
        NotFoundError: There is no such user.
    """
    if require_caller(context, command.actor).user_id is not None:
        raise ForbiddenError("Only the local administrator creates something in another's name.")
    if context.state.tables["user"].row(command.user_id) is None:
        raise NotFoundError(f"There is no user {command.user_id}.")
    return command.user_id


def role_in(context: Context, user_id: str, scope: str) -> ProjectRole | None:
    """Return what a user is to the documents of a project, or to somebody's private ones; None for nobody.

    Args:
        context: Of the decision.
        user_id: The user.
        scope: The project's id, or the owner's of private documents.
    """
    if scope == user_id:
        return "owner"
    project = context.state.tables["project"].row(scope)
    if project is None:
        return None
    role: ProjectRole | None = project.members.get(user_id)
    return "owner" if is_admin(context, user_id) else role


def scopes_of(context: Context, user_id: str) -> tuple[str, ...]:
    """Return whose documents a user may read: their own, and those of the projects that they are a member of."""
    projects = context.state.tables["project"]
    member = {} if is_admin(context, user_id) else {"member": (user_id,)}
    return (user_id, *projects.ids(projects.select(member)))


def hides_others(context: Context, user_id: str, scope: str) -> bool:
    """Tell if a user who may read a scope sees only their own annotations in it, as long as nothing is reviewed."""
    project = context.state.tables["project"].row(scope)
    if project is None or project.annotators == "shared":
        return False
    return role_in(context, user_id, scope) not in ALLOWED[Action.SEE_OTHERS]


def is_reviewed(context: Context, document_id: str) -> bool:
    """Tell if the review of a document is done: it was adjudicated."""
    return context.state.tables["document"].row(document_id).reviewed_at is not None


def is_hidden(context: Context, user_id: str, kind: str, row: Any) -> bool:
    """Tell if a mark on a document that a user may read is one that they do not see (`service.decide.visibility`).

    Args:
        context: Of the decision.
        user_id: Who looks.
        kind: Of the mark.
        row: The mark's.
    """
    if kind != "annotation" or row.author_id == user_id or is_reviewed(context, row.document_id):
        return False
    return hides_others(context, user_id, context.state.tables["document"].row(row.document_id).scope)


def require_action(context: Context, user_id: str, scope: str, action: Action) -> None:
    """Make sure that a user who may read something may also do something.

    Raises:
        ForbiddenError: They may not.
    """
    _require_allowed(role_in(context, user_id, scope), scope, action)


def _require_allowed(role: ProjectRole | None, scope: str, action: Action) -> None:
    if role not in ALLOWED[action]:
        who = ", ".join(sorted(ALLOWED[action]))
        raise ForbiddenError(f"As {role} of {scope} you cannot do this: {action.value}. Who can: {who}.")


def require_document(context: Context, user_id: str, document_id: str, action: Action = Action.READ) -> Any:
    """Return the row of a document that the user may read, and do something with.

    Raises:
        NotFoundError: There is none that they may read.
        GoneError: They could read it, and it was deleted.
        ForbiddenError: They may read it, and not do this.
    """
    row = context.state.tables["document"].row(document_id)
    role = None if row is None else role_in(context, user_id, row.scope)
    if role is None:
        raise absent(context, user_id, "document", document_id)
    _require_allowed(role, row.scope, action)
    return row


def require_mark(context: Context, user_id: str, kind: str, key: str) -> tuple[Any, str]:
    """Return the row of a mark that the user may read, and the scope of its document.

    Raises:
        NotFoundError: There is none that the user may read.
        GoneError: The user could read it, and it was deleted.
    """
    row = context.state.tables[kind].row(key)
    document = None if row is None else context.state.tables["document"].row(row.document_id)
    if document is None or role_in(context, user_id, document.scope) is None:
        raise absent(context, user_id, kind, key)
    if is_hidden(context, user_id, kind, row):
        raise absent(context, user_id, kind, key)
    return row, document.scope


def require_project(context: Context, user_id: str, key: str, action: Action = Action.READ) -> Any:
    """Return the row of a project that the user may read, and do something with.

    Raises:
        NotFoundError: There is none that they may read.
        GoneError: They could read it, and it was deleted.
        ForbiddenError: They may read it, and not do this.
    """
    row = context.state.tables["project"].row(key)
    role = None if row is None else role_in(context, user_id, key)
    if role is None:
        raise absent(context, user_id, "project", key)
    _require_allowed(role, key, action)
    return row


def require_account(context: Context, caller: Caller, user_id: str) -> Any:
    """Return the row of a user whom the caller may see: themselves, or anybody for an admin.

    Raises:
        NotFoundError: There is none that the caller may see.
    """
    row = context.state.tables["user"].row(user_id)
    if row is None or not (caller.is_admin or caller.user_id == user_id):
        raise NotFoundError(f"There is no user {user_id} that you can see.")
    return row


def absent(context: Context, user_id: str, kind: str, key: str) -> DomainError:
    """Return the error that tells a user of an entity that is not there for them."""
    tombstone = context.state.tables["tombstone"].row(key)
    if tombstone is not None and tombstone.kind == kind and could_read(context, user_id, tombstone):
        return GoneError(f"The {kind} {key} was deleted.")
    return NotFoundError(f"There is no {kind} {key} that you can see.")


def could_read(context: Context, user_id: str, tombstone: Tombstone) -> bool:
    """Tell if a user could read what was deleted; of a project that is gone itself nobody knows any more.

    Where others' annotations are hidden, only who made one is told of its deletion, whether it was reviewed or not.
    """
    if role_in(context, user_id, tombstone.owner_id) is None:
        return False
    is_annotation = tombstone.kind == "annotation"
    return not is_annotation or tombstone.author_id == user_id or not hides_others(context, user_id, tombstone.owner_id)
