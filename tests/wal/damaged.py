"""Directories that were used and then damaged, and what their repair must come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, Run
from wal.errors import DamagedError, WalError
from wal.inspection import inspect, records
from wal.record import Seal
from wal.repair import Repair
from wal.repair_steps import Plan

LOG, ARCHIVE, SNAPSHOTS = (DIRECTORY / name for name in ("log", "archive", "snapshots"))
Damage = Callable[[SimulatedDisk], object]


class World(NamedTuple):
    """A directory that was used, and all that it held.

    Attributes:
        disk: With archived and kept segments, two snapshots and three segments behind the newest.
        keys: Sequence → key that was put there; seals are left out.
    """

    disk: SimulatedDisk
    keys: dict[int, str]

    def damaged(self, damage: Damage | None = None) -> SimulatedDisk:
        """Return a copy of the disk, damaged."""
        disk = self.disk.survivor(0)
        if damage is not None:
            damage(disk)
            disk.settle()
        return disk

    def until(self, sequence: int) -> list[str]:
        """Return the keys of the records up to a sequence, which is what a state then holds."""
        return [key for at, key in self.keys.items() if at <= sequence]


async def made(*, compactions: int, tail: int = 3, close: bool = True, size: int = 300) -> World:
    """Use a directory: append, compact, go on over two rotations, and stop or crash."""
    run = Run(SimulatedDisk())
    await run.open()
    for _ in range(compactions):
        await run.append(20, size=size)
        await run.compact()
    assert run.log is not None
    for _ in range(2):
        await run.append(20, size=size)
        await run.prepared()
        await run.log.rotate()
    await run.append(tail, size=size)
    await run.prepared()
    if close:
        await run.close()
    disk = run.disk.survivor(0)
    if not close:
        await run.close()
    keys = {}
    for sequence, content in records(DIRECTORY, 1, 10**9, file_system=disk):
        if not isinstance(content, Seal):
            keys[sequence] = content.changes[0].id
    assert list(keys.values()) == run.appended
    return World(disk, keys)


def contents(disk: SimulatedDisk, below: Path = DIRECTORY) -> dict[str, bytes]:
    """Return all files of a directory, by path relative to it."""
    return {str(path.relative_to(below)): bytes(disk.content(path)) for path in disk.files(below)}


def names(disk: SimulatedDisk, directory: Path = LOG) -> list[Path]:
    """Return the segments or snapshots that are there."""
    return [directory / name for name in disk.list(directory) if not name.endswith((".tmp", ".index"))]


def remove_all(disk: SimulatedDisk, paths: Sequence[Path]) -> None:
    """Remove files."""
    for path in paths:
        disk.remove(path)


def plan_of(disk: SimulatedDisk) -> Plan:
    """Plan, and let the directory go."""
    repair = Repair(DIRECTORY, "planned", file_system=disk)
    repair.close()
    return repair.plan


def repaired(disk: SimulatedDisk, time: str = "now") -> Plan:
    """Repair, and return what was planned."""
    repair = Repair(DIRECTORY, time, file_system=disk)
    try:
        repair.run()
    finally:
        repair.close()
    return repair.plan


async def started(disk: SimulatedDisk) -> list[str]:
    """Start and stop; returns what was there."""
    run = Run(disk)
    try:
        await run.open()
    finally:
        await run.close()
    return run.appended


async def opened(disk: SimulatedDisk) -> list[str]:
    """Start, go on writing, compact, stop; returns what was there at the start."""
    run = Run(disk)
    try:
        await run.open()
        found = list(run.appended)
        if run.log is not None:
            await run.append(2)
            await run.compact()
    finally:
        await run.close()
    return found


async def check(world: World, disk: SimulatedDisk) -> Plan:
    """Repair a damaged directory, which was not sound before, and start on it; returns the plan."""
    before = contents(disk)
    disk.settle()
    with pytest.raises(WalError):
        inspect(DIRECTORY, file_system=disk)
    newest = max([int(path.stem) for path in names(disk, SNAPSHOTS)], default=0)
    if any(int(step.path.stem) > newest for step in plan_of(disk).steps if step.path.parent == LOG):
        with pytest.raises(DamagedError):
            await Run(disk.survivor(0)).open()
    plan = repaired(disk)
    assert contents(disk, DIRECTORY.with_name("data.before-repair-now")) == before
    assert_nothing_is_destroyed(disk, before, plan)
    assert not plan_of(disk.survivor(0)).steps
    assert await opened(disk) == world.until(plan.kept)
    return plan


def assert_nothing_is_destroyed(disk: SimulatedDisk, before: dict[str, bytes], plan: Plan) -> None:
    """Every file is as it was, or lies in `removed-by-repair` as it was."""
    after = contents(disk)
    changed = {str(step.path.relative_to(DIRECTORY)) for step in plan.steps}
    for name, content in before.items():
        if name in changed:
            assert after[f"removed-by-repair/now/{name}"] == content
        elif name not in ("LOCK", "log/prepared.tmp"):
            assert after[name] == content, name


DAMAGES: dict[str, Damage] = {
    "record": lambda disk: disk.content(names(disk)[-3]).__setitem__(5000, 255),
    "lost": lambda disk: disk.remove(names(disk)[-2]),
    "header": lambda disk: disk.content(names(disk)[-2]).__setitem__(20, 255),
    "snapshot": lambda disk: disk.content(names(disk, SNAPSHOTS)[-1]).__setitem__(700, 1),
    "snapshot and record": lambda disk: [
        disk.content(names(disk, SNAPSHOTS)[-1]).__setitem__(700, 1),
        disk.content(names(disk)[0]).__setitem__(6000, 255),
    ],
    "history and lock": lambda disk: [
        disk.content(names(disk)[0]).__setitem__(6000, 255),
        disk.content(DIRECTORY / "LOCK").__setitem__(10, 1),
    ],
    "snapshots": lambda disk: [disk.content(path).__setitem__(700, 1) for path in names(disk, SNAPSHOTS)],
}
