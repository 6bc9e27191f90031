"""Drives a log over a simulated disk: opens it, appends, and keeps what was acknowledged."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.simulated_disk import SimulatedDisk
from tests.wal.model import DictState, put
from wal.archive import ArchiveSettings
from wal.compaction import Compacted, Job, compact
from wal.compactor import Compactor
from wal.errors import WalError
from wal.log import Log
from wal.opening import open_log
from wal.recovery import Report
from wal.settings import CompactionSettings, LogSettings
from wal.writer import Writer

DIRECTORY = Path("/simulated/data")
SETTINGS = LogSettings(segment_bytes=24 * 1024, record_bytes_max=2048, fill_pause_ms=0, retry_seconds=0.01)


class Run:
    """A workload on a disk.

    Attributes:
        appended: Keys in the order in which they were appended.
        acknowledged: How many of them, from the first on, were acknowledged.
        begin: The time of the first record, in microseconds since 1970; each one has the next.
        writer: Writes the log that is opened next; a thread by default.
    """

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self.state = DictState()
        self.appended: list[str] = []
        self.acknowledged = 0
        self.log: Log | None = None
        self.epoch = 0
        self.settings = SETTINGS
        self.begin = 0
        self.retention = ArchiveSettings(keep_days=1e6)
        self.writer: Writer | None = None

    async def open(self) -> Report:
        """Open the log; the state holds what it says."""
        self.log, report = await open_log(
            DIRECTORY, self.settings, self.state, file_system=self.disk, writer=self.writer
        )
        self.epoch = report.epoch
        self.appended = [key for _, key in self.state.values]
        self.acknowledged = len(self.appended)
        return report

    async def append(self, count: int, *, size: int = 300, batch: int = 3) -> None:
        """Append `count` records, `batch` at a time, and wait for each batch."""
        assert self.log is not None
        for start in range(0, count, batch):
            await self.prepared()
            sequence = 0
            for _ in range(start, min(start + batch, count)):
                sequence = self.put(size)
            await self.log.wait(sequence)
            self.acknowledged = len(self.appended)

    def put(self, size: int = 300) -> int:
        """Append one record and apply it; returns its sequence."""
        assert self.log is not None
        self.log.admit()
        key = f"key{len(self.appended):05d}"
        changes = [put(key, key.encode().ljust(size, b"."))]
        sequence = self.log.append(changes, time=self.begin + len(self.appended), actor=None, operation="test")
        self.state.apply(sequence, 0, changes)
        self.appended.append(key)
        return sequence

    async def compact(self) -> Compacted | None:
        """Make a snapshot, in this process."""
        assert self.log is not None
        await self.prepared()
        await self.log.rotate()
        await self.prepared()
        compactor = Compactor(
            self.log,
            DIRECTORY,
            CompactionSettings(),
            {"note": []},
            epoch=self.epoch,
            file_system=self.disk,
            run=self._run_job,
            retention=self.retention,
        )
        return await compactor.compact()

    async def _run_job(self, job: Job) -> Compacted:
        return await asyncio.to_thread(compact, self.disk, job)

    async def append_until_refused(self) -> None:
        """Append and wait until the log refuses."""
        while self.log is not None:
            await self.log.wait(self.put())

    async def prepared(self) -> None:
        """Return when the next segment is prepared, so that the order of operations is always the same."""
        assert self.log is not None
        while not self.log._prepared and not self.disk.off and not self.disk.failing:
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Close the log, if it opened and the disk lets it."""
        if self.log is not None:
            await self.log.close()


async def workload(disk: SimulatedDisk, count: int = 90, *, compactions: int = 0) -> Run:
    """Open, append over two rotations, compact now and then, and close; the power may go at any time."""
    run = Run(disk)
    try:
        await run.open()
        for _ in range(compactions):
            await run.append(count // compactions)
            await run.compact()
        await run.append(count % compactions if compactions else count)
    except (OSError, WalError):
        assert disk.off
    try:
        await run.close()
    except (OSError, WalError):
        assert disk.off
    return run
