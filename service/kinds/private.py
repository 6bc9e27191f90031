"""What the service keeps for itself and never serves: answers under idempotency keys, what was deleted, and locks."""

from __future__ import annotations

import msgspec

from service.kinds.base import Index, Kind


class Answer(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The answer to a request under an idempotency key, so that a retry is given the same.

    Attributes:
        id: Hash of user, method, path and key.
        fingerprint: Hash of the request.
        time: When it was given, in microseconds since 1970 UTC.
        status: As in `service.commands.Outcome`, like the rest.
        body: JSON, exactly as it was sent.
    """

    id: str
    fingerprint: str
    time: int
    status: int
    kind: str = ""
    entity_id: str = ""
    version: int = 0
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class AnswerRow(msgspec.Struct, frozen=True):
    """What expiry needs of an answer."""

    time: int


class Tombstone(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A deleted entity: its id goes on with its version if it is created again, and is 410 until then.

    Attributes:
        owner_id: Whose it was, a project's or a user's; who may read those may know that it was there.
        author_id: Of an annotation: who may see their own annotations only is told of those alone.
    """

    id: str
    kind: str
    version: int
    owner_id: str
    author_id: str | None = None


class LoginLock(msgspec.Struct, kw_only=True, frozen=True):
    """No attempt at a password passes until then, because too many have failed. Most are of accounts that nobody has.

    Attributes:
        id: Of what is locked: an account, or an account from one address (`service.logins`).
        account: The account's hash.
        until: In microseconds since 1970 UTC, of the log's time.
    """

    id: str
    account: str
    until: int


IDEMPOTENCY = Kind("idempotency", "", AnswerRow, has_history=False)
TOMBSTONE = Kind("tombstone", "", Tombstone, has_history=False)
LOGIN_LOCK = Kind("login_lock", "", LoginLock, (Index("account", "account"),), keeps_rows=True, has_history=False)
