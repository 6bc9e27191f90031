"""The record codec: one transaction as framed bytes. Pure; it knows no file and no loop.

A frame is a header of 96 bytes, the payload, zeros up to a multiple of eight, and a last byte that is never zero.
The header has a checksum of its own, so that a rotten length is noticed before it is used. It names the log, the
segment, the sequence, the first sequence of its batch and the digest of the record before it, so that a lost,
swapped, stale or foreign record is noticed too. `docs/log-format.md` draws the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple

import google_crc32c
import msgspec

from wal.change import RawRecord, Record, encode_change, encode_record

HEADER_BYTES = 96
ALIGNMENT = 8
DIGEST_BYTES = 32
LOG_ID_BYTES = 16
NO_DIGEST = bytes(DIGEST_BYTES)
"""What the first record of a log names as the digest before it."""

MAGIC = b"ALRC"
_TRAILER = 0xA5
# What stands behind a payload, by how many bytes are missing to the alignment.
_ENDINGS = [bytes(count) + bytes((_TRAILER,)) for count in range(ALIGNMENT)]
# magic, type, 3 reserved, length, payload checksum, sequence, batch, segment, epoch, log id, digest before
_FIELDS = struct.Struct("<4sB3xIIQQQI16s32s")
_CHECKSUM = struct.Struct("<I")
# Of these bytes what stands before it tells what they are: magic, reserved, sequence, segment, log id, digest before.
_GIVEN = (slice(4), slice(5, 8), slice(16, 24), slice(32, 40), slice(44, 92))
_LINK = struct.Struct("<BQ")

crc32c = google_crc32c.value


class RecordType(IntEnum):
    """What a record is."""

    TRANSACTION = 1
    ROTATION_SEAL = 2
    SHUTDOWN_SEAL = 3


class Seal(msgspec.Struct, array_like=True, frozen=True):
    """The payload of a seal: what the server held when it closed the segment.

    Attributes:
        time: Microseconds since 1970 UTC of the last record before it.
        state_digest: 16 bytes, big endian.
        counts: Entities by kind.
        successor: The first sequence of the next segment; None for a shutdown.
    """

    time: int
    state_digest: bytes
    counts: dict[str, int]
    successor: int | None


class Header(NamedTuple):
    """A record's header. Sequences are positions in the log, `length` is the payload's, in bytes."""

    type: int
    length: int
    payload_checksum: int
    sequence: int
    batch: int
    segment: int
    epoch: int
    log_id: bytes
    previous: bytes

    @property
    def frame_bytes(self) -> int:
        """The size of the whole frame."""
        return frame_bytes(self.length)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record on its way to the disk: encoded, numbered, not yet framed.

    Attributes:
        type: What it is.
        sequence: Its position in the log.
        payload: Its content in MessagePack.
        link: The digests of its parts, which the chain digest covers in their place.
    """

    type: RecordType
    sequence: int
    payload: bytes
    link: bytes


def frame_bytes(length: int) -> int:
    """Return the size of a frame around a payload of `length` bytes."""
    # One byte for the trailer, then up to the alignment.
    return (HEADER_BYTES + length + 1 + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def decode_header(data: bytes, offset: int) -> Header | None:
    """Return the header at `offset`, None if there is none that verifies."""
    if offset + HEADER_BYTES > len(data) or not data.startswith(MAGIC, offset):
        return None
    fields = data[offset : offset + _FIELDS.size]
    (checksum,) = _CHECKSUM.unpack_from(data, offset + _FIELDS.size)
    if crc32c(fields) != checksum or fields[5:8] != b"\0\0\0":
        return None
    return Header(*_FIELDS.unpack(fields)[1:])


def begins_header(written: bytes, sequence: int, segment: int, log_id: bytes, previous: bytes) -> bool:
    """Tell if some bytes are the beginning of the header that a place asks for, as far as the place alone tells."""
    expected = _FIELDS.pack(MAGIC, 0, 0, 0, sequence, 0, segment, 0, log_id, previous)[: len(written)]
    return all(written[given] == expected[given] for given in _GIVEN)


def payload_of(data: bytes, offset: int, header: Header) -> bytes | None:
    """Return the payload behind a header at `offset`, None if it or its padding does not verify."""
    start = offset + HEADER_BYTES
    end = offset + header.frame_bytes
    if end > len(data) or data[end - 1] != _TRAILER:
        return None
    payload = data[start : start + header.length]
    padding = data[start + header.length : end - 1]
    if crc32c(payload) != header.payload_checksum or padding.strip(b"\0"):
        return None
    return payload


def transaction(sequence: int, record: Record) -> Entry:
    """Encode a transaction."""
    head = _encode_head(record)
    changes = [encode_change(change) for change in record.changes]
    raw = RawRecord(record.time, record.actor, record.operation, list(map(msgspec.Raw, changes)))
    return Entry(RecordType.TRANSACTION, sequence, encode_record(raw), _link(head, changes))


def seal(sequence: int, content: Seal) -> Entry:
    """Encode a seal."""
    payload = msgspec.msgpack.encode(content)
    kind = RecordType.SHUTDOWN_SEAL if content.successor is None else RecordType.ROTATION_SEAL
    return Entry(kind, sequence, payload, _link(payload, ()))


def decode_seal(payload: bytes) -> Seal:
    """Decode a seal's payload.

    Raises:
        msgspec.DecodeError: The payload is not a seal's.
    """
    return msgspec.msgpack.decode(payload, type=Seal)


def link_of_record(raw: RawRecord) -> bytes:
    """Return the link of a transaction that was read."""
    return _link(_encode_head(raw), raw.changes)


def link_of_seal(payload: bytes) -> bytes:
    """Return the link of a seal that was read."""
    return _link(payload, ())


def chain_digest(previous: bytes, entry_type: int, sequence: int, link: bytes) -> bytes:
    """Return a record's digest: over the digest before it, its place, and the digests of its parts.

    Because a change enters by its digest alone, it can be erased later and replaced by that digest while
    the chain still checks; its salt keeps the digest from being guessed.
    """
    return blake2b(previous + _LINK.pack(entry_type, sequence) + link, digest_size=DIGEST_BYTES).digest()


def frame_batch(
    entries: Sequence[Entry], *, segment: int, epoch: int, log_id: bytes, previous: bytes
) -> tuple[bytes, bytes]:
    """Frame a batch into one buffer.

    Returns:
        The buffer, and the digest of the last record in it.
    """
    parts: list[bytes] = []
    batch = entries[0].sequence
    for entry in entries:
        payload = entry.payload
        length = len(payload)
        checksum = crc32c(payload)
        fields = _FIELDS.pack(
            MAGIC, entry.type, length, checksum, entry.sequence, batch, segment, epoch, log_id, previous
        )
        ending = _ENDINGS[-(HEADER_BYTES + length + 1) % ALIGNMENT]
        parts += (fields, _CHECKSUM.pack(crc32c(fields)), payload, ending)
        previous = chain_digest(previous, entry.type, entry.sequence, entry.link)
    return b"".join(parts), previous


def _encode_head(record: Record | RawRecord) -> bytes:
    """Encode a record without its changes."""
    return encode_record(Record(record.time, record.actor, record.operation, ()))


def _link(head: bytes, changes: Sequence[bytes | msgspec.Raw]) -> bytes:
    return b"".join([blake2b(part, digest_size=DIGEST_BYTES).digest() for part in (head, *changes)])
