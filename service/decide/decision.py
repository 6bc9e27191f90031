"""What a decision is made of, and the steps that all decisions share. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from service.clock import format_time
from service.commands import Actor, Invalid, Outcome
from service.errors import FieldError, InvalidError, TooLargeError, shown
from service.kinds.base import Draft, Kind
from service.kinds.document import TEXT, TEXT_FRAME_BYTES
from service.kinds.private import IDEMPOTENCY, TOMBSTONE, Tombstone
from service.settings import LimitSettings
from service.state.view import View
from wal.change import Change

OK = 200
CREATED = 201
NO_CONTENT = 204
_encode = msgspec.json.Encoder().encode
_Entity = TypeVar("_Entity")


class Decision(msgspec.Struct, frozen=True):
    """What a command does: the changes of one record, and the answer.

    Attributes:
        changes: In the order in which they are applied; none, when the answer was given before.
        outcome: For the client, once the changes are durable.
        fingerprint: Of what was carried out of the request, if that is not all of it.
        awaited: Ids of annotations that a restored mark points to and that are yet to come.
    """

    changes: list[Change]
    outcome: Outcome
    fingerprint: str | None = None
    awaited: tuple[str, ...] = ()


class Caller(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        user_id: None for the local administrator.
        is_admin: May manage users.
    """

    user_id: str | None
    is_admin: bool


class Context(msgspec.Struct, frozen=True):
    """What decisions are made on.

    Attributes:
        state: Read only; within a transaction, with what its earlier operations changed.
        now: Microseconds since 1970 UTC.
        limits: In force.
        plain_id: A user who is no administrator here, whatever their role: they ask by an API key without that scope.
        caller: Who asks, where that was looked up already: once for all operations of one record, which change no
            account, session or key.
    """

    state: View
    now: int
    limits: LimitSettings
    plain_id: str | None = None
    caller: Caller | None = None


class Head(msgspec.Struct, frozen=True):
    """The members that every entity begins with."""

    id: str
    version: int
    created_at: str
    updated_at: str

    def members(self) -> dict[str, Any]:
        """Return them by name."""
        return msgspec.structs.asdict(self)


def first_head(context: Context, key: str) -> Head:
    """Return the head of a new entity; an id that is created again goes on with its version."""
    time = format_time(context.now)
    tombstone = context.state.tables[TOMBSTONE.name].row(key)
    return Head(key, 1 if tombstone is None else tombstone.version + 1, time, time)


def next_head(context: Context, current: Any) -> Head:
    """Return the head of an entity's next version. What changes nothing is a version too: it was asked for."""
    return Head(current.id, current.version + 1, current.created_at, format_time(context.now))


def stored(context: Context, kind: Kind, key: str, entity: type[_Entity]) -> _Entity:
    """Return an entity that is known to exist, decoded whole."""
    return msgspec.json.decode(context.state.tables[kind.name].value(key) or b"", type=entity)


def created(context: Context, kind: Kind, key: str, entity: msgspec.Struct) -> Change:
    """Return the change that creates an entity.

    Raises:
        TooLargeError: It is larger than the limit.
    """
    return _change(context, kind, key, f"{kind.name}.created", _encode(entity))


def updated(context: Context, kind: Kind, key: str, entity: msgspec.Struct) -> Change:
    """Return the change that puts a new version of an entity; raises as `created`."""
    return _change(context, kind, key, f"{kind.name}.updated", _encode(entity))


def restored(context: Context, kind: Kind, key: str, value: bytes) -> Change:
    """Return the change that puts an entity as an export told it; raises as `created`."""
    return _change(context, kind, key, f"{kind.name}.restored", value)


def deleted(context: Context, kind: Kind, key: str) -> Change:
    """Return the change that deletes an entity."""
    table = context.state.tables[kind.name]
    before = table.value(key) if kind.has_history else None
    return Change(b"", f"{kind.name}.deleted", kind.name, key, kind.schema, table.sequence(key), None, before)


def buried(context: Context, kind: Kind, key: str, owner_id: str) -> list[Change]:
    """Return the changes that delete a served entity and remember its version, and who could read it."""
    row = context.state.tables[kind.name].row(key)
    author_id = getattr(row, "author_id", None)
    tombstone = Tombstone(id=key, kind=kind.name, version=row.version, owner_id=owner_id, author_id=author_id)
    return [deleted(context, kind, key), created(context, TOMBSTONE, key, tombstone)]


def unburied(context: Context, key: str) -> list[Change]:
    """Return the change that forgets the deletion of an id that is created again."""
    buried_before = context.state.tables[TOMBSTONE.name].value(key) is not None
    return [deleted(context, TOMBSTONE, key)] if buried_before else []


def outcome_of(kind: Kind, change: Change, status: int, version: int = 1) -> Outcome:
    """Return the answer that shows an entity after a change."""
    return Outcome(status=status, kind=kind.name, id=change.id, version=version, body=change.value or b"")


def nothing_left(kind: Kind, key: str) -> Outcome:
    """Return the answer to a deletion."""
    return Outcome(status=NO_CONTENT, kind=kind.name, id=key)


def actor_id(actor: Actor | None) -> str | None:
    """Return the user who asks, None for nobody and for the local administrator."""
    return None if actor is None else actor.user_id


def require_valid(draft: Any) -> Any:
    """Return a draft that fits its schema.

    Raises:
        InvalidError: It does not; said only here, after access was checked.
    """
    if isinstance(draft, Invalid):
        raise InvalidError(draft.detail, draft.errors)
    return draft


def check_read_only(draft: Draft, names: Iterable[str], *entities: Any) -> None:
    """Make sure that a draft leaves the server's own members out, or says what is so already, or results.

    Args:
        draft: What the client sent.
        names: Of the members, besides those of `Draft`.
        entities: Before and after the change.

    Raises:
        InvalidError: It does not; every member is named.
    """
    errors = []
    for name in (*Draft.__struct_fields__, *names):
        said = getattr(draft, name)
        if said is not None and all(said != getattr(entity, name) for entity in entities):
            detail = (
                f"{shown(said)} found, but this member is the server's: it must be absent or {_values(name, entities)}"
            )
            errors.append(FieldError(f"/{name}", detail))
    if errors:
        raise InvalidError("The body changes what is read-only.", errors)


def _values(name: str, entities: Iterable[Any]) -> str:
    return " or ".join(sorted({shown(getattr(entity, name)) for entity in entities}))


def _change(context: Context, kind: Kind, key: str, event: str, value: bytes) -> Change:
    is_text = kind is TEXT
    limit = context.limits.text_bytes if is_text else context.limits.entity_bytes
    size = len(value) - (TEXT_FRAME_BYTES if is_text else 0)
    if size > limit and kind is not IDEMPOTENCY:
        raise TooLargeError(f"The {kind.name} takes {size} bytes as JSON, the limit is {limit}.")
    previous = context.state.tables[kind.name].sequence(key)
    return Change(b"", event, kind.name, key, kind.schema, previous, value)
