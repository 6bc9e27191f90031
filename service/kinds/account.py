"""Users, and what is never served of them: credentials and sessions."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from service.kinds.base import Draft, Index, Kind

Role = Literal["admin", "member"]
# The end is a negative look-ahead, because `$` matches before a last newline too.
Email = Annotated[str, Meta(pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+(?![\s\S])", max_length=254)]


class UserDraft(Draft, kw_only=True, frozen=True):
    """A user as a client sends it, without the password; admins set role and `disabled`."""

    email: Email
    name: Annotated[str, Meta(max_length=200)] = ""
    role: Role | None = None
    disabled: bool | None = None


class User(msgspec.Struct, kw_only=True, frozen=True):
    """A user as it is stored. The e-mail address is case-folded."""

    id: str
    version: int
    created_at: str
    updated_at: str
    email: str
    name: str
    role: Role
    disabled: bool = False


class UserRow(msgspec.Struct, frozen=True):
    """What every request needs of its user."""

    version: int
    email: str
    role: Role
    disabled: bool


class Credential(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A password's hash; its id is the user's. `generation` counts passwords: another hash of one is the same one.

    `reset_required`: the user is disabled because no password of theirs could be taken over; setting one enables them.
    """

    id: str
    password_hash: str
    generation: int = 0
    reset_required: bool = False


class Session(msgspec.Struct, kw_only=True, frozen=True):
    """A login. The token is stored hashed; times are in microseconds since 1970 UTC.

    `opened_at`: None in what was written before it was kept.
    """

    id: str
    user_id: str
    token_hash: str
    expires_at: int
    opened_at: int | None = None


USER = Kind(
    "user",
    "user",
    UserRow,
    (Index("email", "email", unique=True), Index("role", "role")),
    collection="users",
    keeps_rows=True,
)
CREDENTIAL = Kind("credential", "user", Credential, has_history=False)
SESSION = Kind(
    "session",
    "sess",
    Session,
    (Index("token_hash", "token_hash", unique=True), Index("user_id", "user_id")),
    keeps_rows=True,
    has_history=False,
)
