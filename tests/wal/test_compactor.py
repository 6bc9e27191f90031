"""When a snapshot is made, and what follows from a failure."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.appender import SETTINGS
from tests.wal.drive import DIRECTORY, Run
from tests.wal.model import DictState, put
from wal.archive import ArchiveJob, ArchiveSettings
from wal.child import archive_in_child
from wal.compaction import Compacted, Job, compact
from wal.compactor import Compactor, Runner
from wal.errors import CompactionError, NoRoomError, PruneError
from wal.history import history
from wal.inspection import inspect
from wal.opening import open_log
from wal.settings import CompactionSettings
from wal.snapshot import list_snapshots


async def opened(settings: CompactionSettings) -> tuple[Run, Compactor, list[Exception]]:
    """Open a log with a few records; failures of its compactor are collected."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.append(3)
    await run.prepared()
    assert run.log is not None
    failures: list[Exception] = []
    compactor = Compactor(
        run.log,
        DIRECTORY,
        settings,
        {},
        epoch=1,
        file_system=run.disk,
        run=run._run_job,
        on_failure=failures.append,
    )
    return run, compactor, failures


async def test_it_is_due_when_the_log_has_outgrown_its_share() -> None:
    """Of the snapshot's size, and never for less than the smallest growth."""
    run, compactor, _ = await opened(CompactionSettings(growth_bytes_min=2000, growth_share=0.5))
    assert not compactor.is_due()
    await run.append(6)
    assert compactor.is_due()
    compactor.status.snapshot_bytes = 1_000_000
    assert not compactor.is_due()
    compactor.status.snapshot_bytes = 0
    await compactor.compact()
    assert not compactor.is_due()
    await run.close()


async def test_it_is_due_when_a_snapshot_is_old_and_something_changed() -> None:
    """An idle log makes none."""
    run, compactor, _ = await opened(CompactionSettings(age_seconds=1e-9))
    assert compactor.is_due()
    await compactor.compact()
    assert not compactor.is_due()
    await run.close()


async def test_a_failed_compaction_is_told_and_tried_again() -> None:
    """With a growing delay; the next success clears the status."""
    settings = CompactionSettings(growth_bytes_min=1, retry_seconds=0.01, retry_seconds_max=0.03)
    run, compactor, failures = await opened(settings)
    working = compactor._run_job
    tries = 0

    async def failing_twice(job: Job) -> Compacted:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise CompactionError("by plan")
        return await working(job)

    compactor._run_job = failing_twice
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    while compactor.status.runs == 0:
        await asyncio.sleep(0.001)
    running.cancel()
    assert [str(failure) for failure in failures] == ["by plan", "by plan"]
    assert (compactor.status.failures, compactor.status.last_error) == (0, "")
    assert compactor.status.snapshot > 0
    await run.close()


async def test_the_status_knows_the_snapshot_of_the_last_process() -> None:
    """So that growth is measured against its size."""
    run, compactor, _ = await opened(CompactionSettings())
    compacted = await compactor.compact()
    assert compacted is not None
    await run.close()
    again = Run(run.disk)
    await again.open()
    assert again.log is not None
    other = Compactor(again.log, DIRECTORY, CompactionSettings(), {}, epoch=2, file_system=run.disk)
    running = asyncio.create_task(other.run())
    while other.status.snapshot == 0:
        await asyncio.sleep(0.001)
    running.cancel()
    assert (other.status.snapshot, other.status.snapshot_bytes) == (compacted.sequence, compacted.size_bytes)
    await again.close()


