"""The history of a key: every retained change, from wherever it lies, or a refusal."""

from __future__ import annotations

import asyncio
import errno
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk, SimulatedFile
from tests.wal.archiving import archive_segment
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from tests.wal.model import DictState
from wal.archive import ArchiveSettings, list_archive
from wal.archive_file import archive_path
from wal.archive_index import ArchiveIndex, Entry, IndexHeader, encode_index, hash_of_key, index_path
from wal.change import Change
from wal.compaction import Compacted, Job, compact
from wal.compactor import Compactor
from wal.errors import DamagedError, UnsupportedFormatError
from wal.file_system import RealFileSystem
from wal.history import history
from wal.log import Log
from wal.looking import NoLogError
from wal.opening import open_log
from wal.past import Past
from wal.record import crc32c
from wal.settings import CompactionSettings

ARCHIVE, LOG = DIRECTORY / "archive", DIRECTORY / "log"
KEYS = [("note", f"n{number}") for number in range(12)] + [("text", "n1"), ("note", "ö")]
Told = dict[tuple[str, str], list[Past]]


class Author:
    """Changes entities at random, and keeps what happened to each.

    Attributes:
        told: What was appended by key, with the salts left out.
    """

    def __init__(self, log: Log, state: DictState, chance: random.Random) -> None:
        self.log = log
        self.told: Told = {key: [] for key in KEYS}
        self._state = state
        self._chance = chance
        self._last: dict[tuple[str, str], int] = {}

    async def write(self, count: int) -> None:
        """Append records of one to three changes each."""
        for _ in range(count):
            await self.log.room()
            await self.log.wait(self._append(self._chance.sample(KEYS, self._chance.randint(1, 3))))

    def _append(self, keys: list[tuple[str, str]]) -> int:
        changes = [self._change(*key) for key in keys]
        time, actor = self.log.sequence, f"user{self.log.sequence % 3}"
        sequence = self.log.append(changes, time=time, actor=actor, operation="test")
        self._state.apply(sequence, time, changes)
        for change in changes:
            key = change.kind, change.id
            self._last[key] = 0 if change.value is None else sequence
            self.told[key].append(Past(sequence, time, actor, "test", change))
        return sequence

    def _change(self, kind: str, key: str) -> Change:
        previous, before = self._last.get((kind, key), 0), self._state.values.get((kind, key))
        if before is not None and self._chance.random() < 0.2:
            return Change(b"", f"{kind}.deleted", kind, key, 1, previous, None, before)
        # Values that name other keys, so that finding an id somewhere is not enough.
        value = self._chance.choice(KEYS)[1].encode() * self._chance.randint(1, 60)
        return Change(b"", f"{kind}.put", kind, key, 1, previous, value)


def unsalted(found: Past) -> Past:
    """Return what was told without the change's salt."""
    change = found.change
    assert len(change.salt) == 16
    fields = {name: getattr(change, name) for name in change.__struct_fields__ if name != "salt"}
    return found._replace(change=Change(b"", **fields))


def told(disk: SimulatedDisk, key: tuple[str, str], on_scan: Callable[[Path], None] = lambda _: None) -> list[Past]:
    """Return the history of a key."""
    found = history(DIRECTORY, *key, file_system=disk, on_scan=on_scan)
    return [unsalted(past) for past in found]


async def written(seed: int, *, rounds: int = 4, per_round: int = 60) -> tuple[SimulatedDisk, Told]:
    """Return a disk with an archive and a log, and what was appended."""
    run = Run(SimulatedDisk())
    await run.open()
    assert run.log is not None
    author = Author(run.log, run.state, random.Random(seed))
    for _ in range(rounds):
        await author.write(per_round)
        await run.compact()
    await author.write(5)
    await run.close()
    return run.disk, author.told


@pytest.fixture
async def past() -> tuple[SimulatedDisk, Told]:
    """Return a disk with an archive and a log, and what was appended."""
    return await written(7)


def archived(disk: SimulatedDisk) -> list[int]:
    """Return the first sequences of the archived segments."""
    return [one.first for one in list_archive(disk, ARCHIVE)]


def logged(disk: SimulatedDisk) -> list[str]:
    """Return the names of the segments of the log."""
    return [name for name in disk.list(LOG) if name.endswith(".wal")]


