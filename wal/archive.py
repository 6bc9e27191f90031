"""The archive: sealed segments that no start needs any more, compressed, until retention lets them go.

An archived segment is a gzip file (RFC 1952) of the segment up to its last record; its time field holds the time of
the seal. So `zcat` reads it, and what is missing of the segment's size is zeros.
"""

from __future__ import annotations

import gzip
import io
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from wal.errors import DamagedError
from wal.file_system import FileSystem
from wal.layout import TEMPORARY_SUFFIX
from wal.segment import (
    SEGMENT_SUFFIX,
    SegmentHeader,
    check_segment_header,
    decode_segment_header,
    first_sequence,
    read_seal,
    read_segment,
    segment_path,
)

_GZIP_SUFFIX = ".gz"
ARCHIVE_SUFFIX = f"{SEGMENT_SUFFIX}{_GZIP_SUFFIX}"
_PIECE_BYTES = 1024 * 1024
_PAUSE_SECONDS = 0.005
_LEVEL = 6
# Magic, method deflate, no flags, seconds, no extra flags, unknown system.
_HEADER = struct.Struct("<2sBBIBB")
_MAGIC, _DEFLATE, _UNKNOWN_SYSTEM = b"\x1f\x8b", 8, 255
_MICROSECONDS = 1_000_000
_DAY_SECONDS = 86_400
_SECONDS_MAX = 2**32 - 1
_RESTORE = (
    "Nothing needs it at a start: restore it from a copy, or let `annolog log repair` move it out of the archive, with "
    "what is older."
)


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long archived segments are kept.

    Attributes:
        keep_days: Since they were sealed.
        keep_bytes: Of all of them; the oldest go first.
    """

    keep_days: Annotated[float, Meta(ge=0)] = 30.0
    keep_bytes: Annotated[int, Meta(ge=0)] = 10 * 1024 * 1024 * 1024


class Archived(NamedTuple):
    """An archived segment: its first sequence, when it was sealed (seconds since 1970 UTC), its size in bytes."""

    first: int
    sealed_at: int
    size: int


def archive_path(directory: Path, first: int) -> Path:
    """Return where a segment is archived."""
    return segment_path(directory, first).with_suffix(ARCHIVE_SUFFIX)


def archived_sequence(name: str) -> int | None:
    """Return the first sequence of an archived segment by its file's name, None if it is another file."""
    return first_sequence(name.removesuffix(_GZIP_SUFFIX)) if name.endswith(ARCHIVE_SUFFIX) else None


def archive_segment(file_system: FileSystem, path: Path, directory: Path) -> Path:
    """Put a sealed segment into the archive, durably, and read it back; the segment itself stays.

    Args:
        file_system: Where.
        path: Of the segment.
        directory: The archive.

    Raises:
        DamagedError: The segment does not verify, or the archive does not give it back.
        OSError: The disk refused.
    """
    _, _, seal = read_seal(file_system, path)
    header, data = read_segment(file_system, path)
    content = data.rstrip(b"\0")
    target = archive_path(directory, header.first)
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    if temporary.name in file_system.list(directory):
        file_system.remove(temporary)
    file = file_system.open(temporary, create=True)
    try:
        file.write_at(0, _compressed(content, seal_seconds(seal.time)))
        file.sync()
        file.drop_cache()
    finally:
        file.close()
    if read_archived(file_system, temporary, header.first) != (header, data):
        raise DamagedError(
            temporary, 0, header.first, found="another content than was written", expected=str(path), remedy=_RESTORE
        )
    file_system.rename(temporary, target)
    file_system.sync_directory(directory)
    return target


def read_archived(file_system: FileSystem, path: Path, first: int) -> tuple[SegmentHeader, bytes]:
    """Return header and whole content of an archived segment.

    Args:
        file_system: Where.
        path: Of the file.
        first: The sequence that its header must name.

    Raises:
        DamagedError: It cannot be decompressed, or does not hold this segment.
        UnsupportedFormatError: A newer release wrote it.
    """
    file = file_system.open(path)
    try:
        data = file.read_at(0, file.size())
    finally:
        file.close()
    begin = _HEADER.pack(_MAGIC, _DEFLATE, 0, 0, 0, _UNKNOWN_SYSTEM)
    if data[:4] + bytes(4) + data[8 : _HEADER.size] != begin:
        raise DamagedError(path, 0, first, found="another beginning", expected="a gzip header", remedy=_RESTORE)
    try:
        content = zlib.decompress(data, wbits=16 + zlib.MAX_WBITS)
    except zlib.error as error:
        raise DamagedError(path, 0, first, found=str(error), expected="a gzip file", remedy=_RESTORE) from error
    header = decode_segment_header(content, path)
    check_segment_header(header, path, first, max(header.size, len(content)))
    return header, content.ljust(header.size, b"\0")


def list_archive(file_system: FileSystem, directory: Path) -> list[Archived]:
    """Return what is archived, the oldest first."""
    found: list[Archived] = []
    latest = 0
    for first in sorted(filter(None, map(archived_sequence, file_system.list(directory)))):
        path = archive_path(directory, first)
        file = file_system.open(path)
        size = file.size()
        file.close()
        # Times never go back. Whatever rots in one file, it does not make the others look old.
        latest = max(latest, sealed_at(file_system, path))
        found.append(Archived(first, latest, size))
    return found


def sealed_at(file_system: FileSystem, path: Path) -> int:
    """Return when an archived segment says that it was sealed, in seconds since 1970 UTC; 0 if it cannot be read."""
    file = file_system.open(path)
    head = file.read_at(0, _HEADER.size)
    file.close()
    return int(_HEADER.unpack(head)[3]) if len(head) == _HEADER.size else 0


def expired(archived: Sequence[Archived], settings: ArchiveSettings, now: float) -> list[Archived]:
    """Return which archived segments may go: the one place that decides it. What stays is without gaps.

    Args:
        archived: The oldest first.
        settings: How long, and how much.
        now: Seconds since 1970 UTC.
    """
    kept_bytes, place = 0, len(archived)
    oldest = now - settings.keep_days * _DAY_SECONDS
    while place and archived[place - 1].sealed_at >= oldest:
        kept_bytes += archived[place - 1].size
        if kept_bytes > settings.keep_bytes:
            break
        place -= 1
    return list(archived[:place])


def seal_seconds(time_us: int) -> int:
    """Return the time of a seal, in microseconds since 1970 UTC, as the archive tells it: in seconds."""
    return min(time_us // _MICROSECONDS, _SECONDS_MAX)


def _compressed(content: bytes, seconds: int) -> bytes:
    # In pieces with rests between them: nobody waits for this, and others want the processor.
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=buffer, mtime=seconds) as file:
        for start in range(0, len(content), _PIECE_BYTES):
            file.write(content[start : start + _PIECE_BYTES])
            time.sleep(_PAUSE_SECONDS)
    return buffer.getvalue()
