"""Archiving a segment in one go, as the server and its child do it together."""

from __future__ import annotations

from pathlib import Path

from wal.archive import publish_archived, write_archived
from wal.archive_file import MEMBER_BYTES, archive_path
from wal.file_system import FileSystem


def archive_segment(file_system: FileSystem, path: Path, directory: Path, *, member_bytes: int = MEMBER_BYTES) -> Path:
    """Put a sealed segment into an archive and return where it lies."""
    written = write_archived(file_system, path, directory, member_bytes=member_bytes)
    publish_archived(file_system, directory, written.first)
    return archive_path(directory, written.first)
