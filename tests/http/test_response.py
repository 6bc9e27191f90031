"""What a response of ours sends: byte for byte what aiohttp's own would."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from itertools import product

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import StreamWriter
from aiohttp.test_utils import make_mocked_request

from service.http.response import Response

HEADERS = {"Content-Type": "application/json", "ETag": '"7"', "Server": "annolog"}
LENGTH = re.compile(rb"Content-Length: (\d+)")
DATE = re.compile(rb"Date: (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r\n")
BODIES = (None, b"", b'{"a":1}', b"x" * 300_000)
SENT = [
    *((status, body) for status, body in product((200, 201, 404, 422, 503, 507), BODIES)),
    (204, None),
    (304, None),
]
NAMES = [f"{status} {'none' if body is None else len(body)}" for status, body in SENT]
# More than the buffers of two sockets hold.
LARGE = bytes(range(256)) * 65536
# Whether the client wants to go on is told by the version, and by a field.
REQUESTS = tuple(product(("GET", "HEAD", "POST"), ("1.0", "1.1"), ("", "close", "keep-alive")))

Make = Callable[..., web.StreamResponse]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Give the port of a server that answers each request of `exchange` with either class."""

    async def answer(request: web.Request) -> web.StreamResponse:
        number, closes = int(request.query["sent"]), "closes" in request.query
        status, body = SENT[number] if number < len(SENT) else (200, LARGE)
        make: Make = Response if "ours" in request.query else web.Response
        response = make(status=status, body=body, headers=HEADERS if body else {"Server": "annolog"})
        if closes:
            response.force_close()
        return response

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def exchange(port: int, query: str, method: str, version: str, connection: str) -> bytes:
    """Return what a server sends to a request, and to one that follows it if the connection is still open."""
    field = f"Connection: {connection}\r\n" if connection else ""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        writer.write(f"{method} /?{query} HTTP/{version}\r\nHost: a\r\n{field}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(answer)
        answer += await reader.readexactly(int(length[1]) if length and method != "HEAD" else 0)
        # To a connection that was closed it is lost, or answered by a reset.
        with suppress(ConnectionError):
            writer.write(f"GET /?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer += await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "number", range(len(SENT)), ids=[f"{status} {'none' if body is None else len(body)}" for status, body in SENT]
)
async def test_it_sends_what_aiohttp_would_whatever_is_asked(port: int, number: int) -> None:
    """Status line, header fields with their order, body, and whether the connection stays open, are the same."""
    for (method, version, connection), closes in product(REQUESTS, ("", "&closes")):
        query = f"sent={number}{closes}"
        theirs = await exchange(port, query, method, version, connection)
        ours = await exchange(port, f"{query}&ours", method, version, connection)
        assert len(DATE.findall(theirs)) == len(DATE.findall(ours)) > 0, (method, version, connection, closes)
        assert DATE.sub(b"", ours) == DATE.sub(b"", theirs), (method, version, connection, closes)


async def test_its_date_is_now(port: int) -> None:
    """It is told to the second, and told anew."""
    query = f"ours&sent={SENT.index((200, b''))}"
    for pause in (1.1, 0):
        before = int(time.time())
        (date,) = DATE.findall(await exchange(port, query, "GET", "1.1", "close"))
        assert before <= parsedate_to_datetime(date.decode()).timestamp() <= time.time()
        await asyncio.sleep(pause)


async def test_a_header_field_cannot_end_early() -> None:
    """A line break in a value is refused, not sent: what follows it would be a field of its own, or a body."""
    response = Response(headers={"Location": "/v1/a\r\nSet-Cookie: b=c"})
    with pytest.raises(ValueError, match="control character"):
        await response.prepare(a_request())


async def test_a_client_that_reads_slowly_gets_all_of_it(port: int) -> None:
    """The server waits for it, and loses nothing, when the socket's buffer is full."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(f"GET /?ours&sent={len(SENT)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    await asyncio.sleep(0.3)
    received = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert received.partition(b"\r\n\r\n")[2] == LARGE


async def test_it_is_prepared_once_and_then_sent() -> None:
    """Whoever forgets is told, as whoever gives it another body at the end; it tells what it is all the time."""
    response = Response(body=b"a")
    assert repr(response) == "<Response 200 OK>"
    with pytest.raises(AssertionError, match="prepared"):
        await response.write_eof()
    writer = await response.prepare(a_request())
    assert repr(response) == "<Response 200 OK, sent>"
    assert await response.prepare(a_request()) is writer
    with pytest.raises(AssertionError, match="body"):
        await response.write_eof(b"b")


def a_request() -> web.Request:
    """Return a request on no connection, to which a head can be written."""
    loop = asyncio.get_running_loop()
    return make_mocked_request("GET", "/", writer=StreamWriter(BaseProtocol(loop), loop))
