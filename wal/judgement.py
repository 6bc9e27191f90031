"""From what a scan of a segment met to the facts that `wal.decision` judges, for recovery and for looking on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wal.decision import Facts, Last, Place
from wal.errors import DamagedError
from wal.file_system import FileSystem
from wal.record import RecordType
from wal.scanner import End, Ending, Found, is_zero
from wal.segment import SEGMENT_HEADER_BYTES, SegmentHeader, read_segment

REMEDY = (
    "Restore the directory from a cold copy, or run `annolog log repair` on it, which copies everything first and says "
    "what is lost before it asks. Keep what is there until then."
)


class Segment(NamedTuple):
    """A segment whose header was read."""

    path: Path
    header: SegmentHeader


class Replayed(NamedTuple):
    """What one segment held: the last record, and where it would go on."""

    last: Last
    ending: Ending


def last_of(found: Found, header: SegmentHeader) -> Last:
    """Return what a record is, should it be the last one."""
    if found.header.type == RecordType.TRANSACTION:
        return Last.TRANSACTION
    if found.header.type == RecordType.ROTATION_SEAL:
        return Last.ROTATION
    return Last.SHUTDOWN if found.header.epoch == header.epoch else Last.REOPENED


def is_empty_tail(file_system: FileSystem, segments: Sequence[Segment], index: int) -> bool:
    """Tell if a segment is the last one and holds nothing.

    Raises:
        DamagedError: It does not verify.
    """
    if index + 1 != len(segments):
        return False
    _, data = read_segment(file_system, segments[index].path)
    return is_zero(data, SEGMENT_HEADER_BYTES, len(data))


def facts_of(segments: Sequence[Segment], index: int, replayed: Replayed, *, is_empty: bool) -> Facts:
    """Return what the decision table must know of a segment.

    Args:
        segments: All, in order.
        index: Which.
        replayed: What it held.
        is_empty: The one behind it is the last one and holds nothing.
    """
    ending = replayed.ending
    later = ending.later is not None
    if index + 1 == len(segments):
        return Facts(Place.LAST, replayed.last, ending.end, later, linked=False)
    successor = segments[index + 1]
    place = Place.BEFORE_EMPTY if is_empty else Place.FOLLOWED
    position = ending.position
    if replayed.last is Last.ROTATION:
        linked = successor.header.first == position.sequence and successor.header.previous == position.digest
    else:
        linked = is_empty and successor.header.first == position.sequence + 1
    return Facts(place, replayed.last, ending.end, later, linked)


def damage_of(segment: Segment, replayed: Replayed, facts: Facts, why: str) -> DamagedError:
    """Return the error for a segment that is refused."""
    ending = replayed.ending
    found = f"{ending.end.value} after {facts.last.value}"
    expected = "the record that was durable there" if ending.end is End.ZEROS else "a record that verifies"
    remedy = f"Reason: {why}. {REMEDY}"
    return DamagedError(
        segment.path, ending.offset, ending.position.sequence, found=found, expected=expected, remedy=remedy
    )
