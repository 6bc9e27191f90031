"""Compaction reaches the state that the server had, from a previous snapshot or from nothing."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk, SimulatedFile
from tests.wal.drive import DIRECTORY, Run
from tests.wal.model import delete, put
from wal import compaction
from wal.child import compact_in_child
from wal.compaction import Compacted, Job, compact
from wal.compactor import Compactor
from wal.errors import CompactionError, DamagedError, NoRoomError
from wal.settings import CompactionSettings
from wal.snapshot import SnapshotReader, list_snapshots, snapshot_path

SNAPSHOTS = DIRECTORY / "snapshots"


async def mutate(run: Run, chance: random.Random, count: int) -> None:
    """Put, replace, delete and put again a few keys of two kinds, in records of several changes."""
    assert run.log is not None
    for _ in range(count):
        await run.prepared()
        changes = []
        used = set()
        for _ in range(chance.randint(1, 3)):
            kind, key = chance.choice(("note", "mark")), f"key{chance.randrange(40)}"
            before = run.state.values.get((kind, key))
            if (kind, key) in used:
                continue
            used.add((kind, key))
            if before is not None and chance.random() < 0.4:
                changes.append(delete(key, before, kind))
            else:
                changes.append(put(key, b'{"label":"%d"}' % chance.randrange(3), kind))
        sequence = run.log.append(changes, time=1, actor=None, operation="test")
        # A key that is put again after its deletion moves to the end, in a dict as in the snapshot.
        run.state.apply(sequence, 0, changes)
        await run.log.wait(sequence)


@pytest.mark.parametrize("seed", range(12))
async def test_snapshots_hold_what_the_server_held(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several compactions and restarts, in the order of creation; blocks of four entities."""
    monkeypatch.setattr(compaction, "BLOCK_ENTITIES", 4)
    chance = random.Random(seed)
    disk = SimulatedDisk()
    for _ in range(4):
        run = Run(disk)
        await run.open()
        for _ in range(chance.randint(1, 3)):
            await mutate(run, chance, chance.randint(1, 30))
            compacted = await run.compact()
            assert compacted is not None
            assert compacted.counts == run.state.counts
            assert int.from_bytes(compacted.state_digest) == run.state.digest
            reader = SnapshotReader(disk, snapshot_path(SNAPSHOTS, compacted.sequence))
            found = [
                ((block.kind, entity.id), entity.value) for block in reader.blocks() for entity in block.entities()
            ]
            for kind in ("note", "mark"):
                expected = [item for item in run.state.values.items() if item[0][0] == kind]
                assert [item for item in found if item[0][0] == kind] == expected
        await mutate(run, chance, 5)
        values = run.state.values
        await run.close()
        again = Run(disk)
        report = await again.open()
        assert report.snapshot > 0
        assert again.state.values == values
        await again.close()


async def test_nothing_is_compacted_twice() -> None:
    """Without a change there is no new snapshot."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.append(3)
    assert await run.compact() is not None
    assert await run.compact() is None
    await run.close()


async def test_two_snapshots_stay_and_the_log_back_to_the_older_one() -> None:
    """What the older one covers is archived, not removed."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    sequences = []
    for _ in range(4):
        await run.append(5)
        compacted = await run.compact()
        assert compacted is not None
        sequences.append(compacted.sequence)
    assert list_snapshots(disk, SNAPSHOTS) == sequences[-2:]
    firsts = [int(name.split(".")[0]) for name in disk.list(DIRECTORY / "log") if name.endswith(".wal")]
    assert firsts[0] == sequences[-2] + 1
    archived = [int(name.split(".")[0]) for name in disk.list(DIRECTORY / "archive")]
    assert archived[0] == 1
    assert max(archived) < firsts[0]
    await run.close()


async def test_a_damaged_snapshot_is_refused_and_the_way_on_works() -> None:
    """Moved aside, the one before it and the log since then hold the same."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    for _ in range(3):
        await run.append(5)
        await run.compact()
    await run.append(2)
    await run.close()
    newest = snapshot_path(SNAPSHOTS, list_snapshots(disk, SNAPSHOTS)[-1])
    disk.content(newest)[700] ^= 4
    with pytest.raises(DamagedError, match="Run `annolog log repair` on the directory") as caught:
        await Run(disk).open()
    assert caught.value.path == newest
    disk.rename(newest, Path("/simulated/aside.snap"))
    again = Run(disk)
    await again.open()
    assert again.appended == run.appended
    await again.close()


async def test_a_lost_segment_behind_the_snapshot_is_refused() -> None:
    """The tail was durable before the seal that the snapshot was taken at."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    await run.compact()
    await run.close()
    names = [name for name in disk.list(DIRECTORY / "log") if name.endswith(".wal")]
    disk.remove(DIRECTORY / "log" / names[-1])
    with pytest.raises(DamagedError, match="durable behind the snapshot"):
        await Run(disk).open()


