"""What a snapshot makes needless goes, also after the first try has failed, and without another snapshot."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk, SimulatedFile
from tests.wal.drive import DIRECTORY, Run
from wal.archive import ArchiveSettings
from wal.compaction import Compacted, Job
from wal.compactor import Compactor
from wal.errors import CompactionError, NoRoomError, PruneError
from wal.settings import CompactionSettings
from wal.snapshot import list_snapshots

ARCHIVE, LOG, SNAPSHOTS = DIRECTORY / "archive", DIRECTORY / "log", DIRECTORY / "snapshots"
ARCHIVED = [f"{1:020d}.wal.gz", f"{1:020d}.wal.index"]


class FullDisk(SimulatedDisk):
    """Has no room for what belongs to the index of an archived segment, while told to."""

    is_full = False

    def open(self, path: Path, *, create: bool = False) -> SimulatedFile:
        """Open, or create, or refuse."""
        if self.is_full and create and ".wal.index" in path.name:
            raise OSError(errno.ENOSPC, "no room for an index")
        return super().open(path, create=create)


class UnreadableFile(SimulatedFile):
    """Is on a bad sector.

    Attributes:
        is_closed: Nobody holds it open.
    """

    is_closed = False

    def read_at(self, offset: int, length: int) -> bytes:
        """Fail."""
        raise OSError(errno.EIO, f"a bad sector within {length} bytes at {offset}")

    def close(self) -> None:
        """Close it."""
        super().close()
        self.is_closed = True


class UnreadableDisk(SimulatedDisk):
    """Cannot read one file.

    Attributes:
        unreadable: Its name.
        refused: The times that it was opened.
    """

    unreadable = ""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[UnreadableFile] = []

    def open(self, path: Path, *, create: bool = False) -> SimulatedFile:
        """Open, or create."""
        file = super().open(path, create=create)
        if path.name == self.unreadable:
            file.__class__ = UnreadableFile
            assert isinstance(file, UnreadableFile)
            self.refused.append(file)
        return file


def compactor_of(run: Run, settings: CompactionSettings | None = None) -> tuple[Compactor, list[Exception]]:
    """Return a compactor of a log, as a process begins with it, and the failures that it tells."""
    assert run.log is not None
    failures: list[Exception] = []
    compactor = Compactor(
        run.log,
        DIRECTORY,
        settings or CompactionSettings(),
        {},
        epoch=run.epoch,
        file_system=run.disk,
        run=run._run_job,
        retention=ArchiveSettings(keep_days=1e6),
        on_failure=failures.append,
    )
    return compactor, failures


async def owing(settings: CompactionSettings | None = None) -> tuple[Run, FullDisk, Compactor, list[Exception]]:
    """Make two snapshots, after the second of which the first segment could not be archived."""
    disk = FullDisk()
    run = Run(disk)
    await run.open()
    compactor, failures = compactor_of(run, settings)
    await run.append(3)
    assert await compactor.compact() is not None
    await run.append(3)
    disk.is_full = True
    with pytest.raises(PruneError, match="no room for an index"):
        await compactor.compact()
    return run, disk, compactor, failures


async def until(condition: Callable[[], bool]) -> None:
    """Return once it holds; looked at so often that it never will."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never comes to that")


def segments(disk: SimulatedDisk) -> list[str]:
    """Return the names of the segments in the log."""
    return [name for name in disk.list(LOG) if name.endswith(".wal")]


async def test_a_failed_archiving_leaves_the_segment_and_no_temporary_file() -> None:
    """The disk is full, perhaps: what was written of it must not lie there until another snapshot is made."""
    run, disk, _, _ = await owing()
    assert disk.list(ARCHIVE) == []
    assert len(segments(disk)) == 3
    await run.close()


async def test_a_failed_archiving_is_told_as_what_it_is() -> None:
    """The snapshot is there, and the status says so; the error speaks of the rest."""
    run, disk, compactor, _ = await owing()
    status = compactor.status
    assert (status.runs, status.failures) == (2, 1)
    assert status.snapshot == list_snapshots(disk, SNAPSHOTS)[-1]
    assert "could not all be archived" in status.last_error
    await run.close()


async def test_what_is_owed_is_pruned_without_another_snapshot() -> None:
    """By whoever asks for a compaction, although nothing has changed; the status is clear after that."""
    run, disk, compactor, _ = await owing()
    snapshots = list_snapshots(disk, SNAPSHOTS)
    with pytest.raises(PruneError):
        await compactor.compact()
    assert compactor.status.failures == 2
    disk.is_full = False
    assert await compactor.compact() is None
    assert disk.list(ARCHIVE) == ARCHIVED
    assert len(segments(disk)) == 2
    assert list_snapshots(disk, SNAPSHOTS) == snapshots
    assert (compactor.status.failures, compactor.status.last_error) == (0, "")
    await run.close()


