"""A power cut before every file operation: what was acknowledged is there, what is there was appended."""

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, Run, workload
from wal.archive_file import archived_sequence, read_archived
from wal.errors import WalError
from wal.segment import first_sequence, read_segment, scan_segment

SURVIVORS = 4


async def operations_of_a_run() -> int:
    """Count the operations of an undisturbed run: the first opening, two rotations, the shutdown."""
    disk = SimulatedDisk()
    await workload(disk)
    return len(disk.operations)


async def check_prefix(before: Run, disk: SimulatedDisk) -> Run:
    """Recover, and compare with what was acknowledged and appended before."""
    after = Run(disk)
    await after.open()
    assert after.appended == before.appended[: len(after.appended)], "not a prefix of what was appended"
    assert len(after.appended) >= before.acknowledged, "acknowledged records are lost"
    return after


def check_history(disk: SimulatedDisk) -> None:
    """Make sure that log and archive together hold every record from the first on; nothing is past its time here."""
    log, archive = DIRECTORY / "log", DIRECTORY / "archive"
    segments = {first: read_segment(disk, log / name) for name in disk.list(log) if (first := first_sequence(name))}
    for name in disk.list(archive):
        first = archived_sequence(name)
        if first is not None:
            segments[first] = read_archived(disk, archive / name, first)[:2]
    expected = 1
    for first, (header, data) in sorted(segments.items()):
        assert first == expected, f"records from {expected} to {first - 1} are neither in the log nor in the archive"
        expected += len(list(scan_segment(header, data)))


async def test_a_run_rotates() -> None:
    """The workload of these tests reaches what it is meant to reach."""
    disk = SimulatedDisk()
    run = await workload(disk)
    assert run.acknowledged == 90
    assert disk.operations.count("rename") >= 3


async def test_no_power_cut_loses_what_was_acknowledged() -> None:
    """At every operation, and for several of the disks that may be found after it."""
    for cut in range(await operations_of_a_run()):
        disk = SimulatedDisk()
        disk.cut_at = cut
        before = await workload(disk)
        for seed in range(SURVIVORS):
            after = await check_prefix(before, disk.survivor(cut * SURVIVORS + seed))
            await after.append(2)
            await after.close()


async def test_what_a_start_found_after_a_kill_outlasts_a_power_cut() -> None:
    """Killed at every operation: the page cache may hold what the disk does not, and nothing is built on that."""
    for cut in range(await operations_of_a_run()):
        disk = SimulatedDisk()
        disk.cut_at = cut
        before = await workload(disk)
        disk.restart()
        run = await check_prefix(before, disk)
        await run.append(2)
        survivor = disk.survivor(cut)
        await run.close()
        after = await check_prefix(run, survivor)
        await after.close()


async def test_no_power_cut_during_compactions_loses_what_was_acknowledged() -> None:
    """Three snapshots, of which the first is removed, with what it covers archived; cut at every operation."""
    undisturbed = SimulatedDisk()
    await workload(undisturbed, 92, compactions=3)
    names = [path.parent.name for path in undisturbed._names]
    assert (names.count("snapshots"), names.count("archive") > 0) == (2, True)
    for cut in range(len(undisturbed.operations)):
        disk = SimulatedDisk()
        disk.cut_at = cut
        before = await workload(disk, 92, compactions=3)
        for seed in range(SURVIVORS // 2):
            after = await check_prefix(before, disk.survivor(cut * SURVIVORS + seed))
            check_history(after.disk)
            await after.append(2)
            await after.compact()
            archived = [name.split(".", 1) for name in after.disk.list(DIRECTORY / "archive")]
            assert {kind for _, kind in archived} <= {"wal.gz", "wal.index"}, "what a crash left was not mended"
            assert len({first for first, _ in archived}) * 2 == len(archived)
            await after.close()
            await check_prefix(after, after.disk.survivor(seed))


@pytest.mark.parametrize("compactions", [1, 3])
async def test_a_power_cut_within_a_recovery_from_a_snapshot_changes_nothing(compactions: int) -> None:
    """Cut at each of its own operations, it is repeated with the same result."""
    disk = SimulatedDisk()
    before = await workload(disk, 92, compactions=compactions)
    operation = 0
    while True:
        again = disk.survivor(0)
        again.cut_at = operation
        run = Run(again)
        try:
            report = await run.open()
        except OSError:
            after = await check_prefix(before, again.survivor(operation))
            await after.close()
        else:
            again.cut_at, again.off = None, False
            await run.close()
            assert report.snapshot > 0
            break
        operation += 1
    assert operation > 10


async def test_a_power_cut_within_recovery_changes_nothing() -> None:
    """Recovery that is cut at every operation of its own is repeated with the same result."""
    for cut in (25, 40, 60, 75, 90, 105):
        disk = SimulatedDisk()
        disk.cut_at = cut
        before = await workload(disk)
        survivor = disk.survivor(cut)
        operation = 0
        while True:
            again = survivor.survivor(0)
            again.cut_at = operation
            run = Run(again)
            try:
                await run.open()
            except OSError:
                after = await check_prefix(before, again.survivor(operation))
                await after.close()
            else:
                again.cut_at, again.off = None, False
                await run.close()
                break
            operation += 1
        assert operation > 5


@pytest.mark.parametrize("close", [True, False])
async def test_many_restarts_keep_everything(close: bool) -> None:
    """Whether the log was sealed or not."""
    disk = SimulatedDisk()
    total = 0
    for restart in range(6):
        run = Run(disk)
        report = await run.open()
        assert len(run.appended) == total
        assert report.epoch == restart + 1
        assert report.clean is (close or restart == 0)
        await run.append(7)
        total += 7
        if not close:
            disk.off = True
        try:
            await run.close()
        except (OSError, WalError):
            assert not close
        disk = disk.survivor(restart)
    assert DIRECTORY.is_absolute()