@pytest.mark.parametrize("seed", random.sample(range(1 << 32), 2))
async def test_every_change_of_every_key_is_told(seed: int) -> None:
    """From archive and log, over deletions and creations of the same id, in order and nothing else."""
    disk, expected = await written(seed)
    assert len(archived(disk)) > 2
    scanned: list[Path] = []
    for key in KEYS:
        assert told(disk, key, scanned.append) == expected[key], (seed, key)
    assert scanned == []
    assert any(past.change.value is None for past in expected[KEYS[0]])
    assert told(disk, ("note", "nobody")) == told(disk, ("else", "n1")) == []


async def test_members_are_read_one_by_one() -> None:
    """In an archive whose segments are divided into many, the same is told."""
    run = Run(SimulatedDisk())
    await run.open()
    assert run.log is not None
    author = Author(run.log, run.state, random.Random(3))
    await author.write(90)
    await run.prepared()
    await run.log.rotate()
    await run.close()
    disk, expected = run.disk, author.told
    for name in logged(disk)[:-1]:
        archive_segment(disk, LOG / name, ARCHIVE, member_bytes=1500)
        disk.remove(LOG / name)
    for key in KEYS:
        assert told(disk, key) == expected[key]


async def test_without_an_index_the_segment_is_read_whole(past: tuple[SimulatedDisk, Told]) -> None:
    """Also one that is a single gzip member, as earlier releases wrote it; who asks is told."""
    disk, expected = past
    firsts = archived(disk)
    for first in firsts[1:]:
        disk.remove(index_path(ARCHIVE, first))
    for key in KEYS:
        scanned: list[Path] = []
        assert told(disk, key, scanned.append) == expected[key]
        assert scanned == [archive_path(ARCHIVE, first) for first in firsts[1:]]


@pytest.mark.parametrize("name", ["archive-v1", "archive-index-v1"])
def test_golden_archives_have_a_history(name: str) -> None:
    """With and without indexes, and a log behind them."""
    directory = Path(__file__).parent.parent / "golden" / name
    found = [past for number in (3, 20, 29) for past in history(directory, "note", f"key{number:02d}")]
    assert [(past.sequence, past.change.value) for past in found] == [
        (sequence, (b"value %d" % number).ljust(400)) for sequence, number in ((4, 3), (22, 20), (32, 29))
    ]


async def test_retention_lets_a_history_begin_later(past: tuple[SimulatedDisk, Told]) -> None:
    """What changes name before the first retained record is no gap."""
    disk, expected = past
    for first in archived(disk)[:2]:
        disk.remove(archive_path(ARCHIVE, first))
    begin = archived(disk)[0]
    for key in KEYS:
        assert told(disk, key) == [past for past in expected[key] if past.sequence >= begin]


async def test_a_missing_segment_is_refused(past: tuple[SimulatedDisk, Told]) -> None:
    """Between others, of the archive or the log, whichever key is asked for."""
    disk, _ = past
    for path in (archive_path(ARCHIVE, archived(disk)[1]), LOG / logged(disk)[0], LOG / logged(disk)[-2]):
        damaged = disk.survivor(0)
        damaged.remove(path)
        with pytest.raises(DamagedError):
            told(damaged, ("note", "nobody"))
    for name in logged(disk):
        disk.remove(LOG / name)
    with pytest.raises(DamagedError, match="no segment"):
        told(disk, ("note", "nobody"))


async def test_what_an_index_leaves_out_is_a_gap(past: tuple[SimulatedDisk, Told]) -> None:
    """A sound index that does not tell of a change: the next one names it."""
    disk, expected = past
    first = archived(disk)[1]
    key = max(KEYS, key=lambda key: sum(past.sequence < archived(disk)[2] for past in expected[key]))
    header, entries = entries_of(disk, first)
    mine = [entry for entry in entries if entry.key_hash == hash_of_key(*key)]
    assert len(mine) > 1
    for left_out in mine:
        rest = [entry for entry in entries if entry != left_out]
        put_index(disk, first, encode_index(header._replace(entries=len(rest)), rest))
        with pytest.raises(DamagedError, match="follows the one in record"):
            told(disk, key)


