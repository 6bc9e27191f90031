"""Large files are written in pieces, each synced before the next, with a rest between them.

A write-back of many megabytes in one go fills the device's queue, and the syncs of the log wait behind it. Measured
with the zero-filling of a segment: 64 MiB at once took the log's p99 from 0.6 to 15.6 ms, pieces of 512 KiB to 1.0 ms.
"""

from __future__ import annotations

import time

from wal.file_system import File

PIECE_BYTES = 512 * 1024
REST_SECONDS = 0.001


class PacedFile:
    """Writes a file from its beginning to its end.

    Args:
        file: Empty.

    Attributes:
        offset: Where the next byte goes.
    """

    def __init__(self, file: File) -> None:
        self.offset = 0
        self._file = file
        self._unsynced = 0

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        view = memoryview(data)
        while view:
            piece = view[: PIECE_BYTES - self._unsynced]
            self._file.write_at(self.offset, piece)
            self.offset += len(piece)
            self._unsynced += len(piece)
            view = view[len(piece) :]
            if self._unsynced == PIECE_BYTES:
                self.sync()
                time.sleep(REST_SECONDS)

    def sync(self) -> None:
        """Make everything durable that was written."""
        self._file.sync()
        self._unsynced = 0
