"""One keep-alive connection with one request open at a time: as little work a request as possible.

The load tester often shares the machine with the server; a client library that takes as long as the server's answer
would measure itself.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from service.load.answer import Answer, AnswerError, AnswerReader


class LostError(Exception):
    """The connection ended, or gave something unreadable, before the answer was whole."""


class Address(NamedTuple):
    """Where a server is.

    Attributes:
        host: Its name or address.
        port: Its port.
        prefix: Of every path, without a slash at its end.
        is_secure: It is spoken to over TLS.
    """

    host: str
    port: int
    prefix: str = ""
    is_secure: bool = False

    @classmethod
    def of(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            ValueError: It is none of http or https.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no address of a server, expected one like http://127.0.0.1:8080")
        if parts.username is not None:
            raise ValueError("A URL must not hold a user or a password.")
        is_secure = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if is_secure else 80), parts.path.rstrip("/"), is_secure)

    @property
    def authority(self) -> str:
        """For the `Host` field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"


class Connection(asyncio.Protocol):
    """A connection; `open` makes one.

    Attributes:
        sent_at: When the open request was sent, on the loop's clock; None while none is open.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = AnswerReader()
        self._waiter: asyncio.Future[Answer] | None = None
        self.sent_at: float | None = None

    @classmethod
    async def open(cls, address: Address) -> Connection:
        """Connect.

        Raises:
            OSError: The server cannot be reached.
        """
        context = ssl.create_default_context() if address.is_secure else None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, address.host, address.port, ssl=context)
        return connection

    @property
    def is_open(self) -> bool:
        """The next request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer.

        Raises:
            LostError: There was none.
        """
        if self._transport is None or self._transport.is_closing():
            raise LostError("the connection is closed")
        self._waiter = self._loop.create_future()
        self.sent_at = self._loop.time()
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self.sent_at = None

    def abort(self, reason: str) -> None:
        """Give up what is open, and the connection with it."""
        self._fail(LostError(reason))
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection of streams has a transport that is read and written")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        try:
            answer = self._reader.feed(data)
        except AnswerError as error:
            self.abort(str(error))
            return
        if answer is None:
            return
        if answer.closes and self._transport is not None:
            self._transport.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        self._fail(LostError(f"the connection was lost: {exc}" if exc else "the server closed the connection"))

    def _fail(self, error: LostError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
