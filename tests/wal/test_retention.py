"""How far back what is retained reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from wal.archive_file import archive_path
from wal.file_system import RealFileSystem
from wal.looking import NoLogError
from wal.retention import oldest_retained
from wal.segment import segment_path
from wal.snapshot import snapshot_path


def make(
    directory: Path, *, log: tuple[int, ...], archive: tuple[int, ...] = (), snapshots: tuple[int, ...] = ()
) -> None:
    """Make files by the names of segments and snapshots."""
    for name in ("log", "archive", "snapshots"):
        (directory / name).mkdir()
    for first in log:
        segment_path(directory / "log", first).touch()
    for first in archive:
        archive_path(directory / "archive", first).touch()
    for sequence in snapshots:
        snapshot_path(directory / "snapshots", sequence).touch()


@pytest.mark.parametrize(
    ("log", "archive", "snapshots", "oldest"),
    [
        ((1,), (), (), 1),
        ((7, 12), (), (6, 11), 7),
        ((7, 12), (3, 5), (6, 11), 3),
        ((7, 12), (), (4, 6, 11), 5),
        ((12,), (12,), (11,), 12),
    ],
)
def test_it_is_the_oldest_of_segments_and_snapshots(
    tmp_path: Path, log: tuple[int, ...], archive: tuple[int, ...], snapshots: tuple[int, ...], oldest: int
) -> None:
    """A snapshot tells of what was there behind its sequence, and not of what came to pass before."""
    make(tmp_path, log=log, archive=archive, snapshots=snapshots)
    assert oldest_retained(RealFileSystem(), tmp_path) == oldest


def test_without_a_log_there_is_no_answer(tmp_path: Path) -> None:
    """A wrong directory must not let everything go."""
    with pytest.raises(NoLogError):
        oldest_retained(RealFileSystem(), tmp_path)
