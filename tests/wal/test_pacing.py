"""Large files are written in pieces that are synced, and what they hold is what was written."""

from __future__ import annotations

from pathlib import Path

from tests.simulated_disk import SimulatedDisk
from wal.pacing import PIECE_BYTES, PacedFile

PATH = Path("/simulated/data/large")


def test_no_more_than_a_piece_is_ever_unsynced() -> None:
    """However large the parts are; the bytes are the same, and a sync at the end makes the rest durable."""
    disk = SimulatedDisk()
    disk.make_directory(PATH.parent)
    file = disk.open(PATH, create=True)
    paced = PacedFile(file)
    parts = [b"a" * 700_000, b"b" * 10, b"", b"c" * 1_300_000, b"d" * (PIECE_BYTES - 11)]
    for part in parts:
        paced.write(part)
        inode = file._inode
        assert len(inode.dirty) * 512 <= PIECE_BYTES
    paced.sync()
    assert not file._inode.dirty
    assert file._inode.synced == b"".join(parts)
    assert paced.offset == len(b"".join(parts))
