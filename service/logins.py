"""What can be asked of the engine about API keys and locks: commands and queries like those of `service.commands`."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from service.commands import Command, CredentialOf, Query
from service.kinds.account import Scope

LOCKED, NOT_LOCKED = 201, 204
"""What came of `LockLogin`, as the status of its outcome."""


class MakeKey(Command, frozen=True, kw_only=True):
    """Make an API key for who asks.

    Attributes:
        key_id: Its id.
        token_hash: Of its token.
        token_end: The last characters of it.
        draft: `service.kinds.account.ApiKeyDraft`, or `Invalid`.
        lifetime_max_us: That it may have, in microseconds.
        keys_max: That a user may have.
    """

    key_id: str
    token_hash: str
    token_end: str
    draft: Any
    lifetime_max_us: int
    keys_max: int


class RevokeKey(Command, frozen=True, kw_only=True):
    """End an API key of the actor's."""

    key_id: str


class LockLogin(Command, frozen=True, kw_only=True):
    """Refuse attempts at a password for a while. A lock that lasts is left as it is.

    Attributes:
        lock_id: `account`, or its `pair_id` with an address.
        account: The account's hash: `account_of`.
        lifetime_us: Of the lock, in microseconds.
        locks_max: That there may be; no more are made, and the outcome says so.
    """

    lock_id: str
    account: str
    lifetime_us: int
    locks_max: int


class Locks(Query, frozen=True, kw_only=True):
    """For how long do locks with these ids last?"""

    ids: tuple[str, ...]


class Keys(Query, frozen=True, kw_only=True):
    """The actor's API keys."""


class Administers(Query, frozen=True, kw_only=True):
    """Does the actor ask as an administrator?"""


class OpenKey(msgspec.Struct, frozen=True):
    """One of the answers to `Keys`, and what is told of a new one besides its token.

    Attributes:
        id: Of the key.
        name: By which its user knows it.
        scopes: What it may do.
        token_end: The last characters of its token.
        created_at: As RFC 3339.
        expires_at: Until when it counts.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    token_end: str
    created_at: str
    expires_at: str


def account_of(query: CredentialOf) -> str:
    """Return what attempts at a password are counted and locked under, whether there is such an account or not.

    Who is logged in and tells their current password counts apart from logins with their e-mail address: so strangers
    keep nobody from changing a password.
    """
    return account_of_user(query.user_id) if query.user_id else account_of_email(query.email or "")


def account_of_email(email: str) -> str:
    """Return what logins with an e-mail address are counted and locked under."""
    return _hash(f"email {email.casefold()}")


def account_of_user(user_id: str) -> str:
    """Return what a user's changes of their own password are counted and locked under."""
    return _hash(f"user {user_id}")


def pair_id(account: str, address: str) -> str:
    """Return what attempts at an account from one address are counted and locked under."""
    return _hash(f"{account} from {address}")


def _hash(text: str) -> str:
    # Without a key: who reads the log finds the e-mail addresses of users in it anyway. It makes what is kept of an
    # address that nobody has short, whatever was sent, and no address.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
