"""Locks of logins: made when an allowance is used up, and removed when they have ended, or an administrator says so."""

from __future__ import annotations

from service.commands import Outcome
from service.decide.decision import Context, Decision, created, deleted, updated
from service.kinds.private import LOGIN_LOCK, LoginLock
from service.logins import LOCKED, NOT_LOCKED, LockLogin, account_of_email, account_of_user
from service.state.state import State
from wal.change import Change

_WITH_A_LOGIN_MAX = 10


def lock_login(context: Context, command: LockLogin) -> Decision:
    """Lock logins, of an account that may be nobody's.

    When there are as many locks as there may be, nothing is changed: one that is there must not end early because
    somebody makes up others. The outcome says so, and who asked goes on counting.
    """
    table = context.state.tables[LOGIN_LOCK.name]
    row = table.row(command.lock_id)
    if row is not None and row.until > context.now:
        return Decision([], Outcome(status=LOCKED))
    lock = LoginLock(id=command.lock_id, account=command.account, until=context.now + command.lifetime_us)
    if row is not None:
        return Decision([updated(context, LOGIN_LOCK, lock.id, lock)], Outcome(status=LOCKED))
    if len(table) < command.locks_max:
        return Decision([created(context, LOGIN_LOCK, lock.id, lock)], Outcome(status=LOCKED))
    removed = ended_locks(context, 1)
    if not removed:
        return Decision([], Outcome(status=NOT_LOCKED))
    return Decision([*removed, created(context, LOGIN_LOCK, lock.id, lock)], Outcome(status=LOCKED))


def locked_us(state: State, now: int, ids: tuple[str, ...]) -> int:
    """Return for how many microseconds one of some locks lasts, 0 if none does."""
    rows = (state.tables[LOGIN_LOCK.name].row(key) for key in ids)
    return max((row.until - now for row in rows if row is not None and row.until > now), default=0)


def ended_locks(context: Context, limit: int) -> list[Change]:
    """Return the changes that remove locks that have ended, `limit` at most.

    All are looked at: there are few, and one that was made anew keeps its old place in their order.
    """
    table = context.state.tables[LOGIN_LOCK.name]
    ended = [key for key in table.oldest(len(table)) if table.row(key).until <= context.now]
    return [deleted(context, LOGIN_LOCK, key) for key in ended[:limit]]


def ended_locks_of(context: Context, email: str) -> list[Change]:
    """Return the changes that remove locks of an e-mail address that have ended; a few, the rest goes by itself.

    Those that last are of other addresses: a login does not let those who guess from there go on.
    """
    table = context.state.tables[LOGIN_LOCK.name]
    ended = [key for key in _locks_of(context, account_of_email(email)) if table.row(key).until <= context.now]
    return [deleted(context, LOGIN_LOCK, key) for key in ended[:_WITH_A_LOGIN_MAX]]


def locks_lifted(context: Context, user_id: str, email: str) -> list[Change]:
    """Return the changes that remove all locks of a user, of logins and of changes of their password."""
    accounts = (account_of_email(email), account_of_user(user_id))
    return [deleted(context, LOGIN_LOCK, key) for key in _locks_of(context, *accounts)]


def _locks_of(context: Context, *accounts: str) -> list[str]:
    table = context.state.tables[LOGIN_LOCK.name]
    return table.ids(table.select({"account": accounts}))
