"""What a dead server has left unfinished: it tells in the middle of what the fault struck."""

from __future__ import annotations

from pathlib import Path

from service.drill.server_process import SEGMENT_BYTES
from wal.file_store import PREPARED_NAME
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY, SNAPSHOT_DIRECTORY, TEMPORARY_SUFFIX

_TORN = "cut a torn tail"


class Remnants:
    """Looks at a data directory after each death; what was left by an earlier one does not count again.

    Args:
        directory: Of the data.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: set[tuple[Path, int]] = set()

    def cut_short(self) -> list[str]:
        """Return the work that was under way when the server ended."""
        found = []
        if self._new(SNAPSHOT_DIRECTORY):
            found.append("compaction")
        if self._new(ARCHIVE_DIRECTORY):
            found.append("archiving")
        prepared = self._directory / LOG_DIRECTORY / PREPARED_NAME
        if not prepared.exists() or prepared.stat().st_size < SEGMENT_BYTES:
            found.append("preparation")
        return found

    def _new(self, name: str) -> bool:
        left = {(path, path.stat().st_mtime_ns) for path in (self._directory / name).glob(f"*{TEMPORARY_SUFFIX}")}
        new = left - self._seen
        self._seen |= left
        return bool(new)


def recovered(said: str) -> list[str]:
    """Return what a start said that it had to put right."""
    return ["a batch"] if _TORN in said else []
