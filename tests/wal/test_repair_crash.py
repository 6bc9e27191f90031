"""A repair may be cut off at any point, and whatever was done to the directory."""

from __future__ import annotations

import random

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.damaged import (
    DAMAGES,
    World,
    contents,
    made,
    opened,
    plan_of,
    repaired,
    started,
)
from tests.wal.drive import DIRECTORY
from wal.errors import DamagedError
from wal.inspection import inspect
from wal.repair_steps import BeyondRepairError

ROUNDS = 40
MUTATING = {"create", "write", "sync", "rename", "remove", "sync_directory"}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_no_power_cut_within_a_repair_does_harm(compacted: World, damage: str) -> None:
    """At each operation that changes anything: refused or as planned, and the same after another repair."""
    whole = compacted.damaged(DAMAGES[damage])
    before = contents(whole)
    undisturbed = whole.survivor(0)
    plan = repaired(undisturbed)
    expected = compacted.until(plan.kept)
    cuts = [place for place, operation in enumerate(undisturbed.operations) if operation in MUTATING]
    copied = undisturbed.operations.index("rename")
    # Within the copy one is like another.
    for cut in cuts[::11] + [cut for cut in cuts if cut >= copied]:
        disk = whole.survivor(0)
        disk.cut_at = cut
        with pytest.raises(OSError, match="power cut"):
            repaired(disk)
        for seed in range(2 if cut >= copied else 1):
            found = disk.survivor(cut * 2 + seed)
            assert_copied_before_changed(found, before)
            try:
                assert await started(found.survivor(0)) == expected
            except DamagedError:
                assert plan_of(found.survivor(0)).steps
            if plan_of(found).steps:
                assert repaired(found, "again").kept == plan.kept
            inspect(DIRECTORY, file_system=found)
            assert await started(found) == expected


def assert_copied_before_changed(disk: SimulatedDisk, before: dict[str, bytes]) -> None:
    """As long as there is no whole copy, every file is as it was."""
    copy = contents(disk, DIRECTORY.with_name("data.before-repair-now"))
    if copy != before:
        assert copy == {}
        now = contents(disk)
        assert {name: now.get(name) for name in before} == before


def _damage_at_random(disk: SimulatedDisk, chance: random.Random, foreign: SimulatedDisk) -> str:
    """Do one harm to one file, and return what it was."""
    paths = [path for path in disk.files(DIRECTORY) if path.suffix != ".tmp"]
    path, other = chance.choice(paths), chance.choice(paths)
    content = disk.content(path)
    used = len(bytes(content).rstrip(b"\0")) or 1
    place = chance.randrange(used)
    sector = slice(place // 512 * 512, min((place // 512 + 1) * 512, len(content)))
    harm = chance.choice(["flip", "flip", "zero", "garble", "shorten", "remove", "swap", "copy", "foreign"])
    if harm == "flip" and content:
        content[place] ^= 1 << chance.randrange(8)
    elif harm == "zero":
        content[sector] = bytes(sector.stop - sector.start)
    elif harm == "garble":
        content[sector] = chance.randbytes(sector.stop - sector.start)
    elif harm == "shorten":
        del content[place:]
    elif harm == "remove":
        disk.remove(path)
    elif harm == "foreign" and path in foreign.files(DIRECTORY):
        content[:] = foreign.content(path)
    elif harm in ("swap", "copy") and path.parent == other.parent:
        mine, theirs = bytes(content), bytes(disk.content(other))
        content[:] = theirs
        disk.content(other)[:] = mine if harm == "swap" else theirs
    return f"{harm} {path.parent.name}/{path.name} at {place} ({other.name})"


async def test_whatever_is_done_to_a_directory_a_repair_keeps_a_prefix_or_refuses(
    compacted: World, plain: World, crashed: World
) -> None:
    """One to three harms to any of its files; refused only if nothing is there to go on from."""
    seed = random.randrange(1 << 32)
    foreign = (await made(compactions=4)).disk
    ends = {"sound": 0, "beyond repair": 0, "repaired": 0}
    for number in range(ROUNDS):
        chance = random.Random(f"{seed}-{number}")
        world = chance.choice([compacted, plain, crashed])
        disk = world.damaged()
        harms = [_damage_at_random(disk, chance, foreign) for _ in range(chance.randint(1, 3))]
        disk.settle()
        print(f"seed {seed}, round {number}: {harms}")  # noqa: T201 - so that a failure can be repeated
        ends[await _end_of(world, disk)] += 1
    print(ends)  # noqa: T201 - how far the rounds reach
    assert ends["repaired"] > ROUNDS // 2


async def _end_of(world: World, disk: SimulatedDisk) -> str:
    before = contents(disk)
    try:
        plan = plan_of(disk)
    except BeyondRepairError as error:
        if "No step is known" in str(error):
            raise
        assert {name: contents(disk)[name] for name in before} == before
        return "beyond repair"
    if plan.steps:
        assert repaired(disk) == plan
        copy = contents(disk, DIRECTORY.with_name("data.before-repair-now"))
        # LOCK is made when it is held.
        assert copy == {"LOCK": b"", **before}
        assert not plan_of(disk).steps
    assert await opened(disk) == world.until(plan.kept)
    return "repaired" if plan.steps else "sound"
