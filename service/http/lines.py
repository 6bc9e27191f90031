"""The lines of a body, read while it arrives: no more of them than are asked for, none too long, none too slow."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec
from aiohttp import web

from service.http.call import CALL, Services
from service.http.failures import TooSlowError

PAUSE_SECONDS = 0.05
"""When nothing arrives for so long, what has arrived goes on."""


class Line(msgspec.Struct, frozen=True):
    """A line.

    Attributes:
        content: Without its end; empty if it is too long.
        size: In bytes.
    """

    content: bytes
    size: int

    @property
    def is_too_long(self) -> bool:
        """It has more bytes than a line may have, and they were not kept."""
        return self.size > len(self.content)


class Lines:
    """The lines of a request's body; blank ones are passed over.

    Args:
        request: Whose body it is.
    """

    def __init__(self, request: web.Request) -> None:
        services: Services = request[CALL].services
        self._content = request.content
        self._gate = services.gate
        self._limits = services.settings.limits
        self._ready: deque[Line] = deque()
        # Pieces of a line whose end has not arrived, and their size; of one that is too long only the size.
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._since = 0.0

    async def take(self, count: int, *, bytes_max: int, waits: bool = True, exactly: bool = False) -> list[Line]:
        """Return the next lines; none at the end.

        They are fewer than `count` if the body ends, if they are large together, or if nothing more arrives for a
        moment.

        Args:
            count: At most.
            bytes_max: Of them together, but for the last one.
            waits: The first one is waited for longer than a moment.
            exactly: They are fewer only if the body ends, however large they are.

        Raises:
            TooSlowError: A line did not arrive in time.
            StoppingError: The server stopped meanwhile.
            ConnectionError: The body was cut.
        """
        self._since = asyncio.get_running_loop().time()
        taken: list[Line] = []
        size = 0
        while True:
            while self._ready and len(taken) < count and (exactly or size < bytes_max):
                taken.append(self._ready.popleft())
                size += taken[-1].size
            if self._ready or len(taken) == count or self._ended:
                return taken
            if not await self._arrives(waits=exactly or (waits and not taken)):
                return taken

    def arrived(self, count: int, bytes_max: int) -> list[Line]:
        """Return the next lines that are here already; nothing is waited for. That the body was cut is left to `take`.

        Args:
            count: At most.
            bytes_max: Of them together, but for the last one.
        """
        if bytes_max > 0 and len(self._ready) < count and self._content.exception() is None:
            self._split(self._content.read_nowait())
        taken: list[Line] = []
        size = 0
        while self._ready and len(taken) < count and size < bytes_max:
            taken.append(self._ready.popleft())
            size += taken[-1].size
        return taken

    async def _arrives(self, *, waits: bool) -> bool:
        """Take in what arrives next; tell if anything did within a moment, or within the time of a line if `waits`."""
        loop = asyncio.get_running_loop()
        until = self._since + self._limits.body_seconds
        if not waits:
            until = min(until, loop.time() + PAUSE_SECONDS)
        try:
            async with asyncio.timeout_at(until) as deadline:
                with self._gate.awaiting(deadline):
                    data = await self._content.readany()
        except TimeoutError:
            self._gate.enter()
            if not waits:
                return False
            raise TooSlowError(f"A line did not arrive within {self._limits.body_seconds} seconds.") from None
        if data:
            self._split(data)
        elif self._content.at_eof():
            self._ended = True
            self._end_line(b"")
        return True

    def _split(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        if whole:
            self._since = asyncio.get_running_loop().time()
        for piece in whole:
            self._end_line(piece)
        self._size += len(rest)
        if self._size > self._limits.bulk_line_bytes:
            self._pieces.clear()
        elif rest:
            self._pieces.append(rest)

    def _end_line(self, piece: bytes) -> None:
        if not self._size and piece and len(piece) <= self._limits.bulk_line_bytes:
            # Whole, as most are.
            if not piece.isspace():
                self._ready.append(Line(piece, len(piece)))
            return
        size = self._size + len(piece)
        content = b"" if size > self._limits.bulk_line_bytes else b"".join((*self._pieces, piece))
        self._pieces.clear()
        self._size = 0
        if size > len(content) or (content and not content.isspace()):
            self._ready.append(Line(content, size))
