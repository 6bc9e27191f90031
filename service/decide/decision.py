"""What a decision is made of, and the steps that all decisions share. Pure: no I/O, no clock."""

from __future__ import annotations

from typing import Any

import msgspec

from service.commands import Actor, Invalid, Outcome
from service.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from service.kinds.base import Kind
from service.state.state import State
from wal.change import Change

_encode = msgspec.json.Encoder().encode


class Decision(msgspec.Struct, frozen=True):
    """What a command does: the changes of one record, and the answer.

    Attributes:
        changes: In the order in which they are applied.
        outcome: For the client, once the changes are durable.
    """

    changes: list[Change]
    outcome: Outcome


class Context(msgspec.Struct, frozen=True):
    """What decisions are made on.

    Attributes:
        state: Read only.
        now: Microseconds since 1970 UTC.
    """

    state: State
    now: int


def created(context: Context, kind: Kind, key: str, entity: msgspec.Struct) -> Change:
    """Return the change that creates an entity."""
    return _change(context, kind, key, f"{kind.name}.created", _encode(entity))


def updated(context: Context, kind: Kind, key: str, entity: msgspec.Struct) -> Change:
    """Return the change that puts a new version of an entity."""
    return _change(context, kind, key, f"{kind.name}.updated", _encode(entity))


def deleted(context: Context, kind: Kind, key: str) -> Change:
    """Return the change that deletes an entity."""
    table = context.state.tables[kind.name]
    before = table.value(key)
    return Change(b"", f"{kind.name}.deleted", kind.name, key, kind.schema, table.sequence(key), None, before)


def outcome_of(kind: Kind, change: Change, status: int) -> Outcome:
    """Return the answer that shows an entity after its first version was written."""
    return Outcome(status=status, kind=kind.name, id=change.id, version=1, body=change.value or b"")


def require_user(context: Context, actor: Actor | None) -> str:
    """Return who asks, looked up again, because the body arrived after authorisation.

    Raises:
        UnauthenticatedError: Nobody is logged in, the session ended, or the account is disabled.
    """
    if actor is None or actor.user_id is None or actor.session_id is None:
        raise UnauthenticatedError("Log in with POST /v1/sessions.")
    session = context.state.tables["session"].row(actor.session_id)
    user = context.state.tables["user"].row(actor.user_id)
    if session is None or user is None or session.user_id != actor.user_id or session.expires_at <= context.now:
        raise UnauthenticatedError("The session has ended. Log in again.")
    if user.disabled:
        raise UnauthenticatedError("The account is disabled. Ask an administrator.")
    return actor.user_id


def require_document(context: Context, user_id: str, document_id: str) -> Any:
    """Return the row of a document that the user may see.

    Raises:
        NotFoundError: There is none, or it is somebody else's.
    """
    row = context.state.tables["document"].row(document_id)
    if row is None or row.owner_id != user_id:
        raise NotFoundError(f"There is no document {document_id} that you can see.")
    return row


def require_valid(draft: Any) -> Any:
    """Return a draft that fits its schema.

    Raises:
        InvalidError: It does not; said only here, after access was checked.
    """
    if isinstance(draft, Invalid):
        raise InvalidError("The body does not fit the schema.", draft.errors)
    return draft


def require_owner(user_id: str, owner_id: str) -> None:
    """Make sure that the user owns something that they may see.

    Raises:
        ForbiddenError: They do not.
    """
    if user_id != owner_id:
        raise ForbiddenError("Only the owner may do this.")


def _change(context: Context, kind: Kind, key: str, event: str, value: bytes) -> Change:
    previous = context.state.tables[kind.name].sequence(key)
    return Change(b"", event, kind.name, key, kind.schema, previous, value)