async def test_child_processes_compact_and_archive_a_real_directory(tmp_path: Path) -> None:
    """What they write is what the next start reads, and what a history is read from."""
    state = DictState()
    log, report = await open_log(tmp_path, SETTINGS, state)
    forever, fields = ArchiveSettings(keep_days=1e6), {"note": list[str]()}
    compactor = Compactor(log, tmp_path, CompactionSettings(), fields, epoch=report.epoch, retention=forever)
    for number in range(3):
        changes = [put(f"key{number}", b"{}")]
        state.apply(log.append(changes, time=0, actor=None, operation="test"), 0, changes)
        await log.wait(log.sequence)
        while not log._prepared:
            await asyncio.sleep(0.001)
        assert await compactor.compact() is not None
    await log.close()
    again = DictState()
    log, report = await open_log(tmp_path, SETTINGS, again)
    assert (report.snapshot, report.records) == (compactor.status.snapshot, 0)
    assert again.values == state.values
    await log.close()
    archived = [path.name.split(".", 1)[1] for path in sorted((tmp_path / "archive").iterdir())]
    assert archived == ["wal.gz", "wal.index"] * 2
    assert [past.change.id for past in history(tmp_path, "note", "key0")] == ["key0"]
    assert len(inspect(tmp_path).segments) == 4


async def test_an_archiving_child_that_fails_is_told_and_leaves_the_segment(tmp_path: Path) -> None:
    """Its file stays in the log, and the error says why."""
    path = tmp_path / "log" / f"{1:020d}.wal"
    path.parent.mkdir()
    path.write_bytes(bytes(8192))
    with pytest.raises(CompactionError, match="another beginning"):
        await anext(archive_in_child(ArchiveJob([str(path)], str(tmp_path))))
    assert path.exists()


async def test_one_job_always_writes_the_same_bytes() -> None:
    """What a killed compaction left is replaced, and two runs of one job give equal files."""
    run, compactor, _ = await opened(CompactionSettings())
    jobs: list[Job] = []

    async def twice(job: Job) -> Compacted:
        jobs.append(job)
        await asyncio.to_thread(compact, run.disk, job)
        first = bytes(run.disk.content(Path(job.target)))
        compacted = await asyncio.to_thread(compact, run.disk, job)
        assert bytes(run.disk.content(Path(job.target))) == first
        return compacted

    compactor._run_job = twice
    assert await compactor.compact() is not None
    assert len(jobs) == 1
    await run.close()


async def test_without_room_for_a_rotation_what_is_sealed_is_folded() -> None:
    """A full disk, or a log that fills segments faster than they are prepared, does not hold compaction up."""
    run, compactor, _ = await opened(CompactionSettings())
    assert run.log is not None
    run.disk.space = 0
    sealed = await run.log.rotate()
    run.put()
    run.disk.space = 8_000  # for a snapshot, not for a segment
    with pytest.raises(NoRoomError):
        await run.log.rotate()
    compacted = await compactor.compact()
    assert compacted is not None
    assert compacted.sequence == sealed
    with pytest.raises(NoRoomError):
        await compactor.compact()
    await run.close()
    again = Run(run.disk.survivor(1))
    assert (await again.open()).snapshot == sealed
    assert again.appended == run.appended
    await again.close()


