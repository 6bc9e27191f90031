"""What all looking on shares: the segments of a data directory, wherever they lie, while a server may move them."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from wal.archive_file import archive_path, archived_sequence, read_archived, read_member
from wal.decision import Last, Row, Verdict, decide
from wal.errors import WalError
from wal.file_system import FileSystem
from wal.judgement import Replayed, Segment, damage_of, facts_of, is_empty_tail, last_of
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY
from wal.scanner import Ending, Found
from wal.segment import (
    SegmentHeader,
    decode_segment_header,
    first_sequence,
    read_segment,
    read_segment_header,
    scan_segment,
)

_TRIES = 5
_PAUSE_SECONDS = 0.05
_T = TypeVar("_T")


class NoLogError(WalError):
    """There is no log in this directory."""


class MovingError(Exception):
    """The last segment is not whole at this moment: it is written, or was just sealed."""


def while_files_move(look: Callable[[], _T]) -> _T:
    """Look again when a file was archived between its listing and its reading, or the tail was being written."""
    for _ in range(_TRIES - 1):
        try:
            return look()
        except (FileNotFoundError, MovingError):
            time.sleep(_PAUSE_SECONDS)
    try:
        return look()
    except MovingError as error:
        raise error.__cause__ or error from None


def segment_paths(files: FileSystem, directory: Path) -> dict[int, Path]:
    """Return the paths of all segments by first sequence, in order; what is still in the log counts, if it is in both.

    Raises:
        NoLogError: There is none.
    """
    # The log first: what is archived meanwhile is found twice, and never missed.
    places = ((directory / LOG_DIRECTORY, first_sequence), (directory / ARCHIVE_DIRECTORY, archived_sequence))
    paths: dict[int, Path] = {}
    for place, told in places:
        for name in files.list(place):
            first = told(name)
            if first is not None:
                paths.setdefault(first, place / name)
    if not paths:
        raise NoLogError(f"{directory} holds no log: there is no segment in {directory / LOG_DIRECTORY}.")
    return dict(sorted(paths.items()))


def moved(files: FileSystem, directory: Path, path: Path) -> Path | None:
    """Return where a segment lies that is not any more where it was found, None if retention has let it go.

    Raises:
        FileNotFoundError: It is in neither place, and something older is: it did not go the way of retention.
    """
    archive, first = directory / ARCHIVE_DIRECTORY, sequence_of(path)
    now, names = archive_path(archive, first), files.list(archive)
    if now.name in names and now != path:
        return now
    if any(older <= first for older in map(archived_sequence, names) if older is not None):
        raise FileNotFoundError(errno.ENOENT, "the segment is gone", str(path))
    return None


def sequence_of(path: Path) -> int:
    """Return the first sequence of a segment, which its name tells, in the log or the archive."""
    first = archived_sequence(path.name) or first_sequence(path.name)
    if first is None:
        raise AssertionError(f"{path} was found by its name and has none")
    return first


def read_header(files: FileSystem, path: Path) -> SegmentHeader:
    """Return the header of a segment of the log or the archive; raises as `read_whole`, of what it reads."""
    first = archived_sequence(path.name)
    if first is None:
        return read_segment_header(files, path)
    return decode_segment_header(read_member(files, path, first, 0), path)


def read_whole(files: FileSystem, path: Path) -> tuple[SegmentHeader, bytes]:
    """Return header and content of a segment of the log or the archive.

    Raises:
        DamagedError: It does not verify.
        UnsupportedFormatError: A newer release wrote it.
    """
    first = archived_sequence(path.name)
    if first is None:
        return read_segment(files, path)
    archived = read_archived(files, path, first)
    return archived.header, archived.data


def scan_judged(
    files: FileSystem,
    segments: Sequence[Segment],
    index: int,
    content: tuple[SegmentHeader, bytes],
    on_record: Callable[[Found], None],
) -> tuple[Ending, Row]:
    """Scan a segment and judge how it ends by the decision table of a recovery.

    Args:
        files: Where.
        segments: All that are there, in order.
        index: Which of them.
        content: Its header, and the whole of it.
        on_record: Called with each record that verifies, in order.

    Raises:
        DamagedError: It is refused.
        MovingError: So is one that may only be being written, or was when it was read; its cause is the damage.
    """
    header, data = content
    scan, last = scan_segment(header, data), Last.NOTHING
    for found in scan:
        last = last_of(found, header)
        on_record(found)
    if scan.ending is None:
        raise AssertionError("a scan that was read to its end has an ending")
    replayed = Replayed(last, scan.ending)
    facts = facts_of(segments, index, replayed, is_empty=is_empty_tail(files, segments, index + 1))
    row = decide(facts)
    if row.verdict is Verdict.REFUSE:
        damage = damage_of(segments[index], replayed, facts, row.why)
        if index + 1 < len(segments) and read_whole(files, segments[index].path)[1] == data:
            raise damage
        # What stands still is damaged; the tail of a server that runs is looked at again. One that has had its
        # successor since it was read was the tail then: it holds more now.
        raise MovingError from damage
    return scan.ending, row
