"""Indexes of the archive in a repair: those that lead nowhere, or elsewhere, go; they are made from the segments."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from wal.archive_file import archive_path, read_archived
from wal.archive_index import index_sequence
from wal.errors import DamagedError
from wal.file_system import FileSystem
from wal.index_builder import IndexBuilder, check_index
from wal.repair_steps import NOTHING, TIME, SetAside
from wal.segment import sealed_records


def index_steps(files: FileSystem, archive: Path, gone: Collection[Path]) -> list[SetAside]:
    """Return the indexes that must go.

    Args:
        files: Where.
        archive: The directory.
        gone: The archived segments that the repair moves aside.

    Raises:
        UnsupportedFormatError: A newer release wrote one.
        OSError: Something cannot be read.
    """
    steps = []
    names = files.list(archive)
    for name in names:
        first = index_sequence(name)
        if first is None:
            continue
        path = archive_path(archive, first)
        found, loses = "the index of a segment that is not in the archive", NOTHING
        if path.name in names and path not in gone:
            found, loses = _fault(files, archive, first), TIME
        if found:
            steps.append(SetAside(archive / name, found, loses))
    return steps


def _fault(files: FileSystem, archive: Path, first: int) -> str:
    """Return what is wrong with the index of a sound segment, nothing if it is sound too."""
    path = archive_path(archive, first)
    archived = read_archived(files, path, first)
    builder = IndexBuilder(archived.header)
    for found in sealed_records(path, archived.header, archived.data):
        builder.add(found)
    try:
        check_index(files, archive, archived, builder)
    except DamagedError as error:
        return error.found
    return ""
