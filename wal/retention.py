"""How far back the history that is retained reaches: snapshots, the log and the archive."""

from __future__ import annotations

from pathlib import Path

from wal.file_system import FileSystem
from wal.layout import SNAPSHOT_DIRECTORY
from wal.looking import segment_paths
from wal.snapshot import list_snapshots


def oldest_retained(file_system: FileSystem, directory: Path) -> int:
    """Return the first sequence of which something is retained: no record before it, and no snapshot of a state there.

    What is removed meanwhile lets the answer be too low, never too high.

    Args:
        file_system: Where.
        directory: The data directory.

    Raises:
        NoLogError: There is no log.
        OSError: The disk refused.
    """
    # A snapshot holds the state after its sequence, so that what happened up to there shows in nothing but that.
    snapshots = [sequence + 1 for sequence in list_snapshots(file_system, directory / SNAPSHOT_DIRECTORY)]
    return min([*snapshots, *segment_paths(file_system, directory)])
