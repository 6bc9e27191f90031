"""Logs that earlier releases wrote stay readable: golden files, which are never written again."""

import shutil
from pathlib import Path

import pytest

from tests.wal.model import DictState
from wal.recovery import open_log
from wal.settings import LogSettings

GOLDEN = Path(__file__).parent.parent / "golden"
SETTINGS = LogSettings(segment_bytes=16 * 1024, record_bytes_max=2048, fill_pause_ms=0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a data directory with the golden log of format version 1."""
    shutil.copytree(GOLDEN / "log-v1", tmp_path / "log")
    return tmp_path


async def test_a_log_of_version_1_is_read(directory: Path) -> None:
    """Three segments with two rotations, then a shutdown; the state is the one that was written."""
    state = DictState()
    log, report = await open_log(directory, SETTINGS, state)
    assert (report.records, report.clean, report.sequence) == (31, True, 34)
    expected = {("note", f"key{number:02d}"): f"value {number}".encode().ljust(400) for number in range(30)}
    del expected["note", "key07"]
    assert state.values == expected
    assert state.digest == 0xB8C9E45353679FBF11772C80EDEF6E7D
    await log.close()
