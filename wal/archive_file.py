"""An archived segment as a file: gzip members (RFC 1952), one behind the other, each of whole records.

`zcat` reads it as it reads any gzip file. One record costs the decompression of one member. Releases before the
index wrote a segment as a single member, which is read in the same way.
"""

from __future__ import annotations

import gzip
import io
import struct
import time
import zlib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from wal.errors import DamagedError
from wal.file_system import File, FileSystem
from wal.segment import (
    SEGMENT_SUFFIX,
    SegmentHeader,
    check_segment_header,
    decode_segment_header,
    first_sequence,
    segment_path,
)

MEMBER_BYTES = 256 * 1024
_GZIP_SUFFIX = ".gz"
ARCHIVE_SUFFIX = f"{SEGMENT_SUFFIX}{_GZIP_SUFFIX}"
_PIECE_BYTES = 64 * 1024
PAUSE_SECONDS = 0.00125
_LEVEL = 6
# Magic, method deflate, no flags, seconds, no extra flags, unknown system.
_HEADER = struct.Struct("<2sBBIBB")
_MAGIC, _DEFLATE, _UNKNOWN_SYSTEM = b"\x1f\x8b", 8, 255
_RESTORE = (
    "Nothing needs it at a start: restore it from a copy, or let `annolog log repair` move it out of the archive, with "
    "what is older."
)


class Member(NamedTuple):
    """Where a member begins: `offset` in the archived file, `start` in the segment, both in bytes."""

    offset: int
    start: int


class ArchivedSegment(NamedTuple):
    """What an archived segment gives back: the segment as it was, how the file is divided, and the file's size."""

    header: SegmentHeader
    data: bytes
    members: list[Member]
    file_bytes: int


class _Inflated(NamedTuple):
    """A member that was read: its gzip header, its content, and where it ends in the file."""

    head: bytes
    content: bytes
    end: int


def archive_path(directory: Path, first: int) -> Path:
    """Return where a segment is archived."""
    return segment_path(directory, first).with_suffix(ARCHIVE_SUFFIX)


def archived_sequence(name: str) -> int | None:
    """Return the first sequence of an archived segment by its file's name, None if it is another file."""
    return first_sequence(name.removesuffix(_GZIP_SUFFIX)) if name.endswith(ARCHIVE_SUFFIX) else None


def compress(data: bytes, bounds: Iterable[int], seconds: int) -> tuple[bytes, list[Member]]:
    """Compress a segment in members, with rests between them: nobody waits for this, and others want the processor.

    Args:
        data: The segment.
        bounds: Where the members begin in it, and where the last one ends.
        seconds: When it was sealed, since 1970 UTC.

    Returns:
        The file's content, and its members.
    """
    buffer, members = io.BytesIO(), []
    for start, end in pairwise(bounds):
        members.append(Member(buffer.tell(), start))
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=buffer, mtime=seconds) as file:
            file.write(memoryview(data)[start:end])
        time.sleep(PAUSE_SECONDS)
    return buffer.getvalue(), members


def read_archived(file_system: FileSystem, path: Path, first: int) -> ArchivedSegment:
    """Return the whole of an archived segment.

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
        found = [_inflate(file, path, first, 0)]
        while found[-1].end < file.size():
            found.append(_inflate(file, path, first, found[-1].end))
            if found[-1].head != found[0].head:
                raise _damage(path, first, found[-2].end, "another time", "the time of the first member")
    finally:
        file.close()
    content = b"".join(member.content for member in found)
    header = decode_segment_header(content, path)
    check_segment_header(header, path, first, max(header.size, len(content)))
    return ArchivedSegment(header, content.ljust(header.size, b"\0"), _members(found), found[-1].end)


def read_member(file_system: FileSystem, path: Path, first: int, offset: int) -> bytes:
    """Return the content of the member that begins at an offset of an archived segment; raises as `read_archived`."""
    file = file_system.open(path)
    try:
        return _inflate(file, path, first, offset).content
    finally:
        file.close()


def sealed_at(file_system: FileSystem, path: Path) -> int:
    """Return when an archived segment says that it was sealed, in seconds since 1970 UTC; 0 if it does not tell."""
    file = file_system.open(path)
    try:
        head = file.read_at(0, _HEADER.size)
    except OSError:
        # Of what the disk does not give back `verify` tells; here it is one more that tells no time.
        return 0
    finally:
        file.close()
    return int(_HEADER.unpack(head)[3]) if _is_head(head) else 0


def _is_head(head: bytes) -> bool:
    """Tell if it is the header of a member, whatever its time."""
    return head[:4] + bytes(4) + head[8:] == _HEADER.pack(_MAGIC, _DEFLATE, 0, 0, 0, _UNKNOWN_SYSTEM)


def _members(found: Iterable[_Inflated]) -> list[Member]:
    members, offset, start = [], 0, 0
    for one in found:
        members.append(Member(offset, start))
        offset, start = one.end, start + len(one.content)
    return members


def _inflate(file: File, path: Path, first: int, offset: int) -> _Inflated:
    head = file.read_at(offset, _HEADER.size)
    if not _is_head(head):
        raise _damage(path, first, offset, "another beginning", "a gzip header")
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    parts, position = [], offset
    while not inflater.eof:
        piece = file.read_at(position, _PIECE_BYTES)
        if not piece:
            raise _damage(path, first, offset, "the end of the file", "the rest of a gzip member")
        try:
            parts.append(inflater.decompress(piece))
        except zlib.error as error:
            raise _damage(path, first, offset, str(error), "a gzip member") from error
        position += len(piece)
    return _Inflated(head, b"".join(parts), position - len(inflater.unused_data))


def _damage(path: Path, first: int, offset: int, found: str, expected: str) -> DamagedError:
    return DamagedError(path, offset, first, found=found, expected=expected, remedy=_RESTORE)
