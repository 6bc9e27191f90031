"""The archive: sealed segments that no start needs any more, compressed, until retention lets them go.

Beside each lies its index (`wal.archive_index`), which is durable before the archived segment has its name, so a
crash leaves both or nothing that counts: what it leaves besides is removed by the next prune, or replaced, because
the segment itself is still in the log.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from wal.archive_file import (
    ARCHIVE_SUFFIX,
    MEMBER_BYTES,
    PAUSE_SECONDS,
    archive_path,
    archived_sequence,
    compress,
    read_archived,
    sealed_at,
)
from wal.archive_index import INDEX_SUFFIX, index_path, index_sequence
from wal.errors import DamagedError
from wal.file_system import FileSystem
from wal.index_builder import IndexBuilder
from wal.layout import TEMPORARY_SUFFIX
from wal.pacing import PacedFile
from wal.record import decode_seal
from wal.segment import SegmentHeader, read_segment, sealed_records

_MICROSECONDS = 1_000_000
_DAY_SECONDS = 86_400
_SECONDS_MAX = 2**32 - 1
_AGAIN = "The segment is still in the log. Check the disk; archiving is tried again."


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long archived segments are kept.

    Attributes:
        keep_days: Since they were sealed.
        keep_bytes: Of all of them with their indexes; the oldest go first.
    """

    keep_days: Annotated[float, Meta(ge=0)] = 30.0
    keep_bytes: Annotated[int, Meta(ge=0)] = 10 * 1024 * 1024 * 1024


class Archived(NamedTuple):
    """An archived segment.

    Attributes:
        first: Its first sequence.
        sealed_at: When it was sealed, in seconds since 1970 UTC, or later if it does not tell it.
        size: Its size with its index.
    """

    first: int
    sealed_at: int
    size: int


class ArchiveJob(msgspec.Struct, frozen=True, tag="archive"):
    """Which segments to write into which directory of an archive, one after the other."""

    segments: list[str]
    directory: str


class Written(msgspec.Struct, frozen=True, tag="archived"):
    """A segment was written into the archive, under temporary names, and read back; its first sequence."""

    first: int


def write_archived(
    file_system: FileSystem, path: Path, directory: Path, *, member_bytes: int = MEMBER_BYTES
) -> Written:
    """Write a sealed segment and its index into the archive under temporary names, durably, and read them back.

    Args:
        file_system: Where.
        path: Of the segment.
        directory: The archive.
        member_bytes: How much is compressed as one piece; a record that is larger is one by itself.

    Raises:
        DamagedError: The segment does not verify, or the archive does not give it back.
        OSError: The disk refused.
    """
    header, data = read_segment(file_system, path)
    content, index = _encoded(path, header, data, member_bytes)
    temporary, index_temporary = _temporaries(directory, header.first)
    _write(file_system, temporary, content)
    if read_archived(file_system, temporary, header.first)[:2] != (header, data):
        raise _not_given_back(temporary, header.first, path)
    _write(file_system, index_temporary, index)
    if _content(file_system, index_temporary) != index:
        raise _not_given_back(index_temporary, header.first, path)
    return Written(header.first)


def publish_archived(file_system: FileSystem, directory: Path, first: int) -> None:
    """Give what `write_archived` wrote its names, durably; the segment may go from the log after that.

    Raises:
        OSError: The disk refused.
    """
    temporary, index_temporary = _temporaries(directory, first)
    for source, name in ((index_temporary, index_path(directory, first)), (temporary, archive_path(directory, first))):
        file_system.rename(source, name)
        # Nothing says in which order two names of a directory reach the disk.
        file_system.sync_directory(directory)


