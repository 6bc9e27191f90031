"""Who writes: batches in order, one at a time, each written once and synced once, and the loop is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from wal.file_system import File

Job = Callable[[], None]
Done = Callable[[BaseException | None], None]
"""Called on the event loop with what went wrong, None if nothing did."""


class Writer(Protocol):
    """Writes one thing at a time; the next is asked for after `done` was called.

    Attributes:
        on_end: Called with an error once it can write no more, whether anything is under way or not.
    """

    on_end: Done

    def write(self, file: File, offset: int, data: bytes, done: Done) -> None:
        """Write `data` at an offset in bytes, sync the file, then call `done`."""
        ...

    def run(self, job: Job, done: Done) -> None:
        """Run something that blocks, off the loop, then call `done`."""
        ...

    async def stop(self) -> None:
        """End; what was asked for before is finished."""
        ...


class WriterThread:
    """A writer on a thread of this process: for every file system, also those of tests.

    A thread of its own, not a pool: injected faults count calls a thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Job, Done, asyncio.AbstractEventLoop] | None] = SimpleQueue()
        self.on_end: Done = lambda _: None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, file: File, offset: int, data: bytes, done: Done) -> None:
        """Write and sync on the thread."""

        def job() -> None:
            file.write_at(offset, data)
            file.sync()

        self.run(job, done)

    def run(self, job: Job, done: Done) -> None:
        """Run `job` on the thread."""
        self._jobs.put((job, done, asyncio.get_running_loop()))

    async def stop(self) -> None:
        """End the thread after the jobs that are queued."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done, loop = item
            error: BaseException | None = None
            try:
                job()
            except BaseException as caught:  # noqa: BLE001 - whatever it was, the log must learn of it
                error = caught
            loop.call_soon_threadsafe(done, error)
