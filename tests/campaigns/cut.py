"""Files that were cut: each at every byte, and the same cut filled with zeros up to the size that it was prepared with.

What must come of it follows from what is known of the directory, not from the decision table. A file that is shorter
than it was made is damage. Zeros look as what a crash left of the last batch: they are a reported prefix there, and
nowhere else.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.directory import CRASHED, LOG, ROTATED, SHUT, Known, known
from tests.campaigns.harm import Harm, Must, SameState, examine
from tests.campaigns.sweep import Tally, sweep
from wal.record import RecordType
from wal.scanner import Found
from wal.segment import SEGMENT_HEADER_BYTES


class _Cut(NamedTuple):
    """A file, cut to a length, and filled up again or not."""

    known: Known
    path: Path
    length: int
    filled: bool

    @property
    def content(self) -> bytes:
        whole = self.known.files[self.path]
        return whole[: self.length].ljust(len(whole) if self.filled else 0, b"\0")

    def must(self) -> Must:
        """Return what must come of it."""
        whole = self.known.files[self.path]
        if self.content == whole or self.path.name in ("LOCK", "prepared.tmp"):
            return SameState(verified=None)
        if self.path not in self.known.read:
            return None if self.path == self.known.snapshot else SameState(verified=False)
        if not self.filled or self.content[:SEGMENT_HEADER_BYTES] != whole[:SEGMENT_HEADER_BYTES]:
            return None
        return self._torn(whole)

    def _torn(self, whole: bytes) -> Must:
        """Return what must come of zeros from some byte of a segment on: there is no later record in it."""
        segment = self.known.read[self.path]
        record = next(one for one in segment.records if one.end > self.length)
        is_end = self.path == self.known.tail or self._is_unfinished_rotation(record)
        if not is_end:
            return None
        torn = whole[record.offset : max(record.offset, self.length)].rstrip(b"\0")
        return SameState(verified=None, entities=segment.entities(record), torn=torn)

    def _is_unfinished_rotation(self, record: Found) -> bool:
        empty = not self.known.read[self.known.tail].records
        return empty and self.path == list(self.known.read)[-2] and record.header.type == RecordType.ROTATION_SEAL


@cache
def _files() -> tuple[list[tuple[Known, Path]], list[int]]:
    """Return what is cut, and how many cuts there are up to each."""
    crashed, shut, rotated = map(known, (CRASHED, SHUT, ROTATED))
    found = [(crashed, path) for path in crashed.files if path.name != "prepared.tmp"]
    found += [(shut, shut.tail), *((rotated, path) for path in list(rotated.read)[-2:])]
    return found, list(accumulate((len(of.files[path]) for of, path in found), initial=0))


def _at(place: int) -> _Cut:
    files, starts = _files()
    number, filled = place // 2, place % 2 == 1
    file = bisect_right(starts, number) - 1
    return _Cut(*files[file], number - starts[file], filled)


def check(_seed: int, places: list[int]) -> Tally:
    """Make and judge some cuts."""
    tally = Tally()
    for place in places:
        cut = _at(place)
        tally.states += 1
        where = cut.path.relative_to(LOG.parent)
        filled = ", filled with zeros" if cut.filled else ""
        harm = Harm(cut.known, {cut.path: cut.content}, f"place {place}: {where} to {cut.length} bytes{filled}")
        examine(harm, cut.must(), tally)
    return tally


def total() -> int:
    """Return how many cuts there are."""
    return 2 * _files()[1][-1]


def run(task: Task) -> Result:
    """Cut."""
    return sweep(task, total(), check)


CAMPAIGN = Campaign(
    name="cut",
    claim="each of {states} cuts, plain and filled with zeros, refused or the reported prefix that the rules name",
    full=236_000,
    run=run,
)
