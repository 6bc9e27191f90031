"""A repair keeps what verifies, says what it gives up, destroys nothing, and may be cut off at any point."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, Run
from wal.directory_copy import CopyError
from wal.errors import DamagedError, DirectoryLockedError, UnsupportedFormatError, WalError
from wal.inspection import NoLogError, inspect, records
from wal.record import Seal, crc32c
from wal.repair import Repair
from wal.repair_steps import NOTHING, BeyondRepairError, GivenUp, NameLog, Plan, SetAside, WriteSegment
from wal.segment import SEGMENT_HEADER_BYTES, read_segment, scan_segment

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


@pytest.fixture(scope="module")
def compacted() -> World:
    """Return a directory with archive and snapshots, which was shut down."""
    return asyncio.run(made(compactions=4))


@pytest.fixture(scope="module")
def plain() -> World:
    """Return a directory with segments only, which was shut down."""
    return asyncio.run(made(compactions=0))


def contents(disk: SimulatedDisk, below: Path = DIRECTORY) -> dict[str, bytes]:
    """Return all files of a directory, by path relative to it."""
    return {str(path.relative_to(below)): bytes(disk.content(path)) for path in disk.files(below)}


def names(disk: SimulatedDisk, directory: Path = LOG) -> list[Path]:
    """Return the segments or snapshots that are there."""
    return [directory / name for name in disk.list(directory) if not name.endswith(".tmp")]


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


async def test_every_flipped_byte_is_repaired_to_what_verified_before_it(compacted: World) -> None:
    """A seeded sample over headers, payloads, paddings and seals: refused, repaired, and just the plan's prefix."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    newest = int(names(compacted.disk, SNAPSHOTS)[-1].stem)
    for path in names(compacted.disk):
        header, data = read_segment(compacted.disk, path)
        for found in scan_segment(header, data):
            length = found.header.length
            spots = [chance.randrange(96), 96 + chance.randrange(length), found.end - found.offset - 1]
            place = found.offset + chance.choice(spots)
            disk = compacted.damaged()
            disk.content(path)[place] ^= 1 << chance.randrange(8)
            plan = await check(compacted, disk)
            assert plan.kept == (found.header.sequence - 1 if header.first > newest else max(compacted.keys) + 1)


async def test_the_header_of_a_segment_is_known_from_what_is_before_it(compacted: World, plain: World) -> None:
    """Flipped at any field, or zeroed: nothing is lost."""
    for world in (compacted, plain):
        for path in names(world.disk):
            for place in (0, 9, 14, 20, 26, 30, 40, 60, 85, 90, 4000):
                disk = world.damaged()
                disk.content(path)[place] ^= 4
                plan = await check(world, disk)
                assert world.until(plan.kept) == list(world.keys.values())
            disk = world.damaged()
            disk.content(path)[:SEGMENT_HEADER_BYTES] = bytes(SEGMENT_HEADER_BYTES)
            plan = await check(world, disk)
            assert world.until(plan.kept) == list(world.keys.values())


def behind(world: World) -> list[Path]:
    """Return the segments behind the newest snapshot."""
    newest = int(names(world.disk, SNAPSHOTS)[-1].stem)
    return [path for path in names(world.disk) if int(path.stem) > newest]


async def test_a_record_that_is_damaged_cuts_the_log_and_names_what_is_given_up(compacted: World) -> None:
    """How many verify behind it, from when to when, and whose they are."""
    path = behind(compacted)[1]
    disk = compacted.damaged()
    found = list(scan_segment(*read_segment(disk, path)))[4]
    disk.content(path)[found.offset + 100] ^= 1
    cut = found.header.sequence
    plan = await check(compacted, disk)
    assert (plan.kept, plan.known) == (cut - 1, max(compacted.keys) + 1)
    keys = [key for at, key in compacted.keys.items() if at > cut]
    first = min(at for at in compacted.keys if at > cut)
    some = [("note", key) for key in keys[:5]]
    times = int(keys[0].removeprefix("key")), int(keys[-1].removeprefix("key"))
    assert plan.given_up == GivenUp(len(keys), first, plan.known, *times, len(keys), some)
    write, aside = plan.steps
    assert isinstance(write, WriteSegment)
    assert isinstance(aside, SetAside)
    assert (write.path, aside.path) == (path, behind(compacted)[2])
    assert "a later batch proves" in write.found
    assert write.loses == f"what came from sequence {cut} on"


