"""An event loop in a thread of its own, for those who have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_CLOSE_SECONDS = 5.0


class LoopThread:
    """Carries out asynchronous work for other threads, which wait for it. It is a daemon: no process waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="annolog-client", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """Return what some work comes to, or raise what it does. Any thread may ask, also several at once.

        Args:
            work: Called in the loop's thread. It is cancelled when the wait is interrupted, as by Ctrl-C.
            seconds: To wait at most.

        Raises:
            RuntimeError: It cannot be waited for here: the loop is closed or gone, or this is its own thread.
        """
        self._require()
        call = _Call(work)
        try:
            self._loop.call_soon_threadsafe(call.begin)
            return call.outcome.result(seconds)
        except concurrent.futures.CancelledError:
            raise RuntimeError("The client was closed while this call was under way.") from None
        except BaseException:
            # Another thread may have closed the loop meanwhile.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call.cancel)
            raise

    def leave(self, work: Callable[[], Awaitable[object]]) -> None:
        """Begin some work and do not wait for it; from any thread, this loop's too."""
        if not self._is_closed and self._thread.is_alive():
            self._loop.call_soon_threadsafe(_Call(work).begin)

    def close(self, last: Callable[[], Awaitable[object]]) -> None:
        """Cancel what is under way, carry out some last work, and end the thread.

        Whoever was called back by the loop and does not return (a function that waits for a key) is waited for 5
        seconds, and then left behind.
        """
        if self._is_closed or not self._thread.is_alive():
            self._is_closed = True
            return
        self._require()
        try:
            self.run(lambda: _ended(last), _CLOSE_SECONDS)
        except TimeoutError:
            pass
        finally:
            # Also when this is interrupted.
            self._is_closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)

    def _require(self) -> None:
        if threading.get_ident() == self._thread.ident:
            raise RuntimeError(
                "The client was called by a function that it has called itself, such as that of `revise` or "
                "`on_result`: it would wait for itself. Read what the function needs before."
            )
        if self._is_closed:
            raise RuntimeError("The client is closed.")
        if not self._thread.is_alive():
            raise RuntimeError("The client's thread is gone: this process was forked. Make a client in each process.")

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._is_closed:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # Raised by a function that was called back. Whoever has asked is told; others may be waiting too.
                continue
        self._loop.run_until_complete(_cancelled())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class _Call(Generic[T]):
    """Some work that the loop carries out.

    Its coroutine is made in the loop's thread: wherever who waits for it is interrupted, none is left that was made and
    never begun, as `asyncio.run_coroutine_threadsafe` can leave one.

    Attributes:
        outcome: What comes of it.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._work = work
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Begin it; in the loop's thread."""
        self._task = asyncio.get_running_loop().create_task(_done(self._work))
        self._task.add_done_callback(self._end)

    def cancel(self) -> None:
        """Give it up, if it was begun; in the loop's thread."""
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.outcome.cancel()
            return
        error = task.exception()
        if error is None:
            self.outcome.set_result(task.result())
        else:
            self.outcome.set_exception(error)


async def _done(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _ended(last: Callable[[], Awaitable[object]]) -> None:
    await _cancelled()
    await last()


async def _cancelled() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
