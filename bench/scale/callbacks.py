"""How much of its thread's CPU time each callback of an event loop uses, and what else happened to it.

A virtual machine's clocks count time in which the host ran something else, as far as the host does not own up to it. So
what a callback used is told together with what it would need to have used it itself: the time on the wall, the page
faults, and how often another thread had the processor.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections.abc import Callable
from typing import NamedTuple


class Longest(NamedTuple):
    """The callback that used most.

    Attributes:
        cpu_ms: Of its thread, in milliseconds.
        wall_ms: From its begin to its end, in milliseconds.
        faults: Pages that the kernel gave it meanwhile.
        switches: How often its thread was not running meanwhile.
        what: It was.
    """

    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    faults: int = 0
    switches: int = 0
    what: str = ""


class Callbacks:
    """Watches all callbacks of this process, from its making on."""

    def __init__(self) -> None:
        self._longest = Longest()
        self._collecting = 0
        gc.callbacks.append(self._collected)
        run: Callable[[asyncio.Handle], None] = asyncio.Handle._run  # noqa: SLF001 - the one place that runs them

        def watched(handle: asyncio.Handle) -> None:
            before = resource.getrusage(resource.RUSAGE_THREAD)
            since, begin = time.perf_counter(), time.thread_time_ns()
            run(handle)
            used = (time.thread_time_ns() - begin) / 1e6
            if used > self._longest.cpu_ms:
                wall = (time.perf_counter() - since) * 1e3
                after = resource.getrusage(resource.RUSAGE_THREAD)
                faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt
                switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
                self._longest = Longest(used, wall, faults, switches, _named(handle))

        asyncio.Handle._run = watched  # type: ignore[method-assign, assignment]  # noqa: SLF001

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time_ns()
            return
        used = (time.thread_time_ns() - self._collecting) / 1e6
        if used > self._longest.cpu_ms:
            # Within a callback, which is longer, unless another thread ran it.
            self._longest = Longest(used, used, what=f"garbage collection {info}")

    def take(self) -> Longest:
        """Return the longest since the last time."""
        found, self._longest = self._longest, Longest()
        return found


def _named(handle: asyncio.Handle) -> str:
    task = getattr(getattr(handle, "_callback", None), "__self__", None)
    return repr(task.get_coro()) if isinstance(task, asyncio.Task) else repr(handle)
