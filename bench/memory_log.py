"""A log that stores nothing: the side that every durable write is compared with."""

from __future__ import annotations

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
