"""How late the event loop is: what every request waits for before its turn comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

PROBE_SECONDS = 0.05
_PROBES_KEPT = 20
Sleep = Callable[[float], Awaitable[object]]


class LoopLag:
    """Asks to be woken again and again, and looks how late that happens.

    Args:
        clock: Seconds; the loop's by default.
        sleep: Waits; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._late: deque[float] = deque(maxlen=_PROBES_KEPT)

    async def run(self) -> None:
        """Look until it is cancelled."""
        clock = self._clock or asyncio.get_running_loop().time
        while True:
            due = clock() + PROBE_SECONDS
            await self._sleep(PROBE_SECONDS)
            self._late.append(max(0.0, clock() - due))

    def told(self) -> dict[str, float]:
        """Return the largest lag of about the last second, in seconds."""
        return {"lag_seconds_max": max(self._late, default=0.0)}
