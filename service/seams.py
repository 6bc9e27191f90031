"""What the engine stands on: a log and a clock. Tests and benchmarks put others in their place."""

from __future__ import annotations

from typing import Protocol

from wal.change import Change


class Clock(Protocol):
    """Where the time comes from."""

    def __call__(self) -> int:
        """Return microseconds since 1970 UTC."""
        ...


class Log(Protocol):
    """What the engine needs of a log: `wal.log.Log`, or one of tests and benchmarks that stores nothing."""

    @property
    def sequence(self) -> int:
        """Of the last record that was appended."""
        ...

    @property
    def durable(self) -> int:
        """Of the last record that is known to be synced."""
        ...

    @property
    def time(self) -> int:
        """Of the last record that was appended, in microseconds since 1970 UTC."""
        ...

    @property
    def is_filling(self) -> bool:
        """There is no room yet."""
        ...

    async def room(self) -> None:
        """Return when there is room, or it is known that there is none."""
        ...

    def admit(self) -> None:
        """Make sure that a record can be appended."""
        ...

    def append(self, changes: list[Change], *, time: int, actor: str | None, operation: str) -> int:
        """Queue a record and return its sequence."""
        ...

    async def wait(self, sequence: int) -> None:
        """Return once it is durable."""
        ...
