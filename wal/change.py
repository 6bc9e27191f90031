"""The content of a record: what one transaction changed, in MessagePack.

A record's payload is ``[time, actor, operation, [change, …]]``. Each change is an array whose first element is a
random salt, so that the digest over its bytes tells nothing about them: a change can later be erased and
replaced by its digest while the chain still checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Change(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One event about one entity, and the entity after it.

    Attributes:
        salt: Random bytes; `Log.append` fills them in.
        event: What happened, in the past tense, for example ``annotation.created``.
        kind: Which sort of entity, for example ``annotation``.
        id: The entity's id.
        schema: The version of the value's schema.
        previous: The sequence of this key's previous change, 0 when there is none.
        value: The encoded entity after the change; None says that it was deleted.
        before: The encoded entity before the change, for a deletion only.
    """

    salt: bytes
    event: str
    kind: str
    id: str
    schema: int
    previous: int
    value: bytes | None
    before: bytes | None = None


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One transaction.

    Attributes:
        time: Microseconds since 1970 UTC, never less than the record before.
        actor: Who did it: a user's id, or None for the system itself.
        operation: The request or maintenance run that asked for it.
        changes: What changed; they happen together or not at all.
    """

    time: int
    actor: str | None
    operation: str
    changes: Sequence[Change]


def least_bytes(changes: Iterable[Change]) -> int:
    """Return how many bytes some changes take in a record at the least: those of their values."""
    total = 0
    for change in changes:
        total += len(change.value or b"") + len(change.before or b"")
    return total


class RawRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A record whose changes are still encoded, for digests over their bytes."""

    time: int
    actor: str | None
    operation: str
    changes: list[msgspec.Raw]


class _Key(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The beginning of a change; the rest is skipped."""

    salt: bytes
    event: str
    kind: str
    id: str


class _KeysRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    time: int
    actor: str | None
    operation: str
    changes: list[_Key]


_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(Record)
encode_change = _encoder.encode
decode_change = msgspec.msgpack.Decoder(Change).decode
_keys_decoder = msgspec.msgpack.Decoder(_KeysRecord)
decode_raw_record = msgspec.msgpack.Decoder(RawRecord).decode


def encode_record(record: Record | RawRecord) -> bytes:
    """Encode a record to its MessagePack payload."""
    return _encoder.encode(record)


def decode_record(payload: bytes | memoryview) -> Record:
    """Decode a payload.

    Raises:
        msgspec.DecodeError: The payload is not a record's.
    """
    return _record_decoder.decode(payload)


def decode_keys(payload: bytes) -> set[tuple[str, str]]:
    """Return kind and id of each entity that a payload's record changes.

    Raises:
        msgspec.DecodeError: The payload is not a record's.
    """
    return {(change.kind, change.id) for change in _keys_decoder.decode(payload).changes}
