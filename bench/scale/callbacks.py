"""How much of its thread's CPU time each callback of an event loop uses."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable


class Callbacks:
    """Watches all callbacks of this process, from its making on.

    Attributes:
        longest_ms: The CPU time of the longest, in milliseconds.
        longest: What it was.
    """

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self.longest = ""
        self._collecting = 0
        gc.callbacks.append(self._collected)
        run: Callable[[asyncio.Handle], None] = asyncio.Handle._run  # noqa: SLF001 - the one place that runs them

        def watched(handle: asyncio.Handle) -> None:
            begin = time.thread_time_ns()
            run(handle)
            used = (time.thread_time_ns() - begin) / 1e6
            if used > self.longest_ms:
                self.longest_ms, self.longest = used, _named(handle)

        asyncio.Handle._run = watched  # type: ignore[method-assign, assignment]  # noqa: SLF001

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time_ns()
            return
        used = (time.thread_time_ns() - self._collecting) / 1e6
        if used > self.longest_ms:
            self.longest_ms, self.longest = used, f"garbage collection {info}"

    def take(self) -> tuple[float, str]:
        """Return the longest since the last time."""
        found = self.longest_ms, self.longest
        self.longest_ms, self.longest = 0.0, ""
        return found


def _named(handle: asyncio.Handle) -> str:
    task = getattr(getattr(handle, "_callback", None), "__self__", None)
    return repr(task.get_coro()) if isinstance(task, asyncio.Task) else repr(handle)
