"""Snapshots: what is read was written, and nothing else is ever read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from wal.block import Stored, make_block, position
from wal.columns import decode_rows
from wal.errors import DamagedError, UnsupportedFormatError
from wal.record import crc32c
from wal.snapshot import Footer, SnapshotHeader, SnapshotReader, SnapshotWriter, list_snapshots, snapshot_path

HEADER = SnapshotHeader(9, 1234, 2, b"l" * 16, b"d" * 32)
DIRECTORY = Path("/simulated/data/snapshots")
PATH = snapshot_path(DIRECTORY, 9)
ENTITIES = [
    Stored("a", b'{"label":"x","arguments":[{"target":"b"},{"target":"c"},{"target":"b"}]}', 3, position(3, 0)),
    Stored("b", b'{"label":"y"}', 8, position(3, 1)),
    Stored("c", b'{"label":"x","arguments":null}', 4, position(4, 0)),
]


def written(disk: SimulatedDisk, path: Path = PATH, header: SnapshotHeader = HEADER) -> Footer:
    """Write a snapshot of two kinds, in three blocks."""
    file = disk.open(path, create=True)
    writer = SnapshotWriter(file, header)
    writer.add(make_block("mark", ENTITIES[:2], ["label", "arguments.target"]))
    writer.add(make_block("mark", ENTITIES[2:], ["label", "arguments.target"]))
    writer.add(make_block("text", [Stored("a", b'{"text":"t"}', 3, position(3, 2))], []))
    footer = writer.close()
    file.close()
    return footer


def read(disk: SimulatedDisk, path: Path = PATH) -> list[tuple[str, Stored]]:
    """Read a snapshot through."""
    reader = SnapshotReader(disk, path)
    return [(block.kind, entity) for block in reader.blocks() for entity in block.entities()]


def test_what_is_read_is_what_was_written() -> None:
    """Entities in their order, and a footer that counts them."""
    disk = SimulatedDisk()
    footer = written(disk)
    assert read(disk) == [
        *(("mark", entity) for entity in ENTITIES),
        ("text", Stored("a", b'{"text":"t"}', 3, position(3, 2))),
    ]
    assert footer.counts == {"mark": 3, "text": 1}
    assert footer.blocks == 3


def test_columns_tell_who_has_which_value() -> None:
    """Also a member of the objects in a list, each entity once a value."""
    block = make_block("mark", ENTITIES, ["label", "arguments.target"])
    found = {
        path: {term: list(decode_rows(rows)) for term, rows in zip(column.terms, column.rows, strict=True)}
        for path, column in block.columns.items()
    }
    assert found == {"label": {"x": [0, 2], "y": [1]}, "arguments.target": {"b": [0], "c": [0]}}


def test_every_flipped_bit_and_every_cut_is_refused() -> None:
    """Each byte, one bit of it; each length; and bytes behind the footer."""
    disk = SimulatedDisk()
    written(disk)
    content = bytes(disk.content(PATH))
    for offset in range(len(content)):
        disk.content(PATH)[offset] ^= 1 << offset % 8
        with pytest.raises((DamagedError, UnsupportedFormatError)):
            read(disk)
        disk.content(PATH)[:] = content[:offset]
        with pytest.raises(DamagedError):
            read(disk)
        disk.content(PATH)[:] = content
    disk.content(PATH)[:] = content + b"\0"
    with pytest.raises(DamagedError, match="behind the footer"):
        read(disk)


def test_a_newer_format_is_told_from_damage() -> None:
    """By a version that verifies."""
    disk = SimulatedDisk()
    written(disk)
    content = disk.content(PATH)
    content[8] = 2
    content[12:16] = crc32c(bytes(content[:12])).to_bytes(4, "little")
    with pytest.raises(UnsupportedFormatError, match="format version 2"):
        read(disk)


def test_a_block_of_another_snapshot_is_refused() -> None:
    """Although it verifies by itself."""
    disk = SimulatedDisk()
    written(disk)
    other = snapshot_path(DIRECTORY, 10)
    written(disk, other, HEADER._replace(sequence=10))
    disk.content(PATH)[512:] = disk.content(other)[512:]
    with pytest.raises(DamagedError, match="block 0 of the snapshot at 10"):
        read(disk)


def test_a_snapshot_under_another_name_is_refused() -> None:
    """The name orders them, so it must be true."""
    disk = SimulatedDisk()
    written(disk, snapshot_path(DIRECTORY, 11))
    with pytest.raises(DamagedError, match="the sequence in its name"):
        read(disk, snapshot_path(DIRECTORY, 11))


def test_only_whole_names_are_snapshots() -> None:
    """A temporary file is none."""
    disk = SimulatedDisk()
    written(disk)
    disk.open(DIRECTORY / "compaction-1.tmp", create=True)
    disk.open(DIRECTORY / "9.snap", create=True)
    assert list_snapshots(disk, DIRECTORY) == [9]
