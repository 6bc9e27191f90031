"""Opening and closing: segments of another size, many restarts, and whoever waits being cancelled."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from tests.wal.model import DictState, put
from wal.block import Block
from wal.change import Change
from wal.errors import DamagedError, DirectoryLockedError, NoRoomError
from wal.file_store import PREPARED_NAME
from wal.file_system import RealFileSystem
from wal.lock import LOCK_NAME
from wal.log import Log
from wal.opening import open_log
from wal.record import crc32c
from wal.settings import LogSettings

LARGER = msgspec.structs.replace(SETTINGS, segment_bytes=64 * 1024)


class StuckDisk(SimulatedDisk):
    """A disk that hangs once, at one operation, until it is let go.

    Attributes:
        stuck: It hangs.
    """

    def __init__(self, operation: int) -> None:
        super().__init__()
        self._operation = operation
        self.stuck = threading.Event()
        self.go_on = threading.Event()

    def step(self, operation: str) -> None:
        """Hang, or go on."""
        if len(self.operations) == self._operation and not self.stuck.is_set():
            self.stuck.set()
            assert self.go_on.wait(20)
        super().step(operation)


@pytest.mark.parametrize("sizes", [(SETTINGS, LARGER), (LARGER, SETTINGS)], ids=["larger", "smaller"])
@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "crashed"])
async def test_segments_may_get_another_size(sizes: tuple[LogSettings, LogSettings], clean: bool) -> None:
    """The tail goes on with the size that it was made with; the next segment has the new one."""
    disk = SimulatedDisk()
    for number in range(6):
        run = Run(disk)
        run.settings = sizes[number % 2]
        await run.open()
        before = len(run.appended)
        assert before == number * 70
        await run.append(70)
        if clean:
            await run.close()
        else:
            assert run.log is not None
            disk.cut_at = len(disk.operations)
            await run.log._stop_preparing()
            await run.log._store.close()
            disk = disk.survivor(number)
    for name in disk.list(DIRECTORY / "log"):
        assert len(disk.content(DIRECTORY / "log" / name)) in {size.segment_bytes for size in sizes}


async def fill_up(run: Run) -> None:
    """Append until another record needs another segment."""
    assert run.log is not None
    while run.log._fits(600):
        await run.log.wait(run.put(300))


async def test_a_full_tail_is_stopped_and_started_as_often_as_one_likes() -> None:
    """Without a single write: seals do not outgrow the segment, and nothing is lost."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.prepared()
    await fill_up(run)
    expected = list(run.appended)
    for _ in range(80):
        await run.close()
        run = Run(disk)
        await run.open()
        assert run.appended == expected
        await run.prepared()
    await run.append(3)
    await run.close()


async def test_a_full_tail_on_a_full_disk_is_stopped_without_a_seal() -> None:
    """What is kept free is the rotation's; the next start copies the segment, as after a crash."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.prepared()
    disk.space = 0
    run.put()
    assert run.log is not None
    await run.log.rotate()
    with pytest.raises(NoRoomError):
        await run.append_until_refused()
    expected, clean = list(run.appended), []
    for _ in range(80):
        await run.close()
        # The rotation's file was freed by nobody: a copy needs room, and gives it back.
        disk.space = SETTINGS.segment_bytes
        run = Run(disk)
        clean.append((await run.open()).clean)
        disk.space = 0
        assert run.appended == expected
    assert clean[0]
    assert not clean[-1]
    await run.close()


@pytest.mark.parametrize("operation", range(14))
async def test_an_opening_that_is_cancelled_lets_the_directory_go_when_its_thread_is_done(operation: int) -> None:
    """Not before: a thread cannot be cancelled, and it still writes there."""
    disk = StuckDisk(operation)
    state = DictState()
    opening = asyncio.create_task(open_log(DIRECTORY, SETTINGS, state, file_system=disk))
    assert await asyncio.to_thread(disk.stuck.wait, 20)
    for _ in range(2):
        opening.cancel()
        await asyncio.sleep(0.01)
    assert not opening.done()
    if operation > 1:
        with pytest.raises(DirectoryLockedError):
            await open_log(DIRECTORY, SETTINGS, DictState(), file_system=disk)
    disk.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    run = Run(disk)
    await run.open()
    await run.append(3)
    await run.close()


async def test_a_replay_that_is_cancelled_stops_soon() -> None:
    """It looks up at each record."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(90)
    await run.close()

    class Stopping(DictState):
        """A state that has its opening cancelled at its third record."""

        def apply(self, sequence: int, _record_time: int, changes: Sequence[Change]) -> None:
            """Apply a record."""
            super().apply(sequence, _record_time, changes)
            if len(self.applied) == 3:
                loop.call_soon_threadsafe(opening.cancel)
                assert cancelled.wait(20)

    loop, cancelled = asyncio.get_running_loop(), threading.Event()
    state = Stopping()
    opening = asyncio.create_task(open_log(DIRECTORY, SETTINGS, state, file_system=disk))
    await asyncio.sleep(0.05)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert state.applied == [1, 2, 3]
    again = Run(disk)
    await again.open()
    assert again.appended == run.appended
    await again.close()


