"""Looking on: what is there is told, what does not verify is named, and nothing is changed."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.archiving import archive_segment
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from tests.wal.model import DictState, put
from wal.archive_file import read_archived
from wal.change import Record
from wal.errors import DamagedError
from wal.file_system import File, FileSystem
from wal.inspection import inspect, records
from wal.looking import NoLogError
from wal.opening import open_log
from wal.record import Seal

LOG, ARCHIVE, SNAPSHOTS = (DIRECTORY / name for name in ("log", "archive", "snapshots"))


@pytest.fixture
async def disk() -> SimulatedDisk:
    """Return a disk with archived and kept segments, two snapshots and a log that was shut down."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    for _ in range(4):
        await run.append(20)
        await run.compact()
    await run.append(3)
    await run.close()
    return disk


def contents(disk: SimulatedDisk) -> dict[str, bytes]:
    """Return all files."""
    return {str(path): bytes(inode.content) for path, inode in disk._names.items()}


def damage_in(disk: SimulatedDisk) -> DamagedError | None:
    """Return the first damage, None if there is none."""
    try:
        inspect(DIRECTORY, file_system=disk)
    except DamagedError as error:
        return error
    return None


async def test_everything_that_is_there_is_told_and_nothing_changed(disk: SimulatedDisk) -> None:
    """Segments in order with how they end, snapshots with their entities."""
    before = contents(disk)
    found = inspect(DIRECTORY, file_system=disk)
    assert contents(disk) == before
    places = [segment.path.split("/")[0] for segment in found.segments]
    assert places == sorted(places)
    assert set(places) == {"archive", "log"}
    assert [segment.end for segment in found.segments[:-1]] == ["sealed"] * (len(found.segments) - 1)
    assert found.segments[-1].end == "shut down"
    assert sum(segment.transactions for segment in found.segments) == 83
    for segment, successor in zip(found.segments, found.segments[1:], strict=False):
        assert successor.first == segment.last + 1
    assert [snapshot.entities for snapshot in found.snapshots] == [{"note": 60}, {"note": 80}]
    assert all(segment.used_bytes <= segment.bytes == SETTINGS.segment_bytes for segment in found.segments)


async def test_records_are_told_by_sequence(disk: SimulatedDisk) -> None:
    """From the archive and the log, seals included."""
    everything = list(records(DIRECTORY, 1, 10**9, file_system=disk))
    sequences = [sequence for sequence, _ in everything]
    assert sequences == list(range(1, len(sequences) + 1))
    kinds = {type(content) for _, content in everything}
    assert kinds == {Record, Seal}
    some = list(records(DIRECTORY, 30, 45, file_system=disk))
    assert some == everything[29:45]


async def test_every_flipped_bit_is_named_or_without_effect(disk: SimulatedDisk) -> None:
    """With its file and its place. A compressed file may say the same in another way: then it gives back the same."""
    found = inspect(DIRECTORY, file_system=disk)
    assert [segment.index for segment in found.segments] == [True] * 3 + [None] * 2
    for segment in (found.segments[0], found.segments[-2]):
        path = DIRECTORY / segment.path
        is_archived = segment.path.startswith("archive")
        places = range(len(disk.content(path))) if is_archived else range(4096, segment.used_bytes, 97)
        whole = read_archived(disk, path, segment.first) if is_archived else None
        for offset in places:
            disk.content(path)[offset] ^= 4
            damage = damage_in(disk)
            if damage is None:
                assert is_archived, offset
                assert read_archived(disk, path, segment.first) == whole
            else:
                assert (damage.path, damage.offset <= offset) == (path, True), offset
            disk.content(path)[offset] ^= 4
    inspect(DIRECTORY, file_system=disk)


async def test_a_damaged_snapshot_and_one_of_another_past_are_named(disk: SimulatedDisk) -> None:
    """A snapshot is compared with the seal that it was taken at."""
    newest = SNAPSHOTS / disk.list(SNAPSHOTS)[-1]
    disk.content(newest)[900] ^= 1
    with pytest.raises(DamagedError) as caught:
        inspect(DIRECTORY, file_system=disk)
    assert caught.value.path == newest
    other = SimulatedDisk()
    run = Run(other)
    await run.open()
    for _ in range(4):
        await run.append(20, size=301)
        await run.compact()
    await run.close()
    assert other.list(SNAPSHOTS) == disk.list(SNAPSHOTS)
    disk.content(newest)[:] = other.content(newest)
    with pytest.raises(DamagedError, match="as the seal"):
        inspect(DIRECTORY, file_system=disk)