async def test_a_state_that_differs_from_the_server_s_is_never_published() -> None:
    """The digest in the seal is the judge, and the failure is shown."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    assert run.log is not None

    async def lying(job: Job) -> Compacted:
        true = compact(disk, job)
        return Compacted(true.sequence, bytes(16), true.sealed_digest, true.counts, true.size_bytes, true.seconds)

    compactor = Compactor(run.log, DIRECTORY, CompactionSettings(), {}, epoch=1, file_system=disk, run=lying)
    await run.prepared()
    with pytest.raises(CompactionError, match="the server had"):
        await compactor.compact()
    assert compactor.status.failures == 1
    assert "the server had" in compactor.status.last_error
    assert list_snapshots(disk, SNAPSHOTS) == []
    await run.close()


async def test_nothing_goes_before_the_new_snapshot_is_believed() -> None:
    """With two snapshots there already: a refused third one leaves them, the log and the archive as they were."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    for _ in range(2):
        await run.append(3)
        assert await run.compact() is not None
    await run.append(3)
    await run.prepared()
    assert run.log is not None
    await run.log.rotate()
    before = [path for path in disk.files(DIRECTORY) if path.suffix != ".tmp"]

    async def lying(job: Job) -> Compacted:
        true = compact(disk, job)
        return Compacted(true.sequence, bytes(16), true.sealed_digest, true.counts, true.size_bytes, true.seconds)

    compactor = Compactor(run.log, DIRECTORY, CompactionSettings(), {}, epoch=1, file_system=disk, run=lying)
    with pytest.raises(CompactionError, match="the server had"):
        await compactor.compact()
    assert [path for path in disk.files(DIRECTORY) if path.suffix != ".tmp"] == before
    await run.close()


async def test_a_damaged_segment_makes_no_snapshot() -> None:
    """A flipped bit in what is compacted is met before anything is written."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    await run.prepared()
    assert run.log is not None
    await run.log.rotate()
    disk.content(DIRECTORY / "log" / f"{1:020d}.wal")[4300] ^= 1
    with pytest.raises(DamagedError):
        await run.compact()
    assert list_snapshots(disk, SNAPSHOTS) == []
    await run.close()


async def test_the_child_tells_what_is_wrong() -> None:
    """As an error of the server."""
    job = Job(None, ["/nowhere/1.wal"], "/nowhere/x.tmp", 1, {})
    with pytest.raises(CompactionError, match="FileNotFoundError"):
        await compact_in_child(job)


async def test_a_snapshot_that_the_disk_changed_is_never_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read back before it is believed."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    sync = SimulatedFile.sync

    def lying(self: SimulatedFile) -> None:
        sync(self)
        if self._inode.content.startswith(b"ANNOSNP") and len(self._inode.content) > 700:
            self._inode.content[600] ^= 1

    monkeypatch.setattr(SimulatedFile, "sync", lying)
    with pytest.raises((DamagedError, CompactionError)):
        await run.compact()
    monkeypatch.undo()
    assert list_snapshots(disk, SNAPSHOTS) == []
    await run.close()


async def test_segments_that_do_not_continue_each_other_make_no_snapshot() -> None:
    """Of the same log and with the right sequences, but of another past."""
    first = SimulatedDisk()
    run = Run(first)
    await run.open()
    await run.close()
    second = first.survivor(0)
    runs = []
    for disk, size in ((first, 300), (second, 301)):
        run = Run(disk)
        await run.open()
        assert run.log is not None
        for _ in range(2):
            await run.append(3, size=size)
            await run.prepared()
            await run.log.rotate()
        runs.append(run)
    (own, _), (_, other) = (sorted(disk.list(DIRECTORY / "log"))[:2] for disk in (first, second))
    assert sorted(first.list(DIRECTORY / "log"))[:2] == [own, other]
    first.content(DIRECTORY / "log" / other)[:] = second.content(DIRECTORY / "log" / other)
    job = Job(None, [str(DIRECTORY / "log" / name) for name in (own, other)], str(DIRECTORY / "x.tmp"), 1, {})
    with pytest.raises(CompactionError, match="does not continue"):
        compact(first, job)
    for run in runs:
        await run.close()


async def test_time_does_not_go_back_over_a_snapshot_with_nothing_behind_it() -> None:
    """A crash right after the compaction: only the snapshot knows the time."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(5)
    assert run.log is not None
    time = run.log.time
    assert await run.compact() is not None
    found = disk.survivor(0)
    await run.close()
    again = Run(found)
    await again.open()
    assert again.log is not None
    assert again.log.time == time > 0
    await again.close()


async def test_a_snapshot_that_the_disk_has_no_room_for_says_so() -> None:
    """With how far it came, what the last one took and what to do; the room that it took is given back."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(6)
    last = await run.compact()
    assert last is not None
    await run.append(6)
    await run.prepared()
    assert run.log is not None
    await run.log.rotate()
    await run.prepared()
    disk.space = 1500
    with pytest.raises(NoRoomError, match=r"full after \d+ bytes of it") as caught:
        await run.compact()
    assert f"the last one has {last.size_bytes} bytes" in str(caught.value)
    assert "Make room" in str(caught.value)
    assert disk.space == 1500
    disk.space = None
    assert await run.compact() is not None
    await run.close()


async def test_the_first_snapshot_that_has_no_room_says_that_there_is_none_to_compare_with() -> None:
    """An error that is no lack of room stays what it was."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.append(6)
    await run.prepared()
    assert run.log is not None
    await run.log.rotate()
    await run.prepared()
    job = Job(None, [str(DIRECTORY / "log" / f"{1:020d}.wal")], str(SNAPSHOTS / "x.tmp"), 1, {})
    for error, kind, text in ((errno.ENOSPC, NoRoomError, "it is the first one"), (errno.EIO, OSError, "by plan")):
        run.disk.failing = {"write": error}
        with pytest.raises(kind, match=text):
            compact(run.disk, job)
    run.disk.failing = {}
    await run.close()
