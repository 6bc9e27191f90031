"""Large files are written in pieces that are synced, and what they hold is what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from wal.pacing import PIECE_BYTES, READ_BYTES, PacedFile, PacedFileSystem

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


@pytest.mark.parametrize("size", [0, 1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 5])
def test_what_is_read_in_pieces_is_what_is_there(tmp_path: Path, size: int) -> None:
    """The whole, parts of it, and past the end; a new file may be written too."""
    content = bytes(place % 251 for place in range(size))
    file = PacedFileSystem().open(tmp_path / "file", create=True)
    file.write_at(0, content)
    assert file.size() == size
    for offset, length in ((0, size), (0, size + 9), (7, READ_BYTES), (size, 4), (max(0, size - 3), 3)):
        assert file.read_at(offset, length) == content[offset : offset + length]
    file.close()
    with pytest.raises(FileExistsError):
        PacedFileSystem().open(tmp_path / "file", create=True)