async def test_a_segment_that_is_lost_cuts_the_log(compacted: World, plain: World) -> None:
    """Right behind a snapshot, in the middle, the tail; what is behind it is moved aside."""
    for world in (compacted, plain):
        paths = behind(world) if world is compacted else names(world.disk)[1:]
        for path in paths:
            disk = world.damaged(lambda disk, path=path: disk.remove(path))  # type: ignore[misc]
            plan = await check(world, disk)
            assert plan.kept == int(path.stem) - 1
            assert plan.known == (max(world.keys) + 1 if path != paths[-1] else plan.kept)


async def test_a_log_without_its_beginning_is_beyond_repair(plain: World) -> None:
    """It says what to restore, and changes nothing."""
    first = names(plain.disk)[0]
    disk = plain.damaged(lambda disk: disk.remove(first))
    before = contents(disk)
    with pytest.raises(BeyondRepairError, match="Restore one of these snapshots, or the segments from sequence 1 on"):
        plan_of(disk)
    disk = plain.damaged(lambda disk: remove_all(disk, names(disk)))
    with pytest.raises(BeyondRepairError, match="there is no segment"):
        plan_of(disk)
    assert before == contents(plain.damaged(lambda disk: disk.remove(first)))


async def test_segments_under_each_others_names_are_moved_aside(compacted: World) -> None:
    """The log is cut there; whoever renamed them is told to name them back instead."""
    first, second, _ = behind(compacted)
    disk = compacted.damaged()
    one, other = disk.content(first), disk.content(second)
    one[:], other[:] = bytes(other), bytes(one)
    plan = await check(compacted, disk)
    assert plan.kept == int(first.stem) - 1
    assert any("name them back instead" in step.found for step in plan.steps)
    assert plan.given_up is not None


async def test_a_segment_of_another_log_is_moved_aside(compacted: World) -> None:
    """In the place of one it cuts the log; beside the log it costs nothing."""
    other = await made(compactions=4)
    path = behind(compacted)[1]
    disk = compacted.damaged()
    disk.content(path)[:] = other.disk.content(path)
    plan = await check(compacted, disk)
    assert plan.kept == int(path.stem) - 1
    for name in (f"{int(path.stem) + 1:020d}.wal", f"{10**9:020d}.wal"):
        disk = compacted.damaged()
        disk.open(LOG / name, create=True).write_at(0, _renamed(other.disk, path, int(name[:20])))
        plan = await check(compacted, disk)
        assert [step.loses for step in plan.steps] == [NOTHING]
        assert plan.kept == plan.known == max(compacted.keys) + 1


def _renamed(disk: SimulatedDisk, path: Path, first: int) -> bytes:
    """Return a segment whose header names another sequence."""
    content = disk.content(path)
    fields = bytes(content[:16]) + first.to_bytes(8, "little") + bytes(content[24:84])
    return fields + bytes(crc32c(fields).to_bytes(4, "little")) + bytes(content[88:])


@pytest.mark.parametrize("length", [0, 100, 4096, 4700, 12_000, 24_575])
async def test_a_segment_that_was_cut_short_is_filled_up(compacted: World, plain: World, length: int) -> None:
    """What it held up to there stays; a file that is too long is cut to its size."""
    for world in (compacted, plain):
        for path in (names(world.disk)[-2], names(world.disk)[-1]):
            end = list(scan_segment(*read_segment(world.disk, path)))[-1].end
            disk = world.damaged()
            del disk.content(path)[length:]
            plan = await check(world, disk)
            whole = list(world.keys.values())
            assert (world.until(plan.kept) == whole) or length < end
            assert plan.kept >= int(path.stem) - 1
            disk = world.damaged()
            disk.content(path).extend(b"x" * 10)
            plan = await check(world, disk)
            assert world.until(plan.kept) == whole


async def test_a_damaged_seal_before_an_empty_segment_loses_nothing() -> None:
    """The successor is moved aside, as a start undoes a rotation."""
    world = await made(compactions=0, tail=0, close=False)
    path = names(world.disk)[-2]
    disk = world.damaged()
    seal = list(scan_segment(*read_segment(disk, path)))[-1]
    disk.content(path)[seal.offset + 100] ^= 1
    plan = await check(world, disk)
    assert world.until(plan.kept) == list(world.keys.values())


