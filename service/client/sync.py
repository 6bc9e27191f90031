"""The client for those who wait. What it has and takes is in `sync.pyi`, made from the async client."""

from __future__ import annotations

import atexit
from typing import Any, Self

from service.client.client import Client
from service.client.loop_thread import LoopThread
from service.client.mirror import Mirror


class SyncClient(Mirror):
    """`Client`, for programs without an event loop: the same collections and methods, without ``await``.

    It takes what `Client` takes, and raises what that raises; besides, RuntimeError if it is closed, if this process
    was forked since, or if it is called by a function that it has called itself. It may be used by several threads.
    """

    __slots__ = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(Client(*arguments, **options), LoopThread())
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, and end what is under way; the session on the server goes on."""
        self._loop.close(self._target.close)
        atexit.unregister(self.close)
