"""What can be asked of the engine: commands change something, queries do not.

Handlers make them, `decide` answers them. They hold plain values only, so that the line between HTTP and engine could
one day run between processes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import FieldError


class Actor(msgspec.Struct, frozen=True):
    """Who asks. `decide` looks session or key, and user, up again, because the body arrived after authorisation.

    Attributes:
        user_id: The user, or None for the local administrator on the control socket.
        session_id: The session that the token belongs to; None as above, and if it is a key's.
        key_id: The API key that the token belongs to, None if it is a session's.
    """

    user_id: str | None
    session_id: str | None
    key_id: str | None = None


LOCAL_ADMIN = Actor(user_id=None, session_id=None)


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A client's key for one request and its retries.

    Attributes:
        id: Hash of user, method, path and key; the id of the stored entry.
        fingerprint: Hash of method, target, If-Match and body.
    """

    id: str
    fingerprint: str


class Invalid(msgspec.Struct, frozen=True):
    """A body that is JSON but does not fit; refused after access and preconditions were checked.

    Attributes:
        errors: Each place that does not.
        detail: What is wrong all in all.
    """

    errors: tuple[FieldError, ...]
    detail: str = "The body does not fit the schema."


class Conditions(msgspec.Struct, frozen=True):
    """Preconditions of a mutation.

    Attributes:
        if_match: Versions of which one must be the current one; None: not asked; empty: any (``*``), it must exist.
        create_only: ``If-None-Match: *``: it must not exist.
    """

    if_match: tuple[int, ...] | None = None
    create_only: bool = False


UNCONDITIONAL = Conditions()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done.

    Attributes:
        actor: Who asks, None when nobody is logged in (registration, login).
        operation: The request's id, kept in the record.
        idempotency: The key, if the client sent one.
    """

    actor: Actor | None
    operation: str
    idempotency: IdempotencyKey | None = None


class Create(Command, frozen=True, kw_only=True):
    """Create an entity of a collection.

    Attributes:
        kind: Of the entity.
        new_id: Its id.
        draft: The kind's draft struct, or `Invalid`.
        within: The document that the path names, which must be there whatever the draft says.
        utf16: Offsets count UTF-16 units, in the draft and in the answer.
    """

    kind: str
    new_id: str
    draft: Any
    within: str | None = None
    utf16: bool = False


class CreateFor(Command, frozen=True, kw_only=True):
    """Create an entity in a user's name, as an import does. The local administrator alone may.

    Attributes:
        kind: Of the entity.
        new_id: Its id.
        draft: The kind's draft struct, or `Invalid`.
        user_id: The owner of a document, the author of an annotation; for an extraction whoever owns the document.
    """

    kind: str
    new_id: str
    draft: Any
    user_id: str


class Replace(Command, frozen=True, kw_only=True):
    """Put a whole entity: replace it, or create it under this id."""

    kind: str
    id: str
    draft: Any
    conditions: Conditions = UNCONDITIONAL
    utf16: bool = False


class Update(Command, frozen=True, kw_only=True):
    """Apply a JSON Merge Patch (RFC 7396); `patch` is the decoded object, or `Invalid`."""

    kind: str
    id: str
    patch: Any
    conditions: Conditions = UNCONDITIONAL
    utf16: bool = False


class Delete(Command, frozen=True, kw_only=True):
    """Delete an entity and, in the same transaction, what cannot be without it."""

    kind: str
    id: str
    conditions: Conditions = UNCONDITIONAL
    cascade: bool = False


class SetMember(Command, frozen=True, kw_only=True):
    """Give a user a role in a project; `role`: None takes it away, `Invalid` as elsewhere."""

    id: str
    user_id: str
    role: Any
    conditions: Conditions = UNCONDITIONAL


class Register(Command, frozen=True, kw_only=True):
    """Create a user with a password.

    Attributes:
        new_id: The user's id.
        draft: The kind's draft (e-mail, name, role, without the password), or `Invalid`.
        password_hash: argon2id's, or of another scheme that can be verified.
        loopback: The request came from this machine.
        open: Anybody may register.
        setup: It carries the token that was told at the start, which counts until there is a user.
        reset_required: The user is disabled until a password is set.
    """

    new_id: str
    draft: Any
    password_hash: str
    loopback: bool
    open: bool
    setup: bool = False
    reset_required: bool = False


class LogIn(Command, frozen=True, kw_only=True):
    """Open a session for a user whose password was verified.

    Attributes:
        user_id: The user.
        credential_generation: Of the password that was verified.
        session_id: Of the session.
        token_hash: Of its token.
        lifetime_us: Of the session, in microseconds.
        sessions_max: That the user may have; the oldest end.
        rehashed: Replaces the stored hash when its parameters were outdated.
    """

    user_id: str
    credential_generation: int
    session_id: str
    token_hash: str
    lifetime_us: int
    sessions_max: int
    rehashed: str | None = None


class LogOut(Command, frozen=True, kw_only=True):
    """End a session of the actor's; `session_id`: None for the one in use."""

    session_id: str | None = None


