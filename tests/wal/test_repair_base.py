"""A repair of snapshots and of the archive: what holds the same is enough, and history may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.damaged import (
    ARCHIVE,
    DAMAGES,
    LOG,
    SNAPSHOTS,
    Damage,
    World,
    check,
    contents,
    made,
    names,
    plan_of,
)
from wal.archive_file import read_archived
from wal.block import make_block
from wal.repair_steps import NOTHING, BeyondRepairError, SetAside, Step
from wal.segment import read_segment
from wal.snapshot import SnapshotReader, SnapshotWriter


def without_indexes(steps: Sequence[Step]) -> list[Path]:
    """Return what is moved or written, but for the indexes of the archive, which go with their segments."""
    return [step.path for step in steps if step.path.suffix != ".index"]


async def test_a_damaged_snapshot_is_moved_aside(compacted: World) -> None:
    """The newest, the older one, in its header or not: the other one and the log hold the same."""
    for path in names(compacted.disk, SNAPSHOTS):
        for place in (3, 40, 700, -3):
            disk = compacted.damaged()
            disk.content(path)[place] ^= 1
            plan = await check(compacted, disk)
            assert plan.kept == plan.known == max(compacted.keys) + 1
            assert [(type(step), step.path, step.loses) for step in plan.steps] == [(SetAside, path, NOTHING)]


async def test_without_a_snapshot_that_verifies_the_archive_may_hold_the_log_from_the_start(compacted: World) -> None:
    """Then nothing is lost; else it is beyond repair, and nothing was changed."""
    disk = compacted.damaged(DAMAGES["snapshots"])
    without = disk.survivor(0)
    plan = await check(compacted, disk)
    assert (plan.snapshot, plan.kept) == (0, max(compacted.keys) + 1)
    without.remove(names(without, ARCHIVE)[0])
    before = contents(without)
    with pytest.raises(BeyondRepairError, match="no snapshot in it verifies") as caught:
        plan_of(without)
    assert contents(without) == before
    assert all(str(path) in str(caught.value) for path in names(without, SNAPSHOTS))


async def test_the_archive_helps_only_as_far_as_it_verifies(compacted: World) -> None:
    """Of a segment that is in the log too it gives the sound one; a gap in it cuts the log."""
    paths = names(compacted.disk, ARCHIVE)
    disk = compacted.damaged(DAMAGES["snapshots"])
    data = read_archived(disk, paths[1], int(paths[1].name[:20])).data
    disk.open(LOG / paths[1].stem, create=True).write_at(0, data[:6000] + b"x" + data[6001:])
    plan = await check(compacted, disk)
    assert compacted.until(plan.kept) == list(compacted.keys.values())
    disk = compacted.damaged(DAMAGES["snapshots"])
    disk.content(paths[1])[60] ^= 1
    plan = await check(compacted, disk)
    assert plan.kept == int(paths[1].name[:20]) - 1
    assert {*paths[1:], *names(compacted.disk)} <= {step.path for step in plan.steps}


async def test_snapshots_of_another_state_or_another_log_are_moved_aside(compacted: World) -> None:
    """A snapshot is compared with its seal."""
    other = await made(compactions=4)
    damages: list[Callable[[SimulatedDisk, Path], None]] = [
        lambda disk, path: disk.content(path).__setitem__(slice(None), other.disk.content(path)),
        _put_another_state,
    ]
    for damage in damages:
        for path in names(compacted.disk, SNAPSHOTS):
            disk = compacted.damaged()
            damage(disk, path)
            plan = await check(compacted, disk)
            assert [step.path for step in plan.steps] == [path]
            assert plan.kept == max(compacted.keys) + 1


def _put_another_state(disk: SimulatedDisk, path: Path) -> None:
    """Replace a snapshot by one that is whole, but holds less."""
    reader = SnapshotReader(disk, path)
    *blocks, last = reader.blocks()
    disk.remove(path)
    writer = SnapshotWriter(disk.open(path, create=True), reader.header)
    for block in (*blocks, make_block(last.kind, list(last.entities())[1:], list(last.columns))):
        writer.add(block)
    writer.close()


async def test_what_only_the_older_snapshot_needs_is_moved_aside(compacted: World) -> None:
    """And what lies before it, so that no gap is left; that is history."""
    newest = int(names(compacted.disk, SNAPSHOTS)[-1].stem)
    path = next(path for path in names(compacted.disk) if int(path.stem) <= newest)
    disk = compacted.damaged()
    disk.content(path)[5000] ^= 1
    plan = await check(compacted, disk)
    assert plan.kept == plan.known == max(compacted.keys) + 1
    assert without_indexes(plan.steps) == [*names(compacted.disk, ARCHIVE), path]
    (loses,) = [step.loses for step in plan.steps if step.path == path]
    assert "the way from the older snapshot" in loses
    assert plan.steps[0].loses == "history: no start needs it"


async def test_a_damaged_archive_loses_history_only(compacted: World) -> None:
    """Flipped, with another time, of another log, or with a gap: it goes, and all before it."""
    paths = names(compacted.disk, ARCHIVE)
    other = await made(compactions=4)
    damages: list[tuple[Damage, int]] = [
        (lambda disk: disk.content(paths[1]).__setitem__(60, 255), 2),
        (lambda disk: disk.content(paths[0]).__setitem__(4, 1), 1),
        (lambda disk: disk.content(paths[2]).__setitem__(slice(None), bytes(other.disk.content(paths[2]))), 3),
        (lambda disk: disk.remove(paths[1]), 1),
    ]
    for damage, gone in damages:
        plan = await check(compacted, compacted.damaged(damage))
        assert without_indexes(plan.steps) == paths[:gone]
        assert plan.kept == plan.known == max(compacted.keys) + 1


async def test_a_segment_that_is_in_the_archive_too_loses_nothing(compacted: World) -> None:
    """A crash while it was archived leaves both."""
    path = names(compacted.disk, ARCHIVE)[-1]
    segment = LOG / path.name.removesuffix(".gz")
    disk = compacted.damaged()
    _, data = read_segment(disk, names(disk)[0])
    disk.open(segment, create=True).write_at(0, data)
    plan = await check(compacted, disk)
    assert [(step.path, step.loses) for step in plan.steps] == [(segment, NOTHING)]


async def test_an_index_that_is_damaged_or_leads_nowhere_is_moved_aside(compacted: World) -> None:
    """It is made from the segment beside it, so nothing is lost with it; and an index goes with its segment."""
    oldest, *_, newest = (path.with_suffix(".index") for path in names(compacted.disk, ARCHIVE))
    disk = compacted.damaged()
    disk.content(oldest)[-5] ^= 1
    plan = await check(compacted, disk)
    assert [step.path for step in plan.steps if isinstance(step, SetAside)] == [oldest]
    assert plan.given_up is None
    disk = compacted.damaged()
    disk.content(oldest.with_suffix(".gz"))[60] ^= 1
    plan = await check(compacted, disk)
    moved = {step.path for step in plan.steps if isinstance(step, SetAside)}
    assert {oldest, oldest.with_suffix(".gz")} <= moved
    assert newest not in moved