async def test_a_missing_segment_is_named(disk: SimulatedDisk) -> None:
    """What follows it proves that it was there; the first ones of the archive may have been removed."""
    names = [name for name in disk.list(ARCHIVE) if name.endswith(".gz")]
    disk.remove(ARCHIVE / names[0])
    inspect(DIRECTORY, file_system=disk)
    disk.remove(ARCHIVE / names[2])
    with pytest.raises(DamagedError) as caught:
        inspect(DIRECTORY, file_system=disk)
    assert caught.value.path == ARCHIVE / names[1]


async def test_a_directory_without_a_log_is_no_sound_one() -> None:
    """Nothing is made there."""
    disk = SimulatedDisk()
    for look in (
        lambda: inspect(DIRECTORY, file_system=disk),
        lambda: list(records(DIRECTORY, 1, 2, file_system=disk)),
    ):
        with pytest.raises(NoLogError, match="holds no log"):
            look()
    assert contents(disk) == {}


async def test_a_log_is_looked_at_while_it_is_written(tmp_path: Path) -> None:
    """By another thread, over rotations: never damaged, and the records only grow."""
    state = DictState()
    log, _ = await open_log(tmp_path, SETTINGS, state)
    done, seen = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen.append(inspect(tmp_path).segments[-1].last)

    looking = asyncio.create_task(asyncio.to_thread(look))
    for number in range(400):
        await log.room()
        changes = [put(f"k{number}", bytes(200))]
        sequence = log.append(changes, time=1, actor=None, operation="t")
        state.apply(sequence, 1, changes)
        await log.wait(sequence)
    done.set()
    await looking
    await log.close()
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert inspect(tmp_path).segments[-1].end == "shut down"


class Moving:
    """A disk on which a server archives each segment, or lets it go, just when it is about to be read.

    Args:
        disk: Where.
        opening: At which opening of a file it is moved.
        lets_go: Retention takes the oldest archived segment at each such moment too.
    """

    def __init__(self, disk: SimulatedDisk, opening: int, *, lets_go: bool) -> None:
        self._disk = disk
        self._opening = opening
        self._lets_go = lets_go
        self._opened: Counter[Path] = Counter()
        self.moved: list[Path] = []
        self.list = disk.list

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open, after what the server does."""
        self._opened[path] += 1
        is_last = path.name == [name for name in self._disk.list(LOG) if name.endswith(".wal")][-1]
        if self._opened[path] == self._opening and path.parent == LOG and not is_last:
            archive_segment(self._disk, path, ARCHIVE)
            self._disk.remove(path)
            self.moved.append(path)
            if self._lets_go:
                for name in self._disk.list(ARCHIVE)[:2]:
                    self._disk.remove(ARCHIVE / name)
        return self._disk.open(path, create=create)


@pytest.mark.parametrize("opening", [1, 2, 3])
@pytest.mark.parametrize("lets_go", [False, True])
async def test_segments_that_are_archived_one_after_the_other_are_followed(opening: int, *, lets_go: bool) -> None:
    """However many go between two looks; found by a drill whose server archived faster than it was looked at."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    for _ in range(3):
        await run.append(20)
        await run.compact()
    await run.append(350)
    await run.close()
    expected = inspect(DIRECTORY, file_system=disk)
    files = Moving(disk, opening, lets_go=lets_go)
    found = inspect(DIRECTORY, file_system=cast("FileSystem", files))
    assert len(files.moved) > 6
    count = len(found.segments)
    assert count >= (1 if lets_go else len(expected.segments))
    assert [one.first for one in found.segments] == [one.first for one in expected.segments[-count:]]
    assert [one.last for one in found.segments] == [one.last for one in expected.segments[-count:]]
    inspect(DIRECTORY, file_system=disk)


class Rotating:
    """A disk on which a server seals its tail, which has a successor already, just after it was read.

    Args:
        disk: When that is done.
        early: The tail before.
        readings: How often it is opened before.
    """

    def __init__(self, disk: SimulatedDisk, early: bytes, readings: int) -> None:
        self._disk, self._left = disk, readings
        self._tail = LOG / disk.list(LOG)[0]
        self._early = SimulatedDisk.holding({self._tail: early})
        self.list = disk.list

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open what is there at the moment."""
        if path != self._tail or self._left == 0:
            return self._disk.open(path, create=create)
        self._left -= 1
        return self._early.open(path, create=create)


@pytest.mark.parametrize("readings", range(1, 5))
async def test_a_tail_that_is_sealed_while_it_is_looked_at_is_not_damaged(readings: int) -> None:
    """It was read half full, and its successor had records a moment later."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(5)
    early = bytes(disk.content(LOG / disk.list(LOG)[0]))
    await run.append(200)
    found = inspect(DIRECTORY, file_system=cast("FileSystem", Rotating(disk, early, readings)))
    assert found.segments[0].end == "sealed"
    await run.close()
