"""How much of its thread's CPU time each callback of an event loop uses, and what else happened to it.

A virtual machine's clocks count time in which the host ran something else, as far as the host does not own up to it. So
what a callback used is told together with what it would need to have used it itself: the time on the wall, the page
faults, how often another thread had the processor, and when and where it was, for `bench.scale.host` to compare.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

LONGEST = 20
_PROCESSOR_FIELD = 36


class Longest(NamedTuple):
    """A callback that used much.

    Attributes:
        cpu_ms: Of its thread, in milliseconds.
        begin: On the machine's monotonic clock, in seconds.
        wall_ms: From its begin to its end, in milliseconds.
        processor: The one it ended on.
        faults: Pages that the kernel gave it meanwhile.
        switches: How often its thread was not running meanwhile.
        what: It was.
    """

    cpu_ms: float
    begin: float
    wall_ms: float
    processor: int
    faults: int
    switches: int
    what: str


class Callbacks:
    """Watches all callbacks of this process, from its making on."""

    def __init__(self) -> None:
        self._longest: list[Longest] = []
        self._least = 0.0
        self._collecting = 0
        gc.callbacks.append(self._collected)
        run: Callable[[asyncio.Handle], None] = asyncio.Handle._run  # noqa: SLF001 - the one place that runs them

        def watched(handle: asyncio.Handle) -> None:
            before = resource.getrusage(resource.RUSAGE_THREAD)
            since, begin = time.monotonic(), time.thread_time_ns()
            run(handle)
            used = (time.thread_time_ns() - begin) / 1e6
            if used > self._least:
                wall = (time.monotonic() - since) * 1e3
                after = resource.getrusage(resource.RUSAGE_THREAD)
                faults = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt
                switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
                self._keep(Longest(used, since, wall, _processor(), faults, switches, _named(handle)))

        asyncio.Handle._run = watched  # type: ignore[method-assign, assignment]  # noqa: SLF001

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time_ns()
            return
        used = (time.thread_time_ns() - self._collecting) / 1e6
        if used > self._least:
            # Within a callback, which is longer, unless another thread ran it.
            since = time.monotonic() - used / 1e3
            self._keep(Longest(used, since, used, _processor(), 0, 0, f"garbage collection {info}"))

    def _keep(self, one: Longest) -> None:
        heapq.heappush(self._longest, one)
        if len(self._longest) > LONGEST:
            heapq.heappop(self._longest)
            self._least = self._longest[0].cpu_ms

    def take(self) -> list[Longest]:
        """Return the longest since the last time, those that used most first."""
        found, self._longest, self._least = self._longest, [], 0.0
        return sorted(found, reverse=True)


def _processor() -> int:
    # After the name, which may hold anything but a closing parenthesis of its own.
    fields = Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()
    return int(fields[_PROCESSOR_FIELD])


def _named(handle: asyncio.Handle) -> str:
    task = getattr(getattr(handle, "_callback", None), "__self__", None)
    return repr(task.get_coro()) if isinstance(task, asyncio.Task) else repr(handle)
