"""Archived segments give back what they hold, and go when retention says so, the oldest first."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.simulated_disk import Moment, PowerCutError, SimulatedDisk, SimulatedFile
from tests.wal.archiving import archive_segment
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from wal.archive import (
    Archived,
    ArchiveSettings,
    expired,
    list_archive,
    prune_archive,
)
from wal.archive_file import Member, archive_path, archived_sequence, read_archived, read_member
from wal.archive_index import index_path
from wal.errors import DamagedError
from wal.segment import read_segment, scan_segment, segment_path

ARCHIVE, LOG = DIRECTORY / "archive", DIRECTORY / "log"
DAY = 86_400


async def rotated(disk: SimulatedDisk | None = None) -> SimulatedDisk:
    """Return a disk with a sealed segment."""
    run = Run(disk or SimulatedDisk())
    await run.open()
    assert run.log is not None
    await run.append(20)
    await run.prepared()
    await run.log.rotate()
    await run.close()
    return run.disk


async def test_an_archived_segment_gives_back_every_byte() -> None:
    """It is smaller, and any tool for gzip reads it."""
    disk = await rotated()
    segment = segment_path(LOG, 1)
    path = archive_segment(disk, segment, ARCHIVE)
    assert path == archive_path(ARCHIVE, 1)
    assert read_archived(disk, path, 1)[:2] == read_segment(disk, segment)
    content = bytes(disk.content(path))
    assert len(content) < SETTINGS.segment_bytes / 4
    assert gzip.decompress(content) == bytes(disk.content(segment)).rstrip(b"\0")
    assert [one.first for one in list_archive(disk, ARCHIVE)] == [1]
    assert disk.list(ARCHIVE) == [path.name, index_path(ARCHIVE, 1).name]


class ForgetfulDisk(SimulatedDisk):
    """Loses the last byte of what is written into one file, while told to."""

    forgets: Path | None = None

    def open(self, path: Path, *, create: bool = False) -> SimulatedFile:
        """Open a file that may forget."""
        file = super().open(path, create=create)
        return ForgetfulFile(self, self._names[path]) if path == self.forgets else file


class ForgetfulFile(SimulatedFile):
    """A file that loses the last byte of what is written."""

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write all but the last byte."""
        super().write_at(offset, data[:-1])


@pytest.mark.parametrize("path", [archive_path(ARCHIVE, 1), index_path(ARCHIVE, 1)])
async def test_what_the_disk_does_not_give_back_is_not_archived(path: Path) -> None:
    """Segment and index are read back before they count; a try that failed is made again."""
    disk = await rotated(ForgetfulDisk())
    assert isinstance(disk, ForgetfulDisk)
    disk.forgets = path.with_name(f"{path.name}.tmp")
    with pytest.raises(DamagedError) as caught:
        archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    assert caught.value.path == disk.forgets
    assert list_archive(disk, ARCHIVE) == []
    disk.forgets = None
    archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    assert len(list_archive(disk, ARCHIVE)) == 1
    assert len(disk.list(ARCHIVE)) == 2


async def test_a_segment_that_is_not_sealed_is_not_archived() -> None:
    """It may still grow."""
    run = Run(SimulatedDisk())
    await run.open()
    await run.append(3)
    with pytest.raises(DamagedError):
        archive_segment(run.disk, segment_path(LOG, 1), ARCHIVE)
    await run.close()


async def test_a_file_under_another_name_is_refused() -> None:
    """As a segment is."""
    disk = await rotated()
    path = archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    disk.rename(path, archive_path(ARCHIVE, 2))
    with pytest.raises(DamagedError, match="a header for sequence 1"):
        read_archived(disk, archive_path(ARCHIVE, 2), 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(f"{7:020d}.wal.gz", 7), (f"{7:020d}.wal", None), ("7.wal.gz", None), (f"{7:020d}.wal.gz.tmp", None), ("x", None)],
)
def test_other_files_are_no_archived_segments(name: str, expected: int | None) -> None:
    """Whatever lies there."""
    assert archived_sequence(name) == expected