async def test_a_compactor_that_cannot_even_look_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was, it is told; without compactions the log would grow for ever."""
    run, compactor, failures = await opened(CompactionSettings(growth_bytes_min=1, retry_seconds=0.01))
    listing = run.disk.list
    tries = 0

    def failing_twice(directory: Path) -> list[str]:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise (OSError("no descriptor left"), RuntimeError("no thread left"))[tries - 1]
        return listing(directory)

    monkeypatch.setattr(run.disk, "list", failing_twice)
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    while compactor.status.runs == 0:
        assert not running.done()
        await asyncio.sleep(0.001)
    running.cancel()
    assert [str(failure) for failure in failures] == ["no descriptor left", "no thread left"]
    await run.close()


async def test_what_a_failed_compaction_wrote_is_removed() -> None:
    """It may fill the disk with the very room that the log waits for."""
    run, compactor, _ = await opened(CompactionSettings())

    async def failing(job: Job) -> Compacted:
        await asyncio.to_thread(compact, run.disk, job)
        raise CompactionError("by plan")

    compactor._run_job = failing
    with pytest.raises(CompactionError, match="by plan"):
        await compactor.compact()
    assert run.disk.list(DIRECTORY / "snapshots") == []
    await run.close()


async def test_compactions_that_fail_seal_one_segment_and_not_one_each() -> None:
    """A sealed segment keeps its whole size: one for each try would fill the disk, whatever is written meanwhile."""
    run, compactor, _ = await opened(CompactionSettings())
    assert run.log is not None
    working = compactor._run_job

    async def failing(job: Job) -> Compacted:
        raise CompactionError("by plan")

    compactor._run_job = failing
    for _ in range(5):
        with pytest.raises(CompactionError, match="by plan"):
            await compactor.compact()
        await run.append(1)
    segments = [name for name in run.disk.list(DIRECTORY / "log") if name.endswith(".wal")]
    assert len(segments) == 2  # what the first try sealed, and the tail
    compactor._run_job = working
    sealed = run.log.sealed
    compacted = await compactor.compact()
    assert compacted is not None
    assert sealed is not None
    assert compacted.sequence == sealed.sequence
    # Once that is folded, the next one is of all that is there.
    compacted = await compactor.compact()
    assert compacted is not None
    assert compacted.sequence == run.log.sequence
    await run.close()
    again = Run(run.disk.survivor(1))
    await again.open()
    assert again.appended == run.appended
    await again.close()


async def test_one_that_was_asked_for_after_a_failure_is_of_all_that_is_there() -> None:
    """What the failed one had sealed is folded first, and who asked waits for the next."""
    run, compactor, _ = await opened(CompactionSettings(retry_seconds=0.001))
    assert run.log is not None
    working = compactor._run_job

    async def failing(job: Job) -> Compacted:
        raise CompactionError("by plan")

    compactor._run_job = failing
    with pytest.raises(CompactionError, match="by plan"):
        await compactor.compact()
    compactor._run_job = working
    await run.append(1)
    compactor.request()
    first = await compactor.compact()
    assert first is not None
    assert first.sequence < run.log.sequence
    assert compactor.is_due()
    second = await compactor.compact()
    assert second is not None
    assert second.sequence == run.log.sequence
    assert not compactor.is_due()
    await run.close()


def let_syncs_of_directories_fail(run: Run, compactor: Compactor) -> Runner:
    """Have them fail from when a snapshot is made: it gets its name alone. Returns what makes snapshots otherwise."""
    working = compactor._run_job

    async def failing_to_publish(job: Job) -> Compacted:
        compacted = await working(job)
        run.disk.failing["sync_directory"] = errno.EIO
        return compacted

    compactor._run_job = failing_to_publish
    return working


async def test_a_snapshot_that_got_its_name_but_failed_after_that_is_not_waited_for() -> None:
    """Nothing that is sealed is without a snapshot then: the next compaction seals the tail as ever."""
    run, compactor, _ = await opened(CompactionSettings())
    assert run.log is not None
    working = let_syncs_of_directories_fail(run, compactor)
    with pytest.raises(OSError, match="sync_directory fails by plan"):
        await compactor.compact()
    assert len(list_snapshots(run.disk, DIRECTORY / "snapshots")) == 1
    run.disk.failing.clear()
    compactor._run_job = working
    await run.append(1)
    compacted = await compactor.compact()
    assert compacted is not None
    assert compacted.sequence == run.log.sequence
    await run.close()


async def test_after_a_snapshot_that_got_its_name_alone_nothing_is_due() -> None:
    """Nothing was written since: the next try makes the name durable, and the status tells of that snapshot."""
    run, compactor, _ = await opened(CompactionSettings(growth_bytes_min=1, growth_share=0.001))
    assert run.log is not None
    let_syncs_of_directories_fail(run, compactor)
    for _ in range(2):
        with pytest.raises(OSError, match="sync_directory fails by plan"):
            await compactor.compact()
    assert compactor.is_due()
    run.disk.failing.clear()
    assert await compactor.compact() is None
    assert not compactor.is_due()
    status = compactor.status
    assert (status.snapshot, status.failures, status.last_error) == (run.log.sequence, 0, "")
    assert status.snapshot_bytes > 0
    survivor = run.disk.survivor(1)
    assert list_snapshots(survivor, DIRECTORY / "snapshots") == [status.snapshot]
    await run.close()


async def test_one_that_was_asked_for_and_failed_is_tried_again() -> None:
    """Nothing else makes it due: it stays asked for until there is one of all that was there."""
    run, compactor, failures = await opened(CompactionSettings(retry_seconds=0.001, retry_seconds_max=0.001))
    assert run.log is not None
    working = compactor._run_job

    async def failing_thrice(job: Job) -> Compacted:
        if len(failures) == 2:
            compactor._run_job = working
        raise CompactionError("by plan")

    compactor._run_job = failing_thrice
    assert not compactor.is_due()
    compactor.request()
    running = asyncio.create_task(compactor.run(check_seconds=0.001))
    async with asyncio.timeout(30):
        while compactor.status.requested or compactor.status.running:
            await asyncio.sleep(0.001)
    running.cancel()
    assert [str(failure) for failure in failures] == ["by plan"] * 3
    assert compactor.status.snapshot == run.log.sequence
    await run.close()


async def test_it_is_due_once_when_it_was_asked_for() -> None:
    """Whatever the log has grown to."""
    run, compactor, _ = await opened(CompactionSettings())
    assert not compactor.is_due()
    compactor.request()
    assert compactor.is_due()
    assert await compactor.compact() is not None
    assert not compactor.is_due()
    await run.close()


def test_a_child_whose_server_is_gone_before_it_asked_ends_without_a_word() -> None:
    """It has nothing to do, and nobody to tell."""
    command = [sys.executable, "-P", "-m", "wal.child_main"]
    done = subprocess.run(command, input=b'{"half":', capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


async def test_it_goes_on_trying_however_often_it_has_failed() -> None:
    """A week of failures at the longest pause was once a number too large, and the end of all compactions."""
    settings = CompactionSettings(growth_bytes_min=1, growth_share=0.0, retry_seconds=0.01, retry_seconds_max=0.01)
    run, compactor, failures = await opened(settings)
    compactor.status.failures = 1100
    run.disk.content(DIRECTORY / "log" / f"{1:020d}.wal")[4300] ^= 1
    trying = asyncio.create_task(compactor.run(check_seconds=0.001))
    async with asyncio.timeout(10):
        while len(failures) < 3:
            assert not trying.done()
            await asyncio.sleep(0.01)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    await run.close()


async def test_old_snapshots_go_although_a_segment_cannot_be_archived() -> None:
    """A rotten segment that no start reads must not fill the disk with snapshots that no start reads either."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.append(3)
    await run.compact()
    run.disk.content(DIRECTORY / "log" / f"{1:020d}.wal")[4300] ^= 1
    told = []
    for _ in range(4):
        await run.append(3)
        try:
            await run.compact()
        except PruneError as error:
            told.append(error)
    assert len(told) == 4
    assert len(list_snapshots(run.disk, DIRECTORY / "snapshots")) == 2
    await run.close()


