"""Directories for harm: snapshots, an archive, several segments, and all that is known of each record in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.campaigns.simulation import InlineWriter, chance_of, simulate
from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from wal.record import RecordType
from wal.scanner import Found
from wal.segment import read_segment, scan_segment

LOG, SNAPSHOTS, ARCHIVE = (DIRECTORY / name for name in ("log", "snapshots", "archive"))
LOCK = DIRECTORY / "LOCK"
SMALL = msgspec.structs.replace(SETTINGS, segment_bytes=12 * 1024, record_bytes_max=1024)
CRASHED, SHUT, ROTATED = "crashed", "shut down", "crashed behind a rotation"


class Segment(NamedTuple):
    """A segment that a start reads, its records, and how many entities there were before it."""

    content: bytes
    records: list[Found]
    before: int

    def entities(self, record: Found) -> int:
        """Return how many entities there are before a record."""
        at = self.records.index(record)
        return self.before + sum(one.header.type == RecordType.TRANSACTION for one in self.records[:at])


class Known(NamedTuple):
    """A directory that was used.

    Attributes:
        end: How that ended.
        files: Everything in it.
        values: The state.
        epoch: Of its last opening.
        read: The segments that a start reads, in order.
        snapshot: The newest, which a start reads.
    """

    end: str
    files: dict[Path, bytes]
    values: dict[tuple[str, str], bytes]
    epoch: int
    read: dict[Path, Segment]
    snapshot: Path

    @property
    def tail(self) -> Path:
        """The last segment."""
        return next(reversed(self.read))

    def disk(self, changed: dict[Path, bytes]) -> SimulatedDisk:
        """Return a disk with the directory, of which some files are changed."""
        return SimulatedDisk.holding(self.files | changed)


@cache
def known(end: str) -> Known:
    """Return a directory that was used until a crash, a shutdown, or a crash right behind a rotation."""
    with chance_of(0):
        return simulate(_made(end))


async def _made(end: str) -> Known:
    run = Run(SimulatedDisk())
    run.settings, run.writer = SMALL, InlineWriter()
    await run.open()
    for _ in range(3):
        await run.append(18, size=80)
        await run.compact()
    await run.append(50, size=80)
    if end == ROTATED:
        assert run.log is not None
        await run.log.rotate()
    if end == SHUT:
        await run.prepared()
        await run.close()
    disk = run.disk.survivor(0)
    snapshot = SNAPSHOTS / disk.list(SNAPSHOTS)[-1]
    read, before = {}, 54
    for name in disk.list(LOG):
        if name.endswith(".wal") and name > snapshot.name:
            header, content = read_segment(disk, LOG / name)
            read[LOG / name] = segment = Segment(content, list(scan_segment(header, content)), before)
            before += sum(record.header.type == RecordType.TRANSACTION for record in segment.records)
    assert before == run.acknowledged == len(run.state.values)
    assert len(read) > 2
    files = {path: bytes(disk.content(path)) for path in disk.files(DIRECTORY)}
    return Known(end, files, run.state.values, run.epoch, read, snapshot)
