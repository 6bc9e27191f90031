"""The scanner: bytes of a segment in, verified records out, and why it ended. Pure; it knows no file and no loop.

What does not verify is described, not judged: `Ending` holds the facts from which `wal.decision` decides if it is
the torn end of an unfinished batch or damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import msgspec

from wal.change import decode_raw_record
from wal.record import (
    ALIGNMENT,
    HEADER_BYTES,
    MAGIC,
    Header,
    RecordType,
    begins_header,
    chain_digest,
    decode_header,
    link_of_record,
    link_of_seal,
    payload_of,
)

SECTOR_BYTES = 512
_ZEROS = bytes(1 << 20)


class Position(NamedTuple):
    """What the next record must say of itself.

    Attributes:
        log_id: 16 bytes.
        segment: The segment's first sequence.
        sequence: The next sequence.
        digest: The digest of the record before it.
    """

    log_id: bytes
    segment: int
    sequence: int
    digest: bytes


class Found(NamedTuple):
    """A record that verified. Offsets are bytes in the segment; `digest` is the record's own."""

    offset: int
    end: int
    header: Header
    payload: bytes
    digest: bytes


class End(Enum):
    """What a scan met after the last record that verified."""

    ZEROS = "zeros up to the end of the segment"
    HOLED = "a record that was written in part"
    GARBLED = "bytes that are no record of this place"


class Ending(NamedTuple):
    """How a scan ended.

    Attributes:
        end: What was met.
        offset: Where, in bytes.
        position: What was expected there.
        later: Offset of a record of a later batch behind it that verifies, None if there is none.
    """

    end: End
    offset: int
    position: Position
    later: int | None


class Scan:
    """Iterates over the records of a segment; afterwards `ending` tells how it ended.

    Args:
        data: The whole segment.
        offset: Where the first record is expected, in bytes.
        position: What the first record must say of itself.
    """

    def __init__(self, data: bytes, offset: int, position: Position) -> None:
        self._data = data
        self._offset = offset
        self._position = position
        self.ending: Ending | None = None

    def __iter__(self) -> Iterator[Found]:
        while found := _read(self._data, self._offset, self._position):
            yield found
            self._offset = found.end
            self._position = self._position._replace(sequence=found.header.sequence + 1, digest=found.digest)
        self.ending = _ending(self._data, self._offset, self._position)


def _read(data: bytes, offset: int, position: Position) -> Found | None:
    header = _header_at(data, offset, position)
    if header is None:
        return None
    payload = payload_of(data, offset, header)
    if payload is None:
        return None
    try:
        link = _link(header, payload)
    except msgspec.DecodeError:
        return None
    digest = chain_digest(header.previous, header.type, header.sequence, link)
    return Found(offset, offset + header.frame_bytes, header, payload, digest)


def _fits(header: Header, position: Position) -> bool:
    return (
        header.log_id == position.log_id
        and header.segment == position.segment
        and header.sequence == position.sequence
        and header.previous == position.digest
        and header.segment <= header.batch <= header.sequence
        and header.type in RecordType.__members__.values()
    )


def _link(header: Header, payload: bytes) -> bytes:
    if header.type == RecordType.TRANSACTION:
        return link_of_record(decode_raw_record(payload))
    return link_of_seal(payload)


def _ending(data: bytes, offset: int, position: Position) -> Ending:
    if is_zero(data, offset, len(data)):
        return Ending(End.ZEROS, offset, position, None)
    is_torn = _has_hole(data, offset, position) or _is_cut_short(data, offset, position)
    end = End.HOLED if is_torn else End.GARBLED
    return Ending(end, offset, position, _later_batch(data, offset, position))


def is_zero(data: bytes, start: int, end: int) -> bool:
    """Tell if ``data[start:end]`` is zero throughout."""
    for offset in range(start, end, len(_ZEROS)):
        length = min(len(_ZEROS), end - offset)
        if data[offset : offset + length] != _ZEROS[:length]:
            return False
    return True


def _has_hole(data: bytes, offset: int, position: Position) -> bool:
    """Tell if a sector of the record at `offset` holds nothing of it.

    Sectors are written whole or not at all, so a sector that a crash lost still holds the zeros of the
    preparation from the record's first byte there up to the sector's end. No whole record has such a sector:
    its last byte is never zero, and neither digests nor JSON hold runs of zeros. Where the header itself does
    not verify the record's end is not known, and only the sectors of the header are looked at.
    """
    header = _header_at(data, offset, position)
    end = offset + (HEADER_BYTES if header is None else header.frame_bytes)
    start = offset
    while start < min(end, len(data)):
        sector_end = min((start // SECTOR_BYTES + 1) * SECTOR_BYTES, len(data))
        if is_zero(data, start, sector_end):
            return True
        start = sector_end
    return False


def _is_cut_short(data: bytes, offset: int, position: Position) -> bool:
    """Tell if the record at `offset` was written up to some byte, within a sector too, and not to its end.

    That is what a process leaves that is killed within its write, which copies bytes and not sectors. A record's last
    byte is never zero. Where the header does not verify either, it must at least begin as the next record's, and
    nothing may follow: otherwise a few rotten bytes in the zeros behind the log would look so too.
    """
    header = _header_at(data, offset, position)
    if header is not None:
        end = offset + header.frame_bytes
        return end <= len(data) and data[end - 1] == 0
    written = data[offset : offset + HEADER_BYTES].rstrip(b"\0")
    begins = begins_header(written, position.sequence, position.segment, position.log_id, position.digest)
    return begins and is_zero(data, offset + HEADER_BYTES, len(data))


def _header_at(data: bytes, offset: int, position: Position) -> Header | None:
    """Return the header at `offset`, None if none verifies that belongs there."""
    header = decode_header(data, offset)
    return header if header is not None and _fits(header, position) else None


def _later_batch(data: bytes, offset: int, position: Position) -> int | None:
    """Return the offset of a verifying record behind `offset` whose batch began after the expected sequence.

    A batch is written only after the sync of the one before it returned, so such a record proves that what
    is missing here was durable. A record of the same batch proves nothing: sectors reach a disk in any order.
    """
    behind = frames(data, offset + ALIGNMENT)
    return next((found for found, header, _ in behind if _is_later(header, position)), None)


def frames(data: bytes, start: int) -> Iterator[tuple[int, Header, bytes]]:
    """Yield offset, header and payload of each record from an offset on whose own checksums hold, whatever its past."""
    while (start := data.find(MAGIC, start)) >= 0:
        header = decode_header(data, start) if start % ALIGNMENT == 0 else None
        payload = payload_of(data, start, header) if header is not None else None
        if header is not None and payload is not None:
            yield start, header, payload
        start += 1


def _is_later(header: Header, position: Position) -> bool:
    return header.log_id == position.log_id and header.segment == position.segment and header.batch > position.sequence
