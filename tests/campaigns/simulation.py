"""A machine without threads or clocks: everything runs on one loop, in an order that only its inputs decide.

So a run is the same each time, costs no more than its own work, and a wait that nothing can end is noticed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar
from unittest import mock

from wal.writer import Done, Job, WriterThread

T = TypeVar("T")
P = ParamSpec("P")
_TURN_SECONDS = 1e-6


class StuckError(Exception):
    """Something waits for what can never happen."""


class _Timeless(selectors.DefaultSelector):
    """A selector that never waits: it moves a clock of its own on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass.

        Raises:
            StuckError: There is neither anything to do nor anything to wait for.
        """
        if timeout is None:
            raise StuckError("everything waits, and nothing will happen any more")
        self.now += max(timeout, _TURN_SECONDS)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._timeless = _Timeless()
        super().__init__(self._timeless)
        self.set_default_executor(_Inline())

    def time(self) -> float:
        """Return the simulated time in seconds."""
        return self._timeless.now


class _Inline(ThreadPoolExecutor):
    """Runs what is meant for a thread at once."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whatever it was, it belongs to the one who waits
            done.set_exception(error)
        return done


class InlineWriter(WriterThread):
    """The writer of the log, at the next turn of the loop.

    Attributes:
        failed: The first error of what it had to do, None if there was none.
    """

    def __init__(self) -> None:
        self.on_end: Done = lambda _: None
        self.failed: BaseException | None = None

    def run(self, job: Job, done: Done) -> None:
        """Run `job` soon."""
        asyncio.get_running_loop().call_soon(self._carry_out, job, done)

    async def stop(self) -> None:
        """Let what was asked for come first."""
        await asyncio.sleep(0)

    def _carry_out(self, job: Job, done: Done) -> None:
        error: BaseException | None = None
        try:
            job()
        except BaseException as caught:  # noqa: BLE001 - as on a thread
            error = self.failed = self.failed or caught
        done(error)


class Simulation:
    """A loop of its own, for as long as it is needed."""

    def __init__(self) -> None:
        self._loop = _Loop()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something; what it leaves running goes on at the next time.

        Raises:
            StuckError: It waits for what can never happen.
        """
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        """End; what is still running is cancelled."""
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        with contextlib.suppress(StuckError):
            self._loop.run_until_complete(_ended(left))
        self._loop.close()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def simulate(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run something on a loop of its own; what it leaves running is cancelled.

    Raises:
        StuckError: It waits for what can never happen.
    """
    simulation = Simulation()
    try:
        return simulation.run(coroutine)
    finally:
        simulation.close()


@contextlib.contextmanager
def chance_of(seed: int | str) -> Iterator[random.Random]:
    """Let what the operating system gives as chance come from a seed, so that files are the same byte for byte.

    Nobody rests in the meantime: there is nobody to make room for.
    """
    chance = random.Random(seed)
    with mock.patch.object(os, "urandom", chance.randbytes), mock.patch.object(time, "sleep"):
        yield chance
