"""API keys: making, listing and revoking them."""

from __future__ import annotations

import msgspec

from service.clock import format_time, parse_time
from service.commands import Actor, Outcome
from service.decide.access import require_caller, require_session
from service.decide.decision import CREATED, NO_CONTENT, Context, Decision, created, deleted, require_valid
from service.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError
from service.kinds.account import API_KEY, SESSION, ApiKey, ApiKeyDraft
from service.logins import MakeKey, OpenKey, RevokeKey
from service.state.state import State
from wal.change import Change


def make_key(context: Context, command: MakeKey) -> Decision:
    """Make an API key for who is logged in. Those of theirs that have expired go.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: It is no user with a session, or no administrator and asks for the scope `admin`.
        InvalidError: The body does not fit, or the expiry is past, or too far away.
        ConflictError: The user has as many as they may.
    """
    user_id = require_session(context, command.actor)
    draft: ApiKeyDraft = require_valid(command.draft)
    expires_at = _expiry(context, draft.expires_at, command.lifetime_max_us)
    if "admin" in draft.scopes and not require_caller(context, command.actor).is_admin:
        raise ForbiddenError("Only administrators make API keys with the scope admin.")
    table = context.state.tables[API_KEY.name]
    before = _keys_of(context, user_id)
    expired = [key for key in before if table.row(key).expires_at <= context.now]
    if len(before) - len(expired) >= command.keys_max:
        raise ConflictError(f"You have {command.keys_max} API keys, which is the limit. Revoke one of them first.")
    key = ApiKey(
        id=command.key_id,
        user_id=user_id,
        name=draft.name,
        scopes=tuple(dict.fromkeys(draft.scopes)),
        token_hash=command.token_hash,
        token_end=command.token_end,
        created_at=context.now,
        expires_at=expires_at,
    )
    changes = [created(context, API_KEY, key.id, key), *(deleted(context, API_KEY, one) for one in expired)]
    body = msgspec.json.encode(_told(key))
    return Decision(changes, Outcome(status=CREATED, kind=API_KEY.name, id=key.id, body=body))


def revoke_key(context: Context, command: RevokeKey) -> Decision:
    """End an API key of who is logged in.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: It is no user with a session.
        NotFoundError: There is no such key of theirs.
    """
    user_id = require_session(context, command.actor)
    row = context.state.tables[API_KEY.name].row(command.key_id)
    if row is None or row.user_id != user_id:
        raise NotFoundError(f"There is no API key {command.key_id} of yours.")
    return Decision([deleted(context, API_KEY, command.key_id)], Outcome(status=NO_CONTENT))


def keys_of(context: Context, actor: Actor | None) -> list[OpenKey]:
    """Return the API keys of who is logged in that have not expired, the oldest first; raises as `require_session`."""
    table = context.state.tables[API_KEY.name]
    keys = (table.row(key) for key in _keys_of(context, require_session(context, actor)))
    return [_told(key) for key in keys if key.expires_at > context.now]


def owner_of(state: State, token_hash: str) -> Actor | None:
    """Return whose token it is, a session's or an API key's, None if it is nobody's."""
    sessions, keys = state.tables[SESSION.name], state.tables[API_KEY.name]
    session_id = sessions.holder("token_hash", token_hash)
    if session_id is not None:
        return Actor(user_id=sessions.row(session_id).user_id, session_id=session_id)
    key_id = keys.holder("token_hash", token_hash)
    return None if key_id is None else Actor(user_id=keys.row(key_id).user_id, session_id=None, key_id=key_id)


def keys_ended(context: Context, user_id: str) -> list[Change]:
    """Return the changes that end all API keys of a user."""
    return [deleted(context, API_KEY, key) for key in _keys_of(context, user_id)]


def _keys_of(context: Context, user_id: str) -> list[str]:
    table = context.state.tables[API_KEY.name]
    return table.ids(table.select({"user_id": (user_id,)}))


def _told(key: ApiKey) -> OpenKey:
    times = format_time(key.created_at), format_time(key.expires_at)
    return OpenKey(key.id, key.name, key.scopes, key.token_end, *times)


def _expiry(context: Context, text: str, lifetime_max_us: int) -> int:
    try:
        expires_at = parse_time(text)
    except ValueError as error:
        raise InvalidError("The expiry cannot be read.", [FieldError("/expires_at", str(error))]) from error
    latest = context.now + lifetime_max_us
    if not context.now < expires_at <= latest:
        detail = f"{text} found, expected a time to come, {format_time(latest)} at the latest"
        raise InvalidError("An API key cannot expire then.", [FieldError("/expires_at", detail)])
    return expires_at
