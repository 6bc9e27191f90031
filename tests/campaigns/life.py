"""A life of a log: openings, records of all kinds, rotations, compactions, archiving, retention and shutdowns.

What it does is drawn from a seed. It keeps, for each record, the digest of the state behind it, so that whatever a
start finds can be told from what was appended, and what was acknowledged.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from typing import NamedTuple

import msgspec

from tests.campaigns.directory import SMALL
from tests.campaigns.recovering import KIND, QuickState
from tests.campaigns.simulation import InlineWriter
from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import SETTINGS, Run
from tests.wal.model import delete, put
from wal.archive import ArchiveSettings
from wal.errors import WalError
from wal.recovery import Report

STEPS = 14
_KEPT_BYTES = 9_000


class Step(NamedTuple):
    """What is done next, with numbers that say how."""

    name: str
    records: int
    batch: int
    size: int


def steps_of(chance: random.Random) -> list[Step]:
    """Draw a life; every kind of step is in it."""
    drawn = ["compact"] * 3 + ["restart", "rotate"] + chance.choices(["append", "compact", "restart"], (6, 2, 1), k=4)
    chance.shuffle(drawn)
    steps = []
    for name in drawn:
        # Nothing is compacted or sealed where nothing was written.
        for step in dict.fromkeys(("append", name)):
            batch = chance.choice((1, 2, 5, 9))
            steps.append(Step(step, chance.randint(1, 14), batch, chance.choice((40, 200, 700))))
    return steps


class Life(Run):
    """A log that is used, and what is known of it. `acknowledged` is a sequence here.

    Attributes:
        digests: Sequence → digest of the state behind that record.
        faults: What the log did and must not do.
        new_writer: Makes the writer of each opening.
    """

    new_writer: type[InlineWriter] = InlineWriter

    def __init__(self, disk: SimulatedDisk, chance: random.Random) -> None:
        super().__init__(disk)
        self.chance = chance
        self.settings = chance.choice((SMALL, SETTINGS))
        if self.settings is SETTINGS:
            self.settings = msgspec.structs.replace(SETTINGS, segment_bytes=16 * 1024)
        self.retention = ArchiveSettings(keep_days=1e6, keep_bytes=chance.choice((0, _KEPT_BYTES, 1 << 30)))
        self.digests: dict[int, int] = {0: 0}
        self.faults: list[str] = []
        self.made = 0

    async def open(self) -> Report:
        """Open the log, also again, with what it says."""
        self.log, self.state, self.writer = None, QuickState(), self.new_writer()
        acknowledged = self.acknowledged
        report = await super().open()
        self.faults += self.faults_of(report.sequence, self.state.digest, acknowledged=acknowledged)
        self.acknowledged = report.sequence
        # What is behind that was never acknowledged, and has never been: the sequences are given again.
        self.digests = {sequence: one for sequence, one in self.digests.items() if sequence <= report.sequence}
        return report

    def put(self, size: int = 300) -> int:
        """Append a record that puts, replaces or deletes something, or several things."""
        assert self.log is not None
        self.log.admit()
        changes = []
        keys = [key for _, key in self.state.values]
        if keys and self.chance.random() < 0.3:
            old = self.chance.choice(keys)
            before = self.state.values[KIND, old]
            is_replaced = self.chance.random() < 0.5
            changes.append(put(old, self.chance.randbytes(size // 2)) if is_replaced else delete(old, before))
        if not changes or self.chance.random() < 0.5:
            self.made += 1
            changes.append(put(f"key{self.made:05d}", self.chance.randbytes(size // 2)))
        sequence = self.log.append(changes, time=self.made, actor=None, operation="test")
        self.state.apply(sequence, 0, changes)
        self.digests[sequence] = self.state.digest
        return sequence

    async def append(self, count: int, *, size: int = 300, batch: int = 3) -> None:
        """Append `count` records, `batch` at a time, and wait for each batch."""
        assert self.log is not None
        for start in range(0, count, batch):
            await self.prepared()
            for _ in range(start, min(start + batch, count)):
                if self.log.is_filling:
                    await self.log.room()
                last = self.put(size)
            await self.acknowledge(last)

    async def acknowledge(self, sequence: int) -> None:
        """Wait for a record, and note that it is durable."""
        assert self.log is not None
        await self.log.wait(sequence)
        if isinstance(self.writer, InlineWriter) and self.writer.failed is not None:
            self.faults.append(f"{sequence} was acknowledged after {self.writer.failed}")
        self.acknowledged = max(sequence, self.acknowledged)

    async def prepared(self) -> None:
        """Return when the next segment is prepared, or cannot be now."""
        assert self.log is not None
        await self.log.prepared()

    async def rested(self) -> None:
        """Return when what failed is tried again."""
        await asyncio.sleep(self.settings.retry_seconds)

    async def do(self, step: Step) -> None:
        """Do one thing."""
        if step.name == "append":
            await self.append(step.records, size=step.size, batch=step.batch)
        elif step.name == "compact":
            await self.compact()
        elif step.name == "rotate":
            assert self.log is not None
            await self.prepared()
            await self.log.rotate()
        else:
            await self.close()
            await self.open()

    def faults_of(self, sequence: int, digest: int, *, acknowledged: int) -> list[str]:
        """Return what is wrong with what a start found: up to which record, and the digest of the state."""
        known = sorted(self.digests)
        before = known[bisect_right(known, sequence) - 1]
        found = []
        if sequence < acknowledged:
            found.append(f"{acknowledged} was acknowledged, and the log ends with {sequence}")
        if digest != self.digests[before]:
            found.append(f"the state is not the one behind {before}, although the log ends with {sequence}")
        return found


async def whole(life: Life, steps: list[Step]) -> None:
    """Live from the first opening to the shutdown, undisturbed."""
    await life.open()
    for step in steps:
        await life.do(step)
    await life.close()


async def goes_on(life: Life) -> None:
    """Open what a crash left, write, compact, and shut down."""
    await life.open()
    await life.append(3)
    await life.compact()
    await life.append(2)
    await life.close()


async def left_alone(life: Life) -> None:
    """Close as far as that goes: what is left of a life is looked at afterwards."""
    try:
        await life.close()
    except (OSError, WalError):
        await asyncio.sleep(0)
