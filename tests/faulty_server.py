"""`annolog serve` with small segments on a file system that fails on demand, for tests of the whole process.

While the file ``no-space`` lies in the directory of the variable FAULTS, new files cannot grow, as on a full disk;
while ``sync-fails`` does, every sync of a file fails.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from service.cli import run
from wal.file_system import File, RealFileSystem

FAULTS = Path(os.environ["FAULTS"])


class FaultyFile:
    """A file that asks before it writes and syncs."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.read_at = file.read_at
        self.size = file.size
        self.drop_cache = file.drop_cache
        self.close = file.close

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write, unless the file would grow on a full disk."""
        if (FAULTS / "no-space").exists() and offset + len(data) > self._file.size():
            raise OSError(errno.ENOSPC, "no space left, by plan")
        self._file.write_at(offset, data)

    def sync(self) -> None:
        """Sync, or fail."""
        if (FAULTS / "sync-fails").exists():
            raise OSError(errno.EIO, "the sync failed, by plan")
        self._file.sync()


class FaultyFileSystem(RealFileSystem):
    """The one of this machine, with faulty files."""

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open a file that fails on demand."""
        return FaultyFile(super().open(path, create=create))


if __name__ == "__main__":
    data, segment_bytes = Path(os.environ["DATA"]), 64 * 1024
    log = {"segment_bytes": segment_bytes, "record_bytes_max": 8192, "retry_seconds": 0.05}
    limits = {"text_bytes": 1024, "entity_bytes": 2048}
    flags: dict[str, dict[str, Any]] = {
        "server": {"port": 0},
        "data": {"directory": str(data)},
        "log": log,
        "limits": limits,
    }
    run(None, flags, FaultyFileSystem())