@pytest.mark.parametrize(
    ("days", "size", "gone"),
    [(100, 1000, 0), (2.5, 1000, 1), (1, 1000, 2), (0, 1000, 4), (100, 40, 0), (100, 39, 1), (100, 10, 3), (100, 0, 4)],
)
def test_the_oldest_go_first_by_age_and_by_size(days: float, size: int, gone: int) -> None:
    """At the limit they stay, one second or one byte past it they go; what stays has no gap."""
    now = 10 * DAY
    archived = [Archived(place + 1, now - age, 10) for place, age in enumerate((3 * DAY, 2 * DAY, DAY, 1))]
    found = expired(archived, ArchiveSettings(keep_days=days, keep_bytes=size), now)
    assert found == archived[:gone]


def pair(archived: list[Archived]) -> list[str]:
    """Return the names of archived segments and their indexes."""
    return [path(ARCHIVE, one.first).name for one in archived for path in (archive_path, index_path)]


async def test_retention_removes_what_is_past_it_and_a_start_does_not_mind() -> None:
    """After a compaction; records of these tests are of 1970."""
    run = Run(SimulatedDisk())
    run.begin = 1_000_000
    run.retention = ArchiveSettings(keep_bytes=6500, keep_days=1e6)
    await run.open()
    for _ in range(6):
        await run.append(20)
        await run.compact()
    kept = list_archive(run.disk, ARCHIVE)
    assert kept[0].first > 1
    assert run.disk.list(ARCHIVE) == sorted(pair(kept))
    assert 0 < sum(one.size for one in kept) <= 6500
    run.retention = ArchiveSettings()
    await run.append(20)
    await run.compact()
    assert run.disk.list(ARCHIVE) == []
    await run.close()
    again = Run(run.disk)
    await again.open()
    assert again.appended == run.appended
    await again.close()


async def test_a_rotten_time_makes_no_other_segment_look_old() -> None:
    """Times of seals never go back."""
    run = Run(SimulatedDisk())
    run.begin = 1_000_000
    await run.open()
    for _ in range(4):
        await run.append(20)
        await run.compact()
    await run.close()
    names = [archive_path(ARCHIVE, one.first).name for one in list_archive(run.disk, ARCHIVE)]
    path = Path(ARCHIVE / names[0])
    run.disk.content(path)[4:8] = (9 * DAY).to_bytes(4, "little")
    run.disk.content(ARCHIVE / names[1])[4:8] = bytes(4)
    assert {one.sealed_at for one in list_archive(run.disk, ARCHIVE)} == {9 * DAY}


def cut_in_its_header(content: bytearray) -> None:
    """Leave too little for a time."""
    del content[9:]


def cut_to_nothing(content: bytearray) -> None:
    """Leave a name."""
    content.clear()


def without_a_time(content: bytearray) -> None:
    """Have the time be zero, as in a header of zeros."""
    content[4:8] = bytes(4)


def without_a_sector(content: bytearray) -> None:
    """Have the header be something else, as after a write that went astray."""
    content[:512] = b"\x01" * 512


@pytest.mark.parametrize("spoil", [cut_in_its_header, cut_to_nothing, without_a_time, without_a_sector])
@pytest.mark.parametrize(("place", "days"), [(0, [2, 2, 3, 4]), (1, [1, 3, 3, 4]), (2, [1, 2, 4, 4])])
async def test_a_segment_that_tells_no_time_stays_as_long_as_the_next_one(
    spoil: Callable[[bytearray], None], place: int, days: list[int]
) -> None:
    """So that it is there for `annolog log verify` to tell of, and for a repair."""
    run = Run(SimulatedDisk())
    await run.open()
    for _ in range(5):
        await run.append(20)
        await run.compact()
    await run.close()
    paths = [archive_path(ARCHIVE, one.first) for one in list_archive(run.disk, ARCHIVE)]
    for day, path in enumerate(paths, 1):
        run.disk.content(path)[4:8] = (day * DAY).to_bytes(4, "little")
    spoil(run.disk.content(paths[place]))
    archived = list_archive(run.disk, ARCHIVE)
    assert [one.sealed_at for one in archived] == [day * DAY for day in days]
    prune_archive(run.disk, ARCHIVE, ArchiveSettings(keep_days=0), days[place] * DAY)
    assert paths[place].name in run.disk.list(ARCHIVE)
    prune_archive(run.disk, ARCHIVE, ArchiveSettings(keep_days=0), days[place] * DAY + 1)
    assert paths[place].name not in run.disk.list(ARCHIVE)


