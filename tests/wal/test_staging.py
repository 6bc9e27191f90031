"""A log that is made beside its place, and put there as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wal.drive import SETTINGS
from tests.wal.model import DictState, put
from wal.errors import DirectoryLockedError, OccupiedError
from wal.file_system import RealFileSystem
from wal.opening import open_log
from wal.staging import Staging, occupants

FILES = RealFileSystem()


async def fill(directory: Path) -> DictState:
    """Make a log of one record in a directory, and close it."""
    state = DictState()
    log, _ = await open_log(directory, SETTINGS, state)
    changes = [put("key", b"value")]
    state.apply(log.append(changes, time=1, actor=None, operation="test"), 1, changes)
    await log.close()
    return state


async def test_a_log_that_was_published_is_the_directory_s(tmp_path: Path) -> None:
    """LOCK knows it from then on, and nothing else is left."""
    staging = Staging.begin(FILES, tmp_path / "data")
    state = await fill(staging.path)
    assert not occupants(FILES, tmp_path / "data")
    staging.publish()
    staging.clear()
    staging.release()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["LOCK", "log"]
    again = DictState()
    log, report = await open_log(tmp_path / "data", SETTINGS, again)
    await log.close()
    assert (report.clean, report.epoch, again.digest) == (True, 2, state.digest)
    for path in (tmp_path / "data" / "log").iterdir():
        path.unlink()
    assert occupants(FILES, tmp_path / "data")[0].startswith("LOCK, which names the log ")


async def test_what_an_earlier_try_left_is_removed(tmp_path: Path) -> None:
    """Whatever it is."""
    left = tmp_path / "import.tmp"
    await fill(left)
    (left / "more").mkdir()
    staging = Staging.begin(FILES, tmp_path)
    assert not left.exists()
    staging.release()


@pytest.mark.parametrize("name", ["log/x", "snapshots/x", "archive/x"])
def test_a_directory_that_holds_part_of_a_log_is_refused(tmp_path: Path, name: str) -> None:
    """And the part is named; the directory is free again."""
    path = tmp_path / name
    path.parent.mkdir()
    path.touch()
    with pytest.raises(OccupiedError, match=f"found {name}, expected a directory without a log") as caught:
        Staging.begin(FILES, tmp_path)
    assert caught.value.found == (name,)
    path.unlink()
    Staging.begin(FILES, tmp_path).release()


def test_a_directory_is_held_meanwhile(tmp_path: Path) -> None:
    """By one."""
    staging = Staging.begin(FILES, tmp_path)
    with pytest.raises(DirectoryLockedError):
        Staging.begin(FILES, tmp_path)
    staging.release()
