"""Logs that earlier releases wrote stay readable: golden files, which are never written again."""

import shutil
from pathlib import Path

import pytest

from tests.wal.model import DictState
from wal.archive_file import archive_path, read_archived
from wal.columns import decode_rows
from wal.file_system import RealFileSystem
from wal.inspection import inspect
from wal.opening import open_log
from wal.settings import LogSettings
from wal.snapshot import SnapshotReader, snapshot_path

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


async def test_a_snapshot_of_version_1_is_read(tmp_path: Path) -> None:
    """The newest of two, then the log behind it; also from the older one, when the newest was moved away."""
    expected = {("note", f"key{number:02d}"): b'{"label":"L%d","n":%d}' % (number % 3, number) for number in range(12)}
    del expected["note", "key05"]
    expected["note", "key06"] = b'{"label":null,"n":6}'
    expected["text", "x"] = '{"t":"café"}'.encode()
    expected["note", "key99"] = b'{"label":"L0","n":99}'
    for base, records in ((17, 1), (13, 4)):
        directory = tmp_path / str(base)
        shutil.copytree(GOLDEN / "snapshot-v1", directory)
        if base == 13:
            snapshot_path(directory / "snapshots", 17).unlink()
        state = DictState()
        log, report = await open_log(directory, SETTINGS, state)
        assert (report.snapshot, report.records, report.clean) == (base, records, True)
        assert state.values == expected
        assert state.digest == 0x0400E7DE53AE882A0B3535E94F15027F
        await log.close()


def test_the_columns_of_the_golden_snapshot_are_read() -> None:
    """As they were coded: the places of each term in its block."""
    reader = SnapshotReader(RealFileSystem(), snapshot_path(GOLDEN / "snapshot-v1" / "snapshots", 17))
    (block, _) = reader.blocks()
    column = block.columns["label"]
    found = {term: list(decode_rows(rows)) for term, rows in zip(column.terms, column.rows, strict=True)}
    reader.close()
    assert found == {"L0": [0, 3, 8], "L1": [1, 4, 6, 9], "L2": [2, 7, 10]}


@pytest.mark.parametrize(("name", "index"), [("archive-v1", False), ("archive-index-v1", True)])
def test_archives_of_one_member_a_segment_and_of_several_with_an_index_are_read(name: str, index: bool) -> None:
    """The golden log of version 1, its sealed segments archived; an index still says what its segment leads to."""
    found = inspect(GOLDEN / name)
    assert [(one.path.split("/")[0], one.first, one.last, one.transactions, one.index) for one in found.segments] == [
        ("archive", 1, 15, 14, index),
        ("archive", 16, 30, 14, index),
        ("log", 31, 34, 3, None),
    ]
    members = len(read_archived(RealFileSystem(), archive_path(GOLDEN / name / "archive", 16), 16).members)
    assert (members > 1) is index
