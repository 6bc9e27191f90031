"""What can be asked of the engine about API keys: commands and queries like those of `service.commands`."""

from __future__ import annotations

from typing import Any

import msgspec

from service.commands import Command, Query
from service.kinds.account import Scope


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
