"""A log that stores nothing: the side that every durable write is compared with."""

from __future__ import annotations

import os
from pathlib import Path

from wal.change import Change


class MemoryLog:
    """Counts records and forgets them; implements `service.engine.Log`."""

    def __init__(self) -> None:
        self.sequence = 0
        self.durable = 0
        self.time = 0
        self.is_filling = False

    async def room(self) -> None:
        """There is always room."""

    def admit(self) -> None:
        """There is always room."""

    def append(self, _changes: list[Change], *, time: int, actor: str | None, operation: str) -> int:
        """Return the next sequence."""
        del actor, operation
        self.time = max(time, self.time)
        self.sequence += 1
        self.durable = self.sequence
        return self.sequence

    async def wait(self, _sequence: int) -> None:
        """Nothing is ever durable, so nothing is waited for."""


class OneSyncLog(MemoryLog):
    """Stores nothing, but writes and syncs once a record: the least that durability costs one client alone.

    Args:
        path: Of the file, which is made; it is zero-filled, so that a sync is one write.
    """

    _SIZE = 64 * 1024 * 1024
    _BLOCK = b"x" * 512

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        os.pwrite(self._descriptor, bytes(self._SIZE), 0)
        os.fsync(self._descriptor)
        self._offset = 0

    async def wait(self, _sequence: int) -> None:
        """Write and sync; with one client alone nobody else waits for the event loop meanwhile."""
        os.pwrite(self._descriptor, self._BLOCK, self._offset)
        os.fdatasync(self._descriptor)
        self._offset = (self._offset + len(self._BLOCK)) % self._SIZE
