"""What a dead server has left unfinished."""

from __future__ import annotations

from pathlib import Path

from service.drill.remnants import Remnants, recovered
from service.drill.server_process import SEGMENT_BYTES


def test_each_sort_of_unfinished_work_is_told_once(tmp_path: Path) -> None:
    """What lies there from an earlier death does not count again; a segment that is filled is finished."""
    for name in ("log", "snapshots", "archive"):
        (tmp_path / name).mkdir()
    prepared = tmp_path / "log" / "prepared.tmp"
    prepared.write_bytes(b"")
    (tmp_path / "snapshots" / "compaction-3.tmp").touch()
    remnants = Remnants(tmp_path)
    assert remnants.cut_short() == ["compaction", "preparation"]
    (tmp_path / "archive" / "00000000000000000001.wal.gz.tmp").touch()
    with prepared.open("r+b") as file:
        file.truncate(SEGMENT_BYTES)
    assert remnants.cut_short() == ["archiving"]
    assert remnants.cut_short() == []


def test_a_torn_batch_is_known_by_what_the_start_says() -> None:
    """The server warns of it."""
    assert recovered('{"event": "cut a torn tail", "bytes": 3}') == ["a batch"]
    assert recovered('{"event": "listening"}') == []