@pytest.mark.parametrize("spoil", [cut_in_its_header, cut_to_nothing, without_a_time, without_a_sector])
async def test_the_newest_segment_stays_if_it_tells_no_time(spoil: Callable[[bytearray], None]) -> None:
    """Until there is a next one, or it is past the size of all."""
    disk = await rotated()
    path = archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    spoil(disk.content(path))
    prune_archive(disk, ARCHIVE, ArchiveSettings(keep_days=0), 100 * 365 * DAY)
    assert path.name in disk.list(ARCHIVE)
    prune_archive(disk, ARCHIVE, ArchiveSettings(keep_days=0, keep_bytes=0), 100 * 365 * DAY)
    assert path.name not in disk.list(ARCHIVE)


async def test_the_size_of_an_archived_segment_counts_its_index() -> None:
    """Retention lets both go together."""
    disk = await rotated()
    path = archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    (archived,) = list_archive(disk, ARCHIVE)
    assert archived.size == len(disk.content(path)) + len(disk.content(index_path(ARCHIVE, 1)))


async def test_members_hold_whole_records_and_one_gives_back_its_part() -> None:
    """A record that is larger than a member is one by itself."""
    disk = await rotated()
    header, data = read_segment(disk, segment_path(LOG, 1))
    whole = archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    assert len(read_archived(disk, whole, 1).members) == 1
    bounds = [found.offset for found in scan_segment(header, data)]
    for member_bytes in (1, 1000, 5000):
        path = archive_segment(disk, segment_path(LOG, 1), ARCHIVE, member_bytes=member_bytes)
        archived = read_archived(disk, path, 1)
        assert (archived.header, archived.data) == (header, data)
        assert archived.file_bytes == len(disk.content(path))
        assert gzip.decompress(bytes(disk.content(path))) == data.rstrip(b"\0")
        assert {member.start for member in archived.members} <= {0, *bounds}
        if member_bytes == 1:
            assert [member.start for member in archived.members] == [0, *bounds]
        for member, behind in pairwise([*archived.members, Member(0, len(data.rstrip(b"\0")))]):
            assert behind.start - member.start <= max(member_bytes, 4096)
            assert read_member(disk, path, 1, member.offset) == data[member.start : behind.start]


async def test_a_file_of_members_that_is_cut_or_goes_on_is_refused() -> None:
    """Wherever it is cut: the seal is in the last member."""
    disk = await rotated()
    path = archive_segment(disk, segment_path(LOG, 1), ARCHIVE, member_bytes=1000)
    content = bytes(disk.content(path))
    starts = {member.offset for member in read_archived(disk, path, 1).members}
    for end in range(len(content)):
        disk.content(path)[:] = content[:end]
        if end not in starts or not end:
            with pytest.raises(DamagedError):
                read_archived(disk, path, 1)
        else:
            assert read_archived(disk, path, 1).data != read_segment(disk, segment_path(LOG, 1))[1]
    disk.content(path)[:] = content
    disk.content(path)[max(starts) + 4] ^= 1
    with pytest.raises(DamagedError, match="another time"):
        read_archived(disk, path, 1)
    disk.content(path)[:] = content + b"x"
    with pytest.raises(DamagedError, match="another beginning"):
        read_archived(disk, path, 1)