async def test_bytes_behind_a_seal_are_taken_away(compacted: World, plain: World) -> None:
    """Behind that of a rotation and that of a shutdown: nothing is lost."""
    for world in (compacted, plain):
        for path in names(world.disk)[-2:]:
            disk = world.damaged()
            disk.content(path)[list(scan_segment(*read_segment(disk, path)))[-1].end + 40] = 1
            plan = await check(world, disk)
            assert world.until(plan.kept) == list(world.keys.values())


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
    disk = compacted.damaged(POWER_CUTS["snapshots"])
    without = disk.survivor(0)
    plan = await check(compacted, disk)
    assert (plan.snapshot, plan.kept) == (0, max(compacted.keys) + 1)
    without.remove(names(without, ARCHIVE)[0])
    before = contents(without)
    with pytest.raises(BeyondRepairError, match="no snapshot in it verifies") as caught:
        plan_of(without)
    assert contents(without) == before
    assert all(str(path) in str(caught.value) for path in names(without, SNAPSHOTS))


async def test_snapshots_of_another_past_or_another_log_are_moved_aside(compacted: World) -> None:
    """A snapshot is compared with its seal."""
    for size, path in ((300, names(compacted.disk, SNAPSHOTS)[1]), (301, names(compacted.disk, SNAPSHOTS)[0])):
        other = await made(compactions=4, size=size)
        disk = compacted.damaged()
        disk.content(path)[:] = other.disk.content(path)
        plan = await check(compacted, disk)
        assert [step.path for step in plan.steps] == [path]
        assert plan.kept == max(compacted.keys) + 1


async def test_what_only_the_older_snapshot_needs_is_moved_aside(compacted: World) -> None:
    """And what lies before it, so that no gap is left; that is history."""
    newest = int(names(compacted.disk, SNAPSHOTS)[-1].stem)
    path = next(path for path in names(compacted.disk) if int(path.stem) <= newest)
    disk = compacted.damaged()
    disk.content(path)[5000] ^= 1
    plan = await check(compacted, disk)
    assert plan.kept == plan.known == max(compacted.keys) + 1
    assert [step.path for step in plan.steps] == [*names(compacted.disk, ARCHIVE), path]
    assert "the way from the older snapshot" in plan.steps[-1].loses
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
        assert [step.path for step in plan.steps] == paths[:gone]
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


async def test_a_lock_that_does_not_name_this_log_is_written_anew(compacted: World) -> None:
    """Rotten, or that of another directory: nothing is lost."""
    lock = DIRECTORY / "LOCK"
    other = await made(compactions=0)
    rotten, foreign = compacted.damaged(), compacted.damaged()
    rotten.content(lock)[10] ^= 1
    foreign.content(lock)[:] = other.disk.content(lock)
    for disk in (rotten, foreign):
        before = contents(disk)
        plan = repaired(disk)
        assert [(type(step), step.loses) for step in plan.steps] == [(NameLog, NOTHING)]
        assert contents(disk, DIRECTORY.with_name("data.before-repair-now")) == before
        assert not plan_of(disk).steps
        assert await opened(disk) == list(compacted.keys.values())


async def test_files_of_two_logs_and_no_lock_are_beyond_repair(plain: World) -> None:
    """Nothing tells which one it is."""
    other = await made(compactions=0)
    disk = plain.damaged()
    for path in names(disk)[1:]:
        disk.remove(path)
    disk.open(LOG / f"{99:020d}.wal", create=True).write_at(0, _renamed(other.disk, names(other.disk)[0], 99))
    disk.content(DIRECTORY / "LOCK")[10] ^= 1
    with pytest.raises(BeyondRepairError, match="Nothing tells which log"):
        plan_of(disk)
    # LOCK and one file say the one, all others the other.
    disk = plain.damaged()
    for path in (DIRECTORY / "LOCK", names(disk)[1]):
        disk.content(path)[:] = other.disk.content(path)
    with pytest.raises(BeyondRepairError, match=r"1 of .* Nothing was changed"):
        plan_of(disk)


async def test_a_header_that_does_not_verify_is_no_vote_for_another_log(plain: World) -> None:
    """Its records tell which log it is of."""
    other = await made(compactions=0)
    path = names(plain.disk)[0]
    disk = plain.damaged(lambda disk: remove_all(disk, names(disk)[1:]))
    disk.content(path)[30] ^= 1
    foreign = LOG / f"{99:020d}.wal"
    disk.open(foreign, create=True).write_at(0, _renamed(other.disk, names(other.disk)[0], 99))
    plan = await check(plain, disk)
    assert [step.path for step in plan.steps] == [path, LOG / f"{22:020d}.wal", foreign]


async def test_a_sound_directory_is_left_as_it_is(compacted: World, plain: World) -> None:
    """Shut down or crashed; a state that is not the one that was sealed cannot be seen from here."""
    crashed = await made(compactions=2, close=False)
    for world in (compacted, plain, crashed):
        disk = world.damaged()
        before = contents(disk)
        assert plan_of(disk) == plan_of(disk)
        assert not plan_of(disk).steps
        assert contents(disk) == before


