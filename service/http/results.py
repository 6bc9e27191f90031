"""Results that are told while the request is still read. The reader never waits for the client to read them.

They wait in a queue of limited size, which a task of its own sends. What does not fit is left out and counted: a client
that writes all it has before it reads anything must not be able to stop both sides for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import hdrs, web

from service.http.finishing import begin

MEDIA_TYPE = "application/x-ndjson"
_PIECE_BYTES = 64 * 1024


class Results:
    """The response, line by line.

    Args:
        request: That is answered.
        bytes_max: Of lines that wait to be sent.
        seconds: In which the client must read on, once all is done.
    """

    def __init__(self, request: web.Request, bytes_max: int, seconds: float) -> None:
        self.response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: MEDIA_TYPE, hdrs.CACHE_CONTROL: "no-store"})
        begin(request, self.response)
        self.omitted = 0
        self._request = request
        self._bytes_max = bytes_max
        self._seconds = seconds
        self._queue: list[bytes] = []
        self._queued = 0
        self._wanted = asyncio.Event()
        self._ended = False
        self._deadline: asyncio.Timeout | None = None
        self._sending: asyncio.Task[None] | None = None

    @property
    def is_begun(self) -> bool:
        """The status was told: what goes wrong from now on can only be told in a line."""
        return self._sending is not None

    def tell(self, lines: Sequence[bytes]) -> None:
        """Let lines be sent, as far as there is room for them."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        for line in lines:
            if self._queued + len(line) > self._bytes_max:
                self.omitted += 1
            else:
                self._put(line)

    async def end(self, last: bytes) -> web.StreamResponse:
        """Send all that waits and a last line, whatever room there is; returns the response.

        If the client is gone, or does not read in time, the connection is closed.
        """
        self.tell(())
        self._put(last)
        self._ended = True
        self._wait_on()
        if self._sending is None:
            raise AssertionError("the task was made before")
        try:
            await self._sending
        except (ConnectionError, TimeoutError):
            # Without its last line the response is known to be cut.
            transport = self._request.transport
            if transport is not None:
                transport.abort()
        return self.response

    async def abandon(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _put(self, line: bytes) -> None:
        self._queue.append(line + b"\n")
        self._queued += len(line) + 1
        self._wanted.set()

    async def _send(self) -> None:
        async with asyncio.timeout(None) as deadline:
            self._deadline = deadline
            try:
                await self._send_all()
            finally:
                self._deadline = None

    async def _send_all(self) -> None:
        self._wait_on()
        await self.response.prepare(self._request)
        while not (self._ended and not self._queue):
            await self._wanted.wait()
            self._wanted.clear()
            data = b"".join(self._queue)
            self._queue.clear()
            for start in range(0, len(data), _PIECE_BYTES):
                await self.response.write(data[start : start + _PIECE_BYTES])
                self._wait_on()
            self._queued -= len(data)
        await self.response.write_eof()

    def _wait_on(self) -> None:
        """Give the client its time anew, if it has nothing left to do but to read."""
        if self._ended and self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)