async def test_a_prune_removes_what_a_crash_left() -> None:
    """Unfinished files, and an index whose segment is gone; other files stay."""
    disk = await rotated()
    archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    left = [path.with_name(f"{path.name}.tmp") for path in (archive_path(ARCHIVE, 21), index_path(ARCHIVE, 21))]
    left.append(index_path(ARCHIVE, 7))
    for path in (*left, ARCHIVE / "notes.txt"):
        disk.open(path, create=True)
    prune_archive(disk, ARCHIVE, ArchiveSettings(keep_days=1e6), 0)
    assert disk.list(ARCHIVE) == [*sorted(path(ARCHIVE, 1).name for path in (archive_path, index_path)), "notes.txt"]


async def test_a_power_cut_while_archiving_leaves_both_or_what_the_next_prune_mends() -> None:
    """At every operation: an archived segment is never without its index, and the next try ends with both alone."""
    base = await rotated()

    def archive(disk: SimulatedDisk) -> dict[str, bytes]:
        archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
        prune_archive(disk, ARCHIVE, ArchiveSettings(keep_days=1e6), 0)
        return {name: bytes(disk.content(ARCHIVE / name)) for name in disk.list(ARCHIVE)}

    undisturbed = base.survivor(0)
    expected = archive(undisturbed)
    assert len(expected) == 2
    # The simulated disk keeps the order of names in a directory; others need not.
    names = [operation for operation in undisturbed.operations if operation in {"rename", "sync_directory"}]
    assert names == ["rename", "sync_directory", "rename", "sync_directory", "sync_directory"]
    halves = 0
    for cut in range(len(undisturbed.operations) - 1):
        disk = base.survivor(0)
        disk.cut_at = cut
        with pytest.raises(PowerCutError):
            archive(disk)
        for seed in range(8):
            found = disk.survivor(seed)
            names = [name for name in found.list(ARCHIVE) if not name.endswith(".tmp")]
            halves += len(names) == 1
            assert archive_path(ARCHIVE, 1).name not in names or len(names) == 2
            for name in names:
                assert bytes(found.content(ARCHIVE / name)) == expected[name]
            assert archive(found) == expected
    assert halves


async def test_a_power_cut_while_retention_removes_is_mended_by_the_next_prune() -> None:
    """At every operation: an index without its segment goes the next time."""
    disk = await rotated()
    archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    gone = ArchiveSettings(keep_bytes=0)
    undisturbed = disk.survivor(0)
    prune_archive(undisturbed, ARCHIVE, gone, 0)
    assert undisturbed.list(ARCHIVE) == []
    for cut in range(len(undisturbed.operations) - 1):
        for seed in range(4):
            disturbed = disk.survivor(0)
            disturbed.cut_at = cut
            with pytest.raises(PowerCutError):
                prune_archive(disturbed, ARCHIVE, gone, 0)
            found = disturbed.survivor(seed)
            prune_archive(found, ARCHIVE, gone, 0)
            assert found.list(ARCHIVE) == []


async def test_retention_leaves_no_gap_whatever_the_order_in_which_a_disk_removes() -> None:
    """What stays is the newest without gaps, each with its index, at whichever operation the power goes."""
    run = Run(await rotated())
    await run.open()
    await run.append(130)
    await run.close()
    disk = run.disk
    sealed = [name for name in disk.list(LOG) if name.endswith(".wal")][:-1]
    assert len(sealed) > 2
    for name in sealed:
        archive_segment(disk, LOG / name, ARCHIVE)
    whole = disk.list(ARCHIVE)
    moments: list[Moment] = []
    disk.on_step = lambda _: moments.append(disk.moment())
    prune_archive(disk, ARCHIVE, ArchiveSettings(keep_bytes=0), 0)
    assert disk.list(ARCHIVE) == []
    left = set()
    for moment in moments:
        for chosen in range(1 << len(moment.pending)):
            found = moment.survivor(
                lambda pending, chosen=chosen: [one for place, one in enumerate(pending) if chosen >> place & 1],  # type: ignore[misc]
                lambda inode: inode.synced,
            ).list(ARCHIVE)
            archived = [name for name in found if name.endswith(".gz")]
            left.add(len(archived))
            assert found[len(found) - 2 * len(archived) :] == whole[len(whole) - 2 * len(archived) :]
    assert left == set(range(len(sealed) + 1))
