"""Archived segments give back what they hold, and go when retention says so, the oldest first."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, SETTINGS, Run
from wal.archive import (
    Archived,
    ArchiveSettings,
    archive_path,
    archive_segment,
    archived_sequence,
    expired,
    list_archive,
    read_archived,
)
from wal.errors import DamagedError
from wal.segment import read_segment, segment_path

ARCHIVE, LOG = DIRECTORY / "archive", DIRECTORY / "log"
DAY = 86_400


async def rotated() -> SimulatedDisk:
    """Return a disk with a sealed segment."""
    run = Run(SimulatedDisk())
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
    assert read_archived(disk, path, 1) == read_segment(disk, segment)
    content = bytes(disk.content(path))
    assert len(content) < SETTINGS.segment_bytes / 4
    assert gzip.decompress(content) == bytes(disk.content(segment)).rstrip(b"\0")
    assert [one.first for one in list_archive(disk, ARCHIVE)] == [1]
    assert disk.list(ARCHIVE) == [path.name]


async def test_what_the_disk_does_not_give_back_is_not_archived(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read back before it counts; a try that was cut off is made again."""
    disk = await rotated()
    monkeypatch.setattr("wal.archive._compressed", lambda content, _: gzip.compress(content[:-1], mtime=0))
    with pytest.raises(DamagedError):
        archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    assert list_archive(disk, ARCHIVE) == []
    monkeypatch.undo()
    archive_segment(disk, segment_path(LOG, 1), ARCHIVE)
    assert len(list_archive(disk, ARCHIVE)) == 1


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


async def test_retention_removes_what_is_past_it_and_a_start_does_not_mind() -> None:
    """After a compaction; records of these tests are of 1970."""
    run = Run(SimulatedDisk())
    run.retention = ArchiveSettings(keep_bytes=2500, keep_days=1e6)
    await run.open()
    for _ in range(6):
        await run.append(20)
        await run.compact()
    kept = list_archive(run.disk, ARCHIVE)
    assert kept[0].first > 1
    assert 0 < sum(one.size for one in kept) <= 2500
    run.retention = ArchiveSettings()
    await run.append(20)
    await run.compact()
    assert list_archive(run.disk, ARCHIVE) == []
    await run.close()
    again = Run(run.disk)
    await again.open()
    assert again.appended == run.appended
    await again.close()


async def test_a_rotten_time_makes_no_other_segment_look_old() -> None:
    """Times of seals never go back."""
    run = Run(SimulatedDisk())
    await run.open()
    for _ in range(4):
        await run.append(20)
        await run.compact()
    await run.close()
    names = run.disk.list(ARCHIVE)
    path = Path(ARCHIVE / names[0])
    run.disk.content(path)[4:8] = (9 * DAY).to_bytes(4, "little")
    run.disk.content(ARCHIVE / names[1])[4:8] = bytes(4)
    assert {one.sealed_at for one in list_archive(run.disk, ARCHIVE)} == {9 * DAY}
