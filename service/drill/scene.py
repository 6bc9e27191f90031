"""What a fault has to do with: a server under load, chance, and a place for complaints."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from service.drill.load import Load
from service.drill.server_process import ServerProcess

_EARLIEST_SHARE = 0.1


@dataclass
class Scene:
    """A round in which a fault strikes.

    Attributes:
        server: Running.
        load: At work.
        chance: Gives every delay and choice.
        seconds: Of load, about.
        compact: Asks the server for a snapshot.
        clock: Gives the times of the history.
        struck_at: When the fault struck.
        felt: It did what it was to do.
        complaints: What went wrong besides what the history shows.
    """

    server: ServerProcess
    load: Load
    chance: random.Random
    seconds: float
    compact: Callable[[], Awaitable[None]]
    clock: Callable[[], float]
    struck_at: float = 0.0
    felt: bool = True
    complaints: list[str] = field(default_factory=list)

    async def moment(self, share: float = 1.0) -> None:
        """Wait for a random time, at most this share of the round's load."""
        await asyncio.sleep(self.chance.uniform(_EARLIEST_SHARE, 1.0) * share * self.seconds)

    async def pause(self, seconds: float) -> None:
        """Wait for a random time, at most this long."""
        await asyncio.sleep(self.chance.uniform(0.0, seconds))

    def strike(self) -> None:
        """Note that the fault strikes now."""
        self.struck_at = self.clock()

    def kill(self) -> None:
        """End the server with SIGKILL."""
        if not self.struck_at:
            self.strike()
        self.server.kill()

    async def end(self) -> None:
        """Wait for the server's own end."""
        if await self.server.ended() is None:
            self.complaints.append("The server did not end by itself, and was killed.")
            self.server.kill()

    async def must_acknowledge(self, seconds: float, after: str) -> None:
        """Make sure that mutations are acknowledged from now on."""
        before = self.load.acknowledged
        if not await self.load.until(lambda: self.load.acknowledged > before, seconds):
            self.complaints.append(f"No write was acknowledged within {seconds} s after {after}.")

    def signal_process(self, pid: int | None, number: signal.Signals) -> bool:
        """Send a signal to a child of the server; tells if it was still there."""
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True