async def test_an_entry_that_leads_elsewhere_is_refused(past: tuple[SimulatedDisk, Told]) -> None:
    """To another record, another place, or another member."""
    disk, _ = past
    first = archived(disk)[1]
    header, entries = entries_of(disk, first)
    for key in KEYS[:3]:
        place = next(place for place, entry in enumerate(entries) if entry.key_hash == hash_of_key(*key))
        entry = entries[place]
        wrong = [entry._replace(sequence=entry.sequence + 1), entry._replace(offset=entry.offset + 8)]
        wrong += [entry._replace(offset=1 << 30), entry._replace(member=entry.member + 1)]
        for other in wrong:
            put_index(disk, first, encode_index(header, [*entries[:place], other, *entries[place + 1 :]]))
            with pytest.raises(DamagedError) as caught:
                told(disk, key)
            assert caught.value.path == archive_path(ARCHIVE, first)


async def test_keys_with_the_same_hash_are_told_apart(past: tuple[SimulatedDisk, Told]) -> None:
    """By what the records say."""
    disk, expected = past
    first = archived(disk)[1]
    header, entries = entries_of(disk, first)
    one, other = hash_of_key(*KEYS[0]), hash_of_key(*KEYS[1])
    collided = {entry._replace(key_hash=one) for entry in entries if entry.key_hash in (one, other)}
    put_index(disk, first, encode_index(header._replace(entries=len(collided)), sorted(collided)))
    assert told(disk, KEYS[0]) == expected[KEYS[0]]


async def test_a_damaged_index_is_refused_and_a_newer_one_told_apart(past: tuple[SimulatedDisk, Told]) -> None:
    """Removed, as the message says, it is not missed."""
    disk, expected = past
    path = index_path(ARCHIVE, archived(disk)[1])
    disk.content(path)[700] ^= 1
    key = min(KEYS, key=lambda key: hash_of_key(*key))
    with pytest.raises(DamagedError, match=r"Remove this file: .* reads that segment whole") as caught:
        told(disk, key)
    assert caught.value.path == path
    prefix = b"ANNOIDX\n\x02\0\0\0"
    disk.content(path)[:16] = prefix + crc32c(prefix).to_bytes(4, "little")
    with pytest.raises(UnsupportedFormatError):
        told(disk, KEYS[0])
    disk.remove(path)
    assert told(disk, KEYS[0]) == expected[KEYS[0]]


def test_a_directory_without_a_log_has_no_history() -> None:
    """It is refused, as looking on is."""
    with pytest.raises(NoLogError):
        told(SimulatedDisk(), KEYS[0])


class BusyDisk(SimulatedDisk):
    """Does something once, before a certain file is opened."""

    before: Path | None = None
    act: Callable[[], object] = staticmethod(lambda: None)
    unreadable: Path | None = None

    def open(self, path: Path, *, create: bool = False) -> SimulatedFile:
        """Open, perhaps after something else happened."""
        if path == self.before:
            self.before = None
            self.act()
        if path == self.unreadable:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return super().open(path, create=create)


def busy(disk: SimulatedDisk) -> BusyDisk:
    """Return the same disk, to be made busy."""
    other = BusyDisk()
    other._names = disk.survivor(0)._names
    return other


async def test_segments_that_move_meanwhile_are_followed(past: tuple[SimulatedDisk, Told]) -> None:
    """From the log to the archive, one after the other."""
    base, expected = past
    names = logged(base)
    for count in (1, len(names) - 1):
        disk = busy(base)

        def move(disk: BusyDisk = disk, count: int = count) -> None:
            for name in names[:count]:
                archive_segment(disk, LOG / name, ARCHIVE)
                disk.remove(LOG / name)

        disk.before, disk.act = LOG / names[0], move
        assert told(disk, KEYS[0]) == expected[KEYS[0]]
        assert len(archived(disk)) == len(archived(base)) + count


async def test_retention_meanwhile_is_no_damage(past: tuple[SimulatedDisk, Told]) -> None:
    """Nothing was told yet: the history begins later. Something was: the caller must ask again."""
    base, expected = past
    firsts, nobody = archived(base), ("note", "nobody")
    behind = [*firsts, int(logged(base)[0].split(".")[0])][3]
    assert expected[KEYS[0]][0].sequence < firsts[1]
    for key, before, gone in (
        (nobody, archive_path(ARCHIVE, firsts[0]), 3),
        (nobody, archive_path(ARCHIVE, firsts[2]), 3),
        (KEYS[0], archive_path(ARCHIVE, firsts[0]), 3),
        # The index told where to look, and then it was gone.
        (KEYS[0], index_path(ARCHIVE, firsts[0]), 3),
        (KEYS[0], index_path(ARCHIVE, firsts[0]), 1),
    ):
        disk = busy(base)
        disk.before, disk.act = before, pruning(disk, firsts[:gone])
        begin = behind if gone == 3 else firsts[1]
        assert told(disk, key) == [past for past in expected.get(key, []) if past.sequence >= begin]
    disk = busy(base)
    disk.before, disk.act = archive_path(ARCHIVE, firsts[2]), pruning(disk, firsts[:3])
    with pytest.raises(FileNotFoundError):
        told(disk, KEYS[0])


