"""A repair keeps what verifies, says what it gives up, and destroys nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.damaged import (
    DAMAGES,
    LOG,
    SNAPSHOTS,
    World,
    assert_nothing_is_destroyed,
    check,
    contents,
    made,
    names,
    opened,
    plan_of,
    remove_all,
    repaired,
)
from tests.wal.drive import DIRECTORY
from wal.directory_copy import CopyError
from wal.errors import DirectoryLockedError, UnsupportedFormatError
from wal.looking import NoLogError
from wal.record import crc32c
from wal.repair import Repair
from wal.repair_steps import NOTHING, BeyondRepairError, GivenUp, NameLog, SetAside, WriteSegment
from wal.segment import SEGMENT_HEADER_BYTES, read_segment, scan_segment


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
            for place in (9, 20, 30, 86, 4000):
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
        assert_nothing_is_destroyed(disk, before, plan)
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
    disk = compacted.damaged(DAMAGES["record"])
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
    disk._names = dict(compacted.damaged(DAMAGES["record"])._names)
    before = contents(disk)
    with pytest.raises(CopyError, match="is not equal to"):
        repaired(disk)
    assert contents(disk) == before
    with pytest.raises(CopyError, match="is there already"):
        repaired(disk)
    assert contents(disk) == before


ROUNDS = 40
