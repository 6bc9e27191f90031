"""What API keys may do: one table, beside that of the roles (`service.decide.roles`).

A key never does more than its user may, and of that as much as its scopes say. Each of them reads. What the table does
not name takes a session: keys make no keys, set no passwords and end no sessions. What is needed is asked of the key in
the moment of the decision, like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.assigning import TakeNext
from service.commands import Actor, Command, Create, Delete, Register, Replace, SetMember, Update
from service.contents import RemoveContent, StoreContent
from service.decide.access import require_caller
from service.decide.decision import Context
from service.errors import ForbiddenError, InsufficientScopeError
from service.exports import EndRestore, Restore
from service.kinds.account import API_KEY, Scope, UserDraft
from service.operations import Load, Transact
from service.reviews import Adjudicate, ChangeLabels

MEANINGS: Mapping[Scope, str] = {
    "read": "read what its user may read",
    "write": "create, change and delete documents, marks and assignments, take the next document, and adjudicate",
    "projects": "create, change and delete projects, their members and labels",
    "admin": "act as the administrator that its user is: on accounts, on the server's state, in projects of others",
}

_CHANGES: tuple[type[Command], ...] = (Create, Replace, Update, Delete)
NEEDED: Mapping[tuple[type[Command], str], Scope] = {
    **{
        (command, kind): "write"
        for command in _CHANGES
        for kind in ("document", "extraction", "annotation", "assignment")
    },
    (Adjudicate, ""): "write",
    (TakeNext, ""): "write",
    # Each operation asks for the scope of its own command besides.
    (Transact, ""): "write",
    (Load, ""): "write",
    (StoreContent, ""): "write",
    (RemoveContent, ""): "write",
    **{(command, "project"): "projects" for command in _CHANGES},
    **{(Restore, kind): "admin" for kind in ("project", "document", "extraction", "annotation", "assignment")},
    (EndRestore, ""): "admin",
    (SetMember, ""): "projects",
    (ChangeLabels, ""): "projects",
    (Register, ""): "admin",
    (Update, "user"): "admin",
    (Delete, "user"): "admin",
}


def require_scope(context: Context, command: Command) -> None:
    """Make sure that an API key may carry out a command; all else may, as far as scopes go.

    Raises:
        UnauthenticatedError: The key was revoked, has expired, or its user is disabled.
        InsufficientScopeError: It lacks the scope.
        ForbiddenError: No key may, whatever its scopes.
    """
    actor = command.actor
    if actor is None or actor.key_id is None:
        return
    require_caller(context, actor)
    needed = NEEDED.get((type(command), getattr(command, "kind", "")))
    if needed is None:
        raise ForbiddenError("No API key may do this. Log in with POST /v1/sessions and use the session's token.")
    scopes = context.state.tables[API_KEY.name].row(actor.key_id).scopes
    if needed not in scopes:
        raise InsufficientScopeError(f"This needs the scope {needed}, and the API key has {', '.join(scopes)}.")
    if _makes_more_of_itself(command, actor):
        raise ForbiddenError("No API key may change the role of anybody, nor its own account. Log in to do it.")


def _makes_more_of_itself(command: Command, actor: Actor) -> bool:
    """Tell if a command would give a key's holder what goes beyond the key: an administrator, or the key's account."""
    if isinstance(command, Register):
        return isinstance(command.draft, UserDraft) and command.draft.role == "admin"
    if isinstance(command, Update | Delete) and command.kind == "user":
        patch = command.patch if isinstance(command, Update) else None
        return command.id == actor.user_id or (isinstance(patch, dict) and "role" in patch)
    return False