def test_a_child_that_cannot_answer_ends_with_a_line_and_no_traceback() -> None:
    """Not only when its server is gone; found by failing each `write` of a real compaction."""
    command = [sys.executable, "-P", "-m", "wal.child_main"]
    job = msgspec.json.encode(ArchiveJob(["/nowhere/00000000000000000001.wal"], "/nowhere"))
    with (
        Path("/dev/full").open("wb") as full,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE) as child,
    ):
        assert child.stdin is not None
        child.stdin.write(job + b"\n")
        child.stdin.flush()
        assert child.wait(20) == 1
        assert child.stderr is not None
        (line,) = child.stderr.read().decode().splitlines()
    assert line.startswith("annolog: a compaction cannot tell its server what came of it: [Errno 28]")


def test_a_child_gives_way_to_everybody_else() -> None:
    """It runs while a processor has nothing else to do, before it even knows its job."""
    command = [sys.executable, "-P", "-m", "wal.child_main"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        deadline = time.monotonic() + 20
        while (os.sched_getscheduler(child.pid), os.getpriority(os.PRIO_PROCESS, child.pid)) != (os.SCHED_IDLE, 19):
            assert time.monotonic() < deadline, "it does not give way"
            time.sleep(0.01)
        assert child.stdin is not None
        child.stdin.close()
