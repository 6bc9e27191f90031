"""How long a request waited for the disk, told to whoever answers it."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import Protocol


class Waited:
    """The time that a request has spent waiting for syncs.

    Attributes:
        began: When the request did, by `perf_counter`.
        seconds: All in all.
    """

    __slots__ = ("began", "seconds")

    def __init__(self, began: float) -> None:
        self.began = began
        self.seconds = 0.0


WAITED: ContextVar[Waited | None] = ContextVar("waited", default=None)
"""Of the request that the running task answers; None outside of requests."""


class Log(Protocol):
    """What is waited for."""

    @property
    def durable(self) -> int:
        """Of the last record that is known to be synced."""
        ...

    async def wait(self, sequence: int) -> None:
        """Return once it is durable."""
        ...


async def durable(log: Log, sequence: int) -> None:
    """Return once a sequence is durable, and count how long that took; raises as `wait`."""
    waited = WAITED.get()
    if waited is None or sequence <= log.durable:
        await log.wait(sequence)
        return
    began = perf_counter()
    try:
        await log.wait(sequence)
    finally:
        waited.seconds += perf_counter() - began
