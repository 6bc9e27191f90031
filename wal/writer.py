"""The writer: the one thread on which the log is written and synced."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]
Done = Callable[[BaseException | None], None]


class WriterThread:
    """Runs one blocking job at a time and reports on the event loop.

    A thread of its own, not a pool: injected faults count calls a thread, and a hop through a pool costs more.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Job, Done, asyncio.AbstractEventLoop] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` on the thread, then `done` on the running loop with the error that it raised, or None."""
        self._jobs.put((job, done, asyncio.get_running_loop()))

    def stop(self) -> None:
        """End the thread after the jobs that are queued."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done, loop = item
            error: BaseException | None = None
            try:
                job()
            except BaseException as caught:  # noqa: BLE001 - whatever it was, the log must learn of it
                error = caught
            loop.call_soon_threadsafe(done, error)