@pytest.mark.parametrize(("moment", "seen"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), ("loaded", [1, 2, 3, "loaded"])])
async def test_a_loading_that_is_cancelled_stops_soon_and_changes_nothing(
    moment: int | str, seen: list[int | str]
) -> None:
    """It looks up at each block of the snapshot, and before it gets the tail ready."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    assert run.log is not None
    for kind in ("note", "other", "third"):
        changes = [put("key", b"value", kind)]
        run.state.apply(run.log.append(changes, time=0, actor=None, operation="test"), 0, changes)
    await run.compact()
    await run.prepared()
    await run.log._stop_preparing()
    await run.log._store.close()
    disk.restart()

    class Stopping(DictState):
        """A state that has its opening cancelled at a block, or when all of them were given."""

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int | str] = []

        def load(self, block: Block) -> None:
            """Load a block."""
            super().load(block)
            self._see(len(self.seen) + 1)

        def loaded(self, sequence: int, digest: int) -> None:
            """Learn that there is no more."""
            super().loaded(sequence, digest)
            self._see("loaded")

        def _see(self, what: int | str) -> None:
            self.seen.append(what)
            if what == moment:
                reached.set()
                assert cancelled.wait(20)

    reached, cancelled = threading.Event(), threading.Event()
    before = stored(disk)
    state = Stopping()
    opening = asyncio.create_task(open_log(DIRECTORY, SETTINGS, state, file_system=disk))
    assert await asyncio.to_thread(reached.wait, 20)
    opening.cancel()
    await asyncio.sleep(0.01)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert state.seen == seen
    assert stored(disk) == before
    again = Run(disk)
    await again.open()
    assert again.state.values == run.state.values
    await again.close()


def stored(disk: SimulatedDisk) -> dict[Path, bytes]:
    """Return what is on a disk, but for LOCK, which counts openings, and what is no segment yet."""
    return {
        path: bytes(disk.content(path)) for path in disk.files(DIRECTORY) if path.name not in {LOCK_NAME, PREPARED_NAME}
    }


async def test_an_opening_that_is_cancelled_early_makes_no_log() -> None:
    """Of a new directory."""
    disk = StuckDisk(3)
    opening = asyncio.create_task(open_log(DIRECTORY, SETTINGS, DictState(), file_system=disk))
    assert await asyncio.to_thread(disk.stuck.wait, 20)
    opening.cancel()
    await asyncio.sleep(0.01)
    disk.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not stored(disk)


async def test_a_closing_goes_on_when_who_waits_for_it_is_cancelled() -> None:
    """And the second call waits for the first, whose records are durable then."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    assert run.log is not None
    sequence = run.put()
    waiting = asyncio.create_task(run.log.wait(sequence))
    closing = asyncio.create_task(run.log.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await run.log.close()
    await asyncio.wait_for(waiting, 5)
    assert not disk.held
    again = Run(disk)
    assert (await again.open()).clean
    assert again.appended == run.appended
    await again.close()


async def test_a_preparation_that_fails_for_whatever_reason_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lack of memory or threads passes as a full disk does."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.prepared()
    log: Log | None = run.log
    assert log is not None
    prepare, tries = log._store.prepare, [0]

    def failing_twice() -> None:
        tries[0] += 1
        if tries[0] <= 2:
            raise MemoryError("by plan")
        prepare()

    monkeypatch.setattr(log._store, "prepare", failing_twice)
    run.put()
    await log.rotate()
    await run.prepared()
    assert tries[0] == 3
    log.admit()
    await run.append(60)
    await run.close()


async def test_new_directories_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry of each of them in the one above, and that of LOCK."""
    synced: list[str] = []
    sync = RealFileSystem.sync_directory

    def noting(self: RealFileSystem, directory: Path) -> None:
        synced.append(str(directory))
        entries[str(directory)] = {path.name for path in directory.iterdir()}
        sync(self, directory)

    entries: dict[str, set[str]] = {}
    monkeypatch.setattr(RealFileSystem, "sync_directory", noting)
    directory = tmp_path / "a" / "b"
    log, _ = await open_log(directory, SETTINGS, DictState())
    await log.close()
    for path in (directory.parent, directory, directory / "log", directory / "snapshots", directory / "LOCK"):
        assert path.name in entries[str(path.parent)], path


async def test_a_lock_that_was_removed_does_not_let_a_second_writer_in(tmp_path: Path) -> None:
    """The directory is held too."""
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    (tmp_path / "LOCK").unlink()
    with pytest.raises(DirectoryLockedError):
        await open_log(tmp_path, SETTINGS, DictState())
    await log.close()
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    await log.close()


async def test_a_rotten_lock_is_passed_over() -> None:
    """It blames no segment: what it told is found in the segments too."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    await run.close()
    content = disk.content(DIRECTORY / "LOCK")
    for place in range(len(bytes(content).rstrip(b"\n"))):
        content[place] ^= 1
        again = Run(disk.survivor(0))
        again.disk.content(DIRECTORY / "LOCK")[:] = content
        report = await again.open()
        assert (again.appended, report.epoch) == (run.appended, 2)
        await again.close()
        content[place] ^= 1


async def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Only what an unfinished compaction left is removed."""
    (tmp_path / "snapshots").mkdir()
    for name in ("compaction-7.tmp", "notes.tmp"):
        (tmp_path / "snapshots" / name).touch()
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    await log.close()
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["notes.tmp"]


async def test_openings_that_fail_leave_no_descriptor(tmp_path: Path) -> None:
    """Refused because it is held, or because a snapshot is damaged."""
    descriptors = Path("/proc/self/fd")
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    await log.prepared()
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        with pytest.raises(DirectoryLockedError):
            await open_log(tmp_path, SETTINGS, DictState())
    assert len(list(descriptors.iterdir())) == before
    await log.close()
    before = len(list(descriptors.iterdir()))
    (tmp_path / "snapshots" / f"{9:020d}.snap").write_bytes(bytes(5000))
    for _ in range(5):
        with pytest.raises(DamagedError):
            await open_log(tmp_path, SETTINGS, DictState())
    assert len(list(descriptors.iterdir())) == before


async def test_an_opening_that_cannot_read_lock_lets_the_directory_go() -> None:
    """The disk fails once, at the read right after the lock was taken: the next opening succeeds."""
    disk = SimulatedDisk()
    before = Run(disk)
    await before.open()
    await before.append(2)
    await before.close()
    disk.failing = {"read": errno.EIO}
    with pytest.raises(OSError, match="read fails"):
        await Run(disk).open()
    disk.failing = {}
    after = Run(disk)
    await after.open()
    await after.close()
    assert after.appended == before.appended


@pytest.mark.parametrize("line", [b"", b"{}garbage", b'{"pid": "x"}'])
async def test_a_lock_that_verifies_and_tells_nothing_is_one_that_is_not_known(tmp_path: Path, line: bytes) -> None:
    """Of an empty line the checksum is zero; the epoch is found in the segments too."""
    for epoch in (1, 2):
        log, report = await open_log(tmp_path, SETTINGS, DictState())
        await log.close()
        assert report.epoch == epoch
        (tmp_path / "LOCK").write_bytes(b"%b\n%08x" % (line, crc32c(line)))
