"""A response whose body is there as a whole: every one but the streams.

aiohttp's own `web.Response` takes texts, payloads, charsets, chunks and compression, and asks about each of them each
time. What this one sends is the same to the byte, for less, as long as its headers name the type of its body, and
neither length, date nor connection; nor does it send cookies (`docs/decisions/0019-a-response-of-our-own.md`).
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import LooseHeaders

# What is sent without a body, and without a length, which would be that of another response (RFC 9110, section 8.6).
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_LINES_REMEMBERED = 256


class Response(web.StreamResponse):
    """A response with its whole body, sent at once with its head.

    Args:
        status: Of HTTP.
        body: Its bytes, None for none. `Content-Type` is told by the headers.
        headers: Those that are known; `Content-Length`, `Date` and `Connection` are added when it is sent.

    Attributes:
        body: As above; may be replaced until it is sent.
    """

    def __init__(self, *, status: int = 200, body: bytes | None = None, headers: LooseHeaders | None = None) -> None:
        super().__init__(status=status, headers=headers)
        self.body = body
        self._sender: AbstractStreamWriter | None = None
        self._sent_body = b""
        self._stays_open: bool | None = None

    def __repr__(self) -> str:
        """Tell its status, and if it is being sent."""
        return f"<Response {self.status} {self.reason}{', sent' if self.prepared else ''}>"

    @property
    def prepared(self) -> bool:
        """It is being sent."""
        return self._sender is not None

    @property
    def keep_alive(self) -> bool | None:
        """The connection stays open after it; None: not known before it is sent."""
        return self._stays_open

    def force_close(self) -> None:
        """Close the connection after it."""
        self._stays_open = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Make the head, which is sent with the body."""
        if self._sender is not None:
            return self._sender
        sender = self._sender = request.writer
        status, version, headers = self.status, request.version, self.headers
        is_head = request.method == hdrs.METH_HEAD
        if status not in _BODILESS:
            body = self.body or b""
            if body or not is_head:
                headers[hdrs.CONTENT_LENGTH] = str(len(body))
            if not is_head:
                self._sent_body = body
        headers[hdrs.DATE] = _date(int(time()))
        if self._stays_open is None:
            self._stays_open = request.keep_alive
        if not self._stays_open:
            if version == HttpVersion11:
                headers[hdrs.CONNECTION] = "close"
        elif version == HttpVersion10:
            headers[hdrs.CONNECTION] = "keep-alive"
        await sender.write_headers(_line(version, status, self.reason), headers)
        return sender

    async def write_eof(self, data: bytes = b"") -> None:
        """Send it.

        Raises:
            ConnectionError: The client is gone.
        """
        if data or self._sender is None:
            raise AssertionError("a response is prepared before it is sent, and has its body already")
        await self._sender.write_eof(self._sent_body)


@lru_cache(maxsize=_LINES_REMEMBERED)
def _line(version: HttpVersion, status: int, reason: str) -> str:
    return f"HTTP/{version.major}.{version.minor} {status} {reason}"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