async def test_a_directory_without_a_log_has_nothing_to_repair() -> None:
    """Nothing is made there; one that was held but never written is as empty."""
    disk = SimulatedDisk()
    with pytest.raises(NoLogError):
        plan_of(disk)
    assert not disk.files(DIRECTORY)
    disk.lock(DIRECTORY / "LOCK").close()
    with pytest.raises(NoLogError):
        plan_of(disk)
    assert contents(disk) == {"LOCK": b""}


async def test_a_held_directory_is_left_alone(compacted: World) -> None:
    """By a server, or by another repair."""
    disk = compacted.damaged()
    repair = Repair(DIRECTORY, "now", file_system=disk)
    with pytest.raises(DirectoryLockedError):
        plan_of(disk)
    repair.close()


async def test_a_newer_format_is_no_damage(compacted: World) -> None:
    """It asks for a newer release."""
    disk = compacted.damaged()
    prefix = b"ANNOLOG\n" + (2).to_bytes(4, "little")
    disk.content(behind(compacted)[0])[:16] = prefix + crc32c(prefix).to_bytes(4, "little")
    with pytest.raises(UnsupportedFormatError):
        plan_of(disk)


async def test_without_room_for_the_copy_nothing_is_changed(compacted: World) -> None:
    """It says how much is needed and how much is free."""
    disk = compacted.damaged(POWER_CUTS["record"])
    before = contents(disk)
    repair = Repair(DIRECTORY, "now", file_system=disk)
    needed = repair.needed_bytes()
    disk.space = needed - 1
    with pytest.raises(CopyError, match=f"takes {needed} bytes for a copy, {needed - 1} are free"):
        repair.run()
    assert contents(disk, Path("/")) == {f"simulated/data/{name}": content for name, content in before.items()}
    disk.space = needed
    repair.run()
    repair.close()


class LyingDisk(SimulatedDisk):
    """A disk on which copies come out wrong."""

    def take_space(self, growth: int) -> None:
        """Spoil what was written before."""
        super().take_space(growth)
        for path in self._names:
            if ".before-repair-" in str(path) and self._names[path].content:
                self._names[path].content[0] = 0xEE


async def test_a_copy_that_is_not_equal_ends_the_repair_before_it_begins(compacted: World) -> None:
    """And so does another one by its name."""
    disk = LyingDisk()
    disk._names = dict(compacted.damaged(POWER_CUTS["record"])._names)
    before = contents(disk)
    with pytest.raises(CopyError, match="is not equal to"):
        repaired(disk)
    assert contents(disk) == before
    with pytest.raises(CopyError, match="is there already"):
        repaired(disk)
    assert contents(disk) == before


ROUNDS = 40
MUTATING = {"create", "write", "sync", "rename", "remove", "sync_directory"}
POWER_CUTS: dict[str, Damage] = {
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


@pytest.mark.parametrize("damage", POWER_CUTS)
async def test_no_power_cut_within_a_repair_does_harm(compacted: World, damage: str) -> None:
    """At each operation that changes anything: refused or as planned, and the same after another repair."""
    whole = compacted.damaged(POWER_CUTS[damage])
    before = contents(whole)
    undisturbed = whole.survivor(0)
    plan = repaired(undisturbed)
    expected = compacted.until(plan.kept)
    cuts = [place for place, operation in enumerate(undisturbed.operations) if operation in MUTATING]
    copied = undisturbed.operations.index("rename")
    # Within the copy one is like another.
    for cut in cuts[::7] + [cut for cut in cuts if cut >= copied]:
        disk = whole.survivor(0)
        disk.cut_at = cut
        with pytest.raises(OSError, match="power cut"):
            repaired(disk)
        for seed in range(2 if cut >= copied else 1):
            found = disk.survivor(cut * 2 + seed)
            assert_copied_before_changed(found, before)
            try:
                assert await opened(found.survivor(0)) == expected
            except DamagedError:
                assert plan_of(found.survivor(0)).steps
            if plan_of(found).steps:
                assert repaired(found, "again").kept == plan.kept
            inspect(DIRECTORY, file_system=found)
            assert await opened(found) == expected


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
    compacted: World, plain: World
) -> None:
    """One to three harms to any of its files; refused only if nothing is there to go on from."""
    seed = random.randrange(1 << 32)
    foreign = (await made(compactions=4)).disk
    ends = {"sound": 0, "beyond repair": 0, "repaired": 0}
    for number in range(ROUNDS):
        chance = random.Random(f"{seed}-{number}")
        world = chance.choice([compacted, compacted, plain])
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
