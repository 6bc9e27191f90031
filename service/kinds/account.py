"""Users, and what is never served of them: credentials, sessions and API keys."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from service.kinds.base import Draft, Index, Kind

Role = Literal["admin", "member"]
Scope = Literal["read", "write", "projects", "admin"]
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


RawUser = Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/User"})]
"""A user's JSON as it is stored, within an answer."""


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


class ApiKey(msgspec.Struct, kw_only=True, frozen=True):
    """A token of a program's, which acts for a user as far as its scopes say (`service.decide.scopes`).

    Attributes:
        name: By which its user knows it.
        token_hash: In place of the token.
        token_end: Its last characters, so that somebody who has it knows which key it is.
        created_at: In microseconds since 1970 UTC, like `expires_at`.
    """

    id: str
    user_id: str
    name: str
    scopes: tuple[Scope, ...]
    token_hash: str
    token_end: str
    created_at: int
    expires_at: int


class ApiKeyDraft(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An API key as a client asks for it; the expiry as RFC 3339."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=4)]
    expires_at: str


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
API_KEY = Kind(
    "api_key",
    "key",
    ApiKey,
    (Index("token_hash", "token_hash", unique=True), Index("user_id", "user_id")),
    keeps_rows=True,
    has_history=False,
)