async def test_retention_between_two_listings_is_no_damage(past: tuple[SimulatedDisk, Told]) -> None:
    """All that was archived is gone, with what had been in the log until then."""
    base, expected = past
    names = logged(base)
    for key in (("note", "nobody"), KEYS[0]):
        disk = busy(base)

        def move(disk: BusyDisk = disk) -> None:
            pruning(disk, archived(disk))()
            disk.remove(LOG / names[0])

        disk.before, disk.act = LOG / names[0], move
        if key == KEYS[0]:
            with pytest.raises(FileNotFoundError):
                told(disk, key)
        else:
            assert told(disk, key) == []
    assert expected[KEYS[0]]


async def test_what_only_looks_like_retention_is_refused(past: tuple[SimulatedDisk, Told]) -> None:
    """A file that is listed and cannot be opened; a log in the place of ours, when the archive has gone."""
    base, _ = past
    disk = busy(base)
    disk.unreadable = archive_path(ARCHIVE, archived(base)[1])
    with pytest.raises(FileNotFoundError):
        told(disk, ("note", "nobody"))
    other, _ = await written(7)
    assert logged(other) == logged(base)
    disk = busy(base)

    def replace() -> None:
        pruning(disk, archived(disk))()
        for name in logged(base):
            disk.content(LOG / name)[:] = other.content(LOG / name)

    disk.before, disk.act = LOG / logged(base)[0], replace
    with pytest.raises(DamagedError, match="a segment from"):
        told(disk, ("note", "nobody"))


def pruning(disk: SimulatedDisk, firsts: list[int]) -> Callable[[], None]:
    """Return what removes archived segments, and leaves their indexes for a moment."""

    def prune() -> None:
        for first in firsts:
            disk.remove(archive_path(ARCHIVE, first))

    return prune


async def test_a_history_is_read_while_the_log_is_written_and_compacted(tmp_path: Path) -> None:
    """By another thread: never damaged, always some of what was appended without gaps, and it grows."""
    state = DictState()
    log, report = await open_log(tmp_path, SETTINGS, state)
    compactor = Compactor(
        log,
        tmp_path,
        CompactionSettings(),
        {"note": [], "text": []},
        epoch=report.epoch,
        run=in_this_process,
        retention=ArchiveSettings(keep_days=1e6),
    )
    author = Author(log, state, random.Random(11))
    done = threading.Event()
    seen: list[list[Past]] = []

    def look() -> None:
        while not done.is_set():
            seen.append([unsalted(past) for past in history(tmp_path, *KEYS[0])])

    looking = asyncio.create_task(asyncio.to_thread(look))
    for _ in range(8):
        await author.write(60)
        await compactor.compact()
    done.set()
    await looking
    await log.close()
    expected = author.told[KEYS[0]]
    assert [unsalted(past) for past in history(tmp_path, *KEYS[0])] == expected
    assert len(seen) > 2
    for one in seen:
        assert one == expected[: len(one)]
    assert sorted(map(len, seen)) == list(map(len, seen))
    assert len(list((tmp_path / "archive").glob("*.index"))) > 2


async def in_this_process(job: Job) -> Compacted:
    """Carry out a job without a process of its own."""
    return await asyncio.to_thread(compact, RealFileSystem(), job)


def entries_of(disk: SimulatedDisk, first: int) -> tuple[IndexHeader, list[Entry]]:
    """Return header and entries of an index."""
    index = ArchiveIndex(disk, index_path(ARCHIVE, first), len(disk.content(archive_path(ARCHIVE, first))))
    return index.header, [entry for number in range(index._pages) for entry in index._page(number)]


def put_index(disk: SimulatedDisk, first: int, content: bytes) -> None:
    """Put an index in the place of the one that is there."""
    disk.content(index_path(ARCHIVE, first))[:] = content