async def test_what_is_owed_is_tried_again_until_it_is_done() -> None:
    """By the server, by itself, and told each time that it fails."""
    run, disk, compactor, failures = await owing(CompactionSettings(retry_seconds=0.001, retry_seconds_max=0.001))
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    await until(lambda: len(failures) == 3)
    disk.is_full = False
    await until(lambda: compactor.status.failures == 0)
    running.cancel()
    assert {type(failure) for failure in failures} == {PruneError}
    assert disk.list(ARCHIVE) == ARCHIVED
    assert compactor.status.runs == 2
    await run.close()


async def test_what_cannot_be_pruned_does_not_hold_up_the_next_snapshot() -> None:
    """A segment that is rotten is never archived: compactions go on at once, without its long pauses."""
    settings = CompactionSettings(growth_bytes_min=1000, growth_share=0.001, retry_seconds=1e6, retry_seconds_max=1e6)
    run, _, compactor, failures = await owing(settings)
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    await until(lambda: len(failures) == 1)
    await run.append(6)
    await until(lambda: compactor.status.runs == 3)
    running.cancel()
    await run.close()


async def test_what_is_owed_is_pruned_by_a_log_that_has_no_room() -> None:
    """It gives the room that the compaction lacked, which is told of, and works the next time."""
    run, disk, compactor, _ = await owing()
    assert run.log is not None
    await run.append(1)
    disk.space = 0
    await run.log.rotate()
    disk.space = 8_000  # for a snapshot, not for a segment
    with pytest.raises(PruneError):
        await compactor.compact()
    assert compactor.status.runs == 3
    run.put()
    disk.is_full = False
    failures = compactor.status.failures
    with pytest.raises(NoRoomError):
        await compactor.compact()
    assert disk.list(ARCHIVE)[:2] == ARCHIVED
    # What was pruned is no success of what failed.
    assert compactor.status.failures == failures + 1
    assert "no room" in compactor.status.last_error.lower() or "no space" in compactor.status.last_error.lower()
    await run.prepared()
    assert await compactor.compact() is not None
    await run.close()


async def test_two_failures_are_told_together() -> None:
    """Of the snapshot and of what is owed: neither hides the other."""
    run, _, compactor, _ = await owing()

    async def failing(job: Job) -> Compacted:
        raise CompactionError("no snapshot by plan.")

    compactor._run_job = failing
    await run.append(1)
    with pytest.raises(CompactionError, match=r"no snapshot by plan\. Besides: .*no room for an index"):
        await compactor.compact()
    await run.close()


async def test_the_next_process_prunes_what_the_last_one_owed() -> None:
    """Whether it was killed while it archived, or could not."""
    run, disk, _, _ = await owing()
    disk.open(ARCHIVE / f"{ARCHIVED[0]}.tmp", create=True)
    await run.close()
    disk.is_full = False
    again = Run(disk)
    await again.open()
    compactor, failures = compactor_of(again)
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    await until(lambda: disk.list(ARCHIVE) == ARCHIVED and len(segments(disk)) == 2)
    running.cancel()
    assert (failures, compactor.status.runs) == ([], 0)
    await again.close()


async def test_an_archived_segment_that_cannot_be_read_holds_nothing_up() -> None:
    """Old snapshots go, segments are archived, and no file is left open."""
    disk = UnreadableDisk()
    run = Run(disk)
    await run.open()
    compactor, _ = compactor_of(run)
    for _ in range(3):
        await run.append(3)
        assert await compactor.compact() is not None
    archived = disk.list(ARCHIVE)
    disk.unreadable = ARCHIVED[0]
    await run.append(3)
    assert await compactor.compact() is not None
    assert len(list_snapshots(disk, SNAPSHOTS)) == 2
    assert len(disk.list(ARCHIVE)) == len(archived) + 2
    assert disk.refused
    assert all(file.is_closed for file in disk.refused)
    await run.close()


async def test_a_stop_waits_for_the_segment_that_is_on_its_way() -> None:
    """What a thread has begun to put into the archive is not taken for what was left of it."""
    disk = FullDisk()
    run = Run(disk)
    await run.open()
    compactor, _ = compactor_of(run)
    await run.append(3)
    assert await compactor.compact() is not None
    await run.append(3)
    pruner = compactor._pruner
    let_go, begun, going_on = pruner._let_go, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(first: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert going_on.wait(30)
        let_go(first)

    pruner._let_go = slow  # type: ignore[method-assign]
    compacting = asyncio.create_task(compactor.compact())
    await begun.wait()
    compacting.cancel()
    await asyncio.sleep(0.01)
    assert not compacting.done()
    assert f"{ARCHIVED[0]}.tmp" in disk.list(ARCHIVE)
    going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await compacting
    assert disk.list(ARCHIVE) == ARCHIVED
    await run.close()
