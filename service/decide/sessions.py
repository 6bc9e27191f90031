"""Sessions and passwords, and what expires."""

from __future__ import annotations

import msgspec

from service.clock import format_time
from service.commands import Actor, Expire, LogIn, LogOut, OpenSession, Outcome, SetPassword
from service.decide.access import require_account, require_caller, require_session
from service.decide.decision import (
    CREATED,
    NO_CONTENT,
    OK,
    Context,
    Decision,
    created,
    deleted,
    next_head,
    stored,
    updated,
)
from service.decide.keys import keys_ended
from service.decide.locks import ended_locks, ended_locks_of, locks_lifted
from service.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError
from service.kinds.account import API_KEY, CREDENTIAL, SESSION, USER, Credential, Session, User
from service.kinds.base import Kind
from service.kinds.private import IDEMPOTENCY
from wal.change import Change


def log_in(context: Context, command: LogIn) -> Decision:
    """Open a session for a user whose password was verified.

    Raises:
        UnauthenticatedError: The password has changed since, or the account is gone or disabled.
    """
    user = context.state.tables["user"].row(command.user_id)
    credential = context.state.tables[CREDENTIAL.name].row(command.user_id)
    if user is None or user.disabled or credential.generation != command.credential_generation:
        raise UnauthenticatedError("The e-mail address or the password is wrong.")
    session = Session(
        id=command.session_id,
        user_id=command.user_id,
        token_hash=command.token_hash,
        expires_at=context.now + command.lifetime_us,
        opened_at=context.now,
    )
    open_before = _sessions_of(context, command.user_id)
    surplus = open_before[: max(0, len(open_before) + 1 - command.sessions_max)]
    changes = [created(context, SESSION, session.id, session), *(deleted(context, SESSION, key) for key in surplus)]
    if command.rehashed is not None:
        rehashed = msgspec.structs.replace(credential, password_hash=command.rehashed)
        changes.append(updated(context, CREDENTIAL, command.user_id, rehashed))
    changes += ended_locks_of(context, user.email)
    return Decision(changes, Outcome(status=CREATED, kind=SESSION.name, id=session.id))


def log_out(context: Context, command: LogOut) -> Decision:
    """End the session of who asks, or another one of theirs.

    Raises:
        UnauthenticatedError: The one that asks has ended already.
        ForbiddenError: It is the local administrator, who has none.
        NotFoundError: There is no such session of theirs.
    """
    caller = require_caller(context, command.actor)
    if command.actor is None or command.actor.session_id is None:
        raise ForbiddenError("The local administrator has no session to end.")
    key = command.session_id or command.actor.session_id
    row = context.state.tables[SESSION.name].row(key)
    if row is None or row.user_id != caller.user_id:
        raise NotFoundError(f"There is no session {key} of yours.")
    return Decision([deleted(context, SESSION, key)], Outcome(status=NO_CONTENT))


def sessions_of(context: Context, actor: Actor | None) -> list[OpenSession]:
    """Return the sessions of who asks that have not ended, the oldest first.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: It is the local administrator, who has none, or an API key.
    """
    table = context.state.tables[SESSION.name]
    keys = _sessions_of(context, require_session(context, actor))
    found = [(key, row) for key in keys if (row := table.row(key)).expires_at > context.now]
    return [
        OpenSession(
            id=key,
            opened_at=None if row.opened_at is None else format_time(row.opened_at),
            expires_at=format_time(row.expires_at),
            current=actor is not None and key == actor.session_id,
        )
        for key, row in found
    ]


def set_password(context: Context, command: SetPassword) -> Decision:
    """Set a password and end the user's sessions, except the one that asks, and their API keys.

    Who was disabled for the want of a password is enabled by it; who was disabled otherwise is not.

    Raises:
        NotFoundError: There is no such user whom the caller may see.
        ForbiddenError: One's own password, and the current one was not told.
        ConflictError: The password was changed since the current one was verified.
    """
    caller = require_caller(context, command.actor)
    require_account(context, caller, command.user_id)
    current = context.state.tables[CREDENTIAL.name].row(command.user_id)
    if command.credential_generation is None:
        if caller.user_id == command.user_id:
            raise ForbiddenError("Tell the current password to change your own.")
    elif command.credential_generation != current.generation:
        raise ConflictError("The password was changed meanwhile. Log in with the new one.")
    generation = current.generation + 1
    credential = Credential(id=command.user_id, password_hash=command.password_hash, generation=generation)
    own = None if command.actor is None else command.actor.session_id
    ended = [key for key in _sessions_of(context, command.user_id) if key != own]
    changes = [updated(context, CREDENTIAL, command.user_id, credential)]
    if current.reset_required:
        changes.append(_enabled(context, command.user_id))
    changes += [deleted(context, SESSION, key) for key in ended]
    if not command.keeps_keys:
        changes += keys_ended(context, command.user_id)
    if command.credential_generation is None:
        # A reset is how an administrator lets somebody in again, and what was guessed of the old one counts no more.
        changes += locks_lifted(context, command.user_id, context.state.tables[USER.name].row(command.user_id).email)
    return Decision(changes, Outcome(status=NO_CONTENT))


def _enabled(context: Context, user_id: str) -> Change:
    user = stored(context, USER, user_id, User)
    head = next_head(context, user).members()
    return updated(context, USER, user_id, msgspec.structs.replace(user, **head, disabled=False))


def _sessions_of(context: Context, user_id: str) -> list[str]:
    """Return a user's sessions, the oldest first."""
    sessions = context.state.tables[SESSION.name]
    return sessions.ids(sessions.select({"user_id": (user_id,)}))


def expire(context: Context, command: Expire) -> Decision:
    """Delete what is past its time: the oldest answers, the oldest sessions and API keys, and locks.

    Sessions and keys are looked at in the order of creation, so those that were given a shorter life than earlier ones
    may stay until these have ended; they are refused all the same, and who makes a key loses those that have expired.
    The outcome's status is 200 if there may be more.
    """
    changes = [*_expired_answers(context, command), *_ended(context, SESSION, command.limit)]
    changes += [*_ended(context, API_KEY, command.limit), *ended_locks(context, command.limit)]
    status = OK if len(changes) >= command.limit else NO_CONTENT
    return Decision(changes[: command.limit], Outcome(status=status))


def _expired_answers(context: Context, command: Expire) -> list[Change]:
    table = context.state.tables[IDEMPOTENCY.name]
    excess = len(table) - command.idempotency_entries_max
    before = context.now - command.idempotency_lifetime_us
    keys = table.oldest(command.limit)
    expired = [key for place, key in enumerate(keys) if place < excess or table.row(key).time <= before]
    return [deleted(context, IDEMPOTENCY, key) for key in expired]


def _ended(context: Context, kind: Kind, limit: int) -> list[Change]:
    table = context.state.tables[kind.name]
    ended = [key for key in table.oldest(limit) if table.row(key).expires_at <= context.now]
    return [deleted(context, kind, key) for key in ended]