def prune_archive(file_system: FileSystem, directory: Path, settings: ArchiveSettings, now: float) -> None:
    """Remove what is past its time, each segment with its index, and what a crash left of others.

    Args:
        file_system: Where.
        directory: The archive.
        settings: How long, and how much.
        now: Seconds since 1970 UTC.

    Raises:
        OSError: The disk refused.
    """
    for archived in expired(list_archive(file_system, directory), settings, now):
        file_system.remove(archive_path(directory, archived.first))
        # Nothing says in which order removals reach the disk, and a gap looks like damage.
        file_system.sync_directory(directory)
    # The indexes after their segments: who looks on finds both, or neither.
    remove_unfinished(file_system, directory)


def unfinished(file_system: FileSystem, directory: Path) -> list[str]:
    """Return the names of what a crash, or a failure, left in an archive of a segment that is not archived."""
    names = file_system.list(directory)
    found = []
    for name in names:
        first = index_sequence(name)
        is_orphan = first is not None and archive_path(directory, first).name not in names
        if is_orphan or name.endswith((f"{ARCHIVE_SUFFIX}{TEMPORARY_SUFFIX}", f"{INDEX_SUFFIX}{TEMPORARY_SUFFIX}")):
            found.append(name)
    return found


def remove_unfinished(file_system: FileSystem, directory: Path) -> None:
    """Remove it; nothing is being archived meanwhile.

    Raises:
        OSError: The disk refused.
    """
    for name in unfinished(file_system, directory):
        file_system.remove(directory / name)
    file_system.sync_directory(directory)


def list_archive(file_system: FileSystem, directory: Path) -> list[Archived]:
    """Return what is archived, the oldest first."""
    found: list[Archived] = []
    names = set(file_system.list(directory))
    following = _SECONDS_MAX
    for first in sorted(filter(None, map(archived_sequence, names)), reverse=True):
        path, index = archive_path(directory, first), index_path(directory, first)
        size = _size(file_system, path) + (_size(file_system, index) if index.name in names else 0)
        # One that tells no time is damaged. It stays for as long as the next one, so that it is noticed.
        following = sealed_at(file_system, path) or following
        found.append(Archived(first, following, size))
    # Times never go back. Whatever rots in one file, it does not make the others look old.
    found.reverse()
    latest = accumulate((archived.sealed_at for archived in found), max)
    return [archived._replace(sealed_at=time_s) for archived, time_s in zip(found, latest, strict=True)]


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


def _encoded(path: Path, header: SegmentHeader, data: bytes, member_bytes: int) -> tuple[bytes, bytes]:
    """Return a segment's archived form and its index."""
    builder, bounds = IndexBuilder(header), [0]
    for found in sealed_records(path, header, data):
        if found.end - bounds[-1] > member_bytes:
            bounds.append(found.offset)
            time.sleep(PAUSE_SECONDS)
        builder.add(found)
    last = builder.last
    content, members = compress(data, [*bounds, last.end], seal_seconds(decode_seal(last.payload).time))
    return content, builder.encode(members, len(content))


def _temporaries(directory: Path, first: int) -> tuple[Path, Path]:
    """Return the names under which a segment and its index are written."""
    paths = archive_path(directory, first), index_path(directory, first)
    segment, index = (path.with_name(path.name + TEMPORARY_SUFFIX) for path in paths)
    return segment, index


def _write(file_system: FileSystem, path: Path, content: bytes) -> None:
    """Write a new file, in the place of what a crash left, so that the next reads come from the disk."""
    if path.name in file_system.list(path.parent):
        file_system.remove(path)
    file = file_system.open(path, create=True)
    try:
        paced = PacedFile(file)
        paced.write(content)
        paced.sync()
        file.drop_cache()
    finally:
        file.close()


def _content(file_system: FileSystem, path: Path) -> bytes:
    file = file_system.open(path)
    try:
        return file.read_at(0, file.size())
    finally:
        file.close()


def _size(file_system: FileSystem, path: Path) -> int:
    file = file_system.open(path)
    try:
        return file.size()
    finally:
        file.close()


def _not_given_back(path: Path, first: int, segment: Path) -> DamagedError:
    found = "another content than was written"
    return DamagedError(path, 0, first, found=found, expected=f"what {segment} holds", remedy=_AGAIN)
