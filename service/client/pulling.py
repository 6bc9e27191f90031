"""Iterables of those who wait, for those who do not: they are gone through in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
_AHEAD = 64
_END = object()


class Pulled(Generic[T]):
    """An iterable that can be gone through again, as an async one."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[T]:
        return pulled(self._source)


async def pulled(source: Iterable[T]) -> AsyncGenerator[T, None]:
    """Yield the items of an iterable, which may wait for whatever it likes; at most 64 are taken ahead.

    What it raises is raised here, behind the items that came before.
    """
    pulling = _Pulling(source)
    pulling.start()
    try:
        while (item := await pulling.next()) is not _END:
            yield item  # type: ignore[misc]  # the end alone is none of its items
    finally:
        pulling.give_up()


class _Pulling(threading.Thread):
    """Goes through an iterable. It is a daemon: no process waits for an iterable that does not go on."""

    def __init__(self, source: Iterable[object]) -> None:
        super().__init__(name="annolog-client-items", daemon=True)
        self._items = source
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[object, BaseException | None]] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._is_wanted = True

    def run(self) -> None:
        """Take items as long as somebody wants them."""
        try:
            for item in self._items:
                self._room.acquire()
                if not self._is_wanted:
                    return
                self._put(item, None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the items go to
            self._put(_END, error)
        else:
            self._put(_END, None)

    async def next(self) -> object:
        """Return the next item, or the end."""
        item, error = await self._queue.get()
        self._room.release()
        if error is not None:
            raise error
        return item

    def give_up(self) -> None:
        """Take no more."""
        self._is_wanted = False
        self._room.release()

    def _put(self, item: object, error: BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, (item, error))
        except RuntimeError:
            # The loop is closed: nobody waits for it.
            self._is_wanted = False