class SetPassword(Command, frozen=True, kw_only=True):
    """Give a user a new password and end the sessions opened with the old one, except the actor's, and the API keys.

    It enables a user who was disabled for the want of one.

    Attributes:
        user_id: The user.
        password_hash: Of the new password.
        credential_generation: Of the current password, which was verified; None for a reset.
        keeps_keys: The API keys go on.
    """

    user_id: str
    password_hash: str
    credential_generation: int | None
    keeps_keys: bool = False


class Expire(Command, frozen=True, kw_only=True):
    """Maintenance: delete sessions, API keys, locks and answers that are past their time, `limit` at most."""

    limit: int
    idempotency_lifetime_us: int
    idempotency_entries_max: int


class Outcome(msgspec.Struct, frozen=True):
    """The answer to a command: what a response needs, so that a retry can be given the same.

    Attributes:
        status: 200, 201 or 204.
        kind: Of the entity, "" when there is none.
        id: Of the entity, "" when there is none.
        version: Of the entity, 0 when there is none.
        body: The entity's JSON, empty for 204.
        replayed: The answer was given before, to the same idempotency key.
        sequence: Of the record.
    """

    status: int
    kind: str = ""
    id: str = ""
    version: int = 0
    body: bytes = b""
    replayed: bool = False
    sequence: int = 0


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be read; `actor` as in `Command`."""

    actor: Actor | None


class Get(Query, frozen=True, kw_only=True):
    """One entity by id. `utf16`: offsets are to be told in UTF-16 units. `bare`: a document without its text."""

    kind: str
    id: str
    utf16: bool = False
    bare: bool = False


class List(Query, frozen=True, kw_only=True):
    """A page of a collection.

    Attributes:
        filters: Field → accepted values (OR); fields are AND-ed. Every field must be one that an index serves.
        at_least: Field → the least number that passes; as above, of indexes of ranges.
        created_at_ge: Microseconds, inclusive; None for no bound. `created_at_lt`: exclusive.
        descending: Newest first.
        after: Position of the last item of the page before, None for the first page.
        limit: Items at most.
        count: Tell the exact number of all matches too.
    """

    kind: str
    filters: dict[str, tuple[str, ...]]
    at_least: dict[str, float] = {}
    created_at_ge: int | None = None
    created_at_lt: int | None = None
    descending: bool = False
    after: int | None = None
    limit: int = 50
    count: bool = False
    utf16: bool = False


class Authenticate(Query, frozen=True, kw_only=True):
    """Whose token is this? Answers the actor; `token_hash` is SHA-256 in hex."""

    token_hash: str


class Sessions(Query, frozen=True, kw_only=True):
    """The actor's sessions."""


class CredentialOf(Query, frozen=True, kw_only=True):
    """The stored password hash for an e-mail address or user id; None when there is none. Never leaves the process."""

    email: str | None = None
    user_id: str | None = None


class Entity(msgspec.Struct, frozen=True):
    """The answer to `Get`."""

    id: str
    version: int
    body: bytes


class Page(msgspec.Struct, frozen=True):
    """The answer to `List`.

    Attributes:
        items: Encoded entities.
        next: Position to pass as `after` for the next page, None when this was the last.
        total: The number of all matches, None unless asked for.
    """

    items: list[bytes]
    next: int | None
    total: int | None = None


class OpenSession(msgspec.Struct, frozen=True):
    """One of the answers to `Sessions`.

    Attributes:
        id: Of the session.
        opened_at: When, as RFC 3339; None if that was not kept.
        expires_at: Until when it counts.
        current: It is the one that asks.
    """

    id: str
    opened_at: str | None
    expires_at: str
    current: bool


class Credential(msgspec.Struct, frozen=True):
    """The answer to `CredentialOf`. `generation` counts the user's passwords."""

    user_id: str
    password_hash: str
    generation: int
