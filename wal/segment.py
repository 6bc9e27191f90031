"""A segment file: its header, its name, how it is prepared ahead of need, and how a sealed one is read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wal.errors import DamagedError, UnsupportedFormatError
from wal.file_system import File, FileSystem
from wal.pacing import PIECE_BYTES
from wal.record import DIGEST_BYTES, LOG_ID_BYTES, RecordType, crc32c
from wal.scanner import Found, Position, Scan, is_zero

SEGMENT_SUFFIX = ".wal"
SEGMENT_HEADER_BYTES = 4096
FORMAT_VERSION = 1

_MAGIC = b"ANNOLOG\n"
# The prefix is the same in every format version, so that a newer one is told apart from damage.
_PREFIX = struct.Struct("<8sI")
_CHECKSUM = struct.Struct("<I")
_FIELDS = struct.Struct(f"<QIQ{LOG_ID_BYTES}s{DIGEST_BYTES}s")
_RESTORE = (
    "Restore the file from a backup, or the whole directory from a cold copy; or run `annolog log repair` on the "
    "directory, which copies everything first and says what is lost before it asks."
)


class SegmentHeader(NamedTuple):
    """What a segment says of itself.

    Attributes:
        first: Its first sequence.
        epoch: Of the server that opened it last.
        size: Of the file, in bytes, fixed when it was prepared.
        log_id: 16 bytes, the same in all files of a log.
        previous: The digest of the record before its first.
    """

    first: int
    epoch: int
    size: int
    log_id: bytes
    previous: bytes

    @property
    def start(self) -> Position:
        """What the first record must say of itself."""
        return Position(self.log_id, self.first, self.first, self.previous)


def segment_path(directory: Path, first: int) -> Path:
    """Return the path of the segment whose first sequence is `first`."""
    return directory / f"{first:020d}{SEGMENT_SUFFIX}"


def first_sequence(name: str) -> int | None:
    """Return the first sequence that a file's name tells, None if it is no segment's name."""
    stem = name.removesuffix(SEGMENT_SUFFIX)
    return int(stem) if name.endswith(SEGMENT_SUFFIX) and len(stem) == 20 and stem.isdecimal() else None  # noqa: PLR2004


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Return the 4,096 bytes at the beginning of a segment. All that matters is in the first sector."""
    prefix = _PREFIX.pack(_MAGIC, FORMAT_VERSION)
    prefix += _CHECKSUM.pack(crc32c(prefix))
    fields = prefix + _FIELDS.pack(*header)
    return (fields + _CHECKSUM.pack(crc32c(fields))).ljust(SEGMENT_HEADER_BYTES, b"\0")


def decode_segment_header(data: bytes, path: Path) -> SegmentHeader:
    """Read a segment's header.

    Raises:
        UnsupportedFormatError: It was written by a newer release.
        DamagedError: It does not verify.
    """
    expected = "the header of a segment"
    if len(data) < SEGMENT_HEADER_BYTES:
        raise DamagedError(path, 0, 0, found=f"{len(data)} bytes", expected=expected, remedy=_RESTORE)
    magic, version = _PREFIX.unpack_from(data)
    (prefix_checksum,) = _CHECKSUM.unpack_from(data, _PREFIX.size)
    if magic != _MAGIC or crc32c(data[: _PREFIX.size]) != prefix_checksum:
        raise DamagedError(path, 0, 0, found="another beginning", expected=expected, remedy=_RESTORE)
    if version > FORMAT_VERSION:
        raise UnsupportedFormatError(path, version, FORMAT_VERSION)
    start = _PREFIX.size + _CHECKSUM.size
    end = start + _FIELDS.size
    (checksum,) = _CHECKSUM.unpack_from(data, end)
    rest_is_zero = is_zero(data, end + _CHECKSUM.size, SEGMENT_HEADER_BYTES)
    if crc32c(data[:end]) != checksum or not rest_is_zero:
        raise DamagedError(path, 0, 0, found="a wrong checksum", expected=expected, remedy=_RESTORE)
    return SegmentHeader(*_FIELDS.unpack_from(data, start))


def fill(file: File, start: int, end: int) -> Iterator[int]:
    """Write zeros into a new file and sync them, a piece at a time; yields the offset reached, in bytes.

    The caller paces it: one long fill delays the syncs of the log.
    """
    zeros = memoryview(bytes(PIECE_BYTES))
    for offset in range(start, end, PIECE_BYTES):
        length = min(PIECE_BYTES, end - offset)
        file.write_at(offset, zeros[:length])
        file.sync()
        yield offset + length


def read_segment_header(file_system: FileSystem, path: Path) -> SegmentHeader:
    """Read the header of a segment, and check it against the file.

    Raises:
        DamagedError: It does not verify, does not fit the file's name, or the file was cut.
        UnsupportedFormatError: It was written by a newer release.
    """
    file = file_system.open(path)
    try:
        data, size = file.read_at(0, SEGMENT_HEADER_BYTES), file.size()
    finally:
        file.close()
    header = decode_segment_header(data, path)
    check_segment_header(header, path, first_sequence(path.name), size)
    return header


def check_segment_header(header: SegmentHeader, path: Path, first: int | None, size: int) -> None:
    """Check a header against what the file is called and how large it is, in bytes.

    Raises:
        DamagedError: It does not fit.
    """
    if header.first != first:
        found = f"a header for sequence {header.first}"
        raise DamagedError(path, 0, header.first, found=found, expected="the sequence in its name", remedy=_RESTORE)
    if header.size != size:
        expected = f"{header.size} bytes, as prepared"
        raise DamagedError(path, size, header.first, found=f"{size} bytes", expected=expected, remedy=_RESTORE)


def read_segment(file_system: FileSystem, path: Path) -> tuple[SegmentHeader, bytes]:
    """Read a whole segment; raises as `read_segment_header`."""
    header = read_segment_header(file_system, path)
    file = file_system.open(path)
    try:
        return header, file.read_at(0, header.size)
    finally:
        file.close()


def scan_segment(header: SegmentHeader, data: bytes) -> Scan:
    """Return a scan over a segment's records."""
    return Scan(data, SEGMENT_HEADER_BYTES, header.start)


def sealed_records(path: Path, header: SegmentHeader, data: bytes) -> Iterator[Found]:
    """Yield the records of a segment that ends with a rotation seal, the seal as the last one.

    Args:
        path: Of the file, for errors.
        header: The segment's.
        data: The whole segment.

    Raises:
        DamagedError: A record does not verify, or the seal is missing.
    """
    scan = scan_segment(header, data)
    sealed = False
    for found in scan:
        sealed = found.header.type == RecordType.ROTATION_SEAL
        yield found
    ending = scan.ending
    if ending is None or not sealed or not is_zero(data, ending.offset, len(data)):
        offset, sequence = (ending.offset, ending.position.sequence) if ending else (0, header.first)
        found_text = ending.end.value if ending else "nothing"
        raise DamagedError(
            path, offset, sequence, found=found_text, expected="a record or a rotation seal", remedy=_RESTORE
        )
