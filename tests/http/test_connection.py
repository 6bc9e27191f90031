"""Below the application: requests that do not parse, slow headers, too many connections, the control socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from service.app import make_app, make_runner, make_services
from service.commands import LOCAL_ADMIN
from tests.harness import Client, Member, quick_settings, serve
from tests.http.fake_engine import FakeEngine

IMPATIENT = {"limits": {"keepalive_seconds": 0.4}}
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
UNREADABLE = {
    "conflicting lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "equal lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length and chunks": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    "length in hex": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    "unknown transfer coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "zero byte in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "no method": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "140 headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(140)) + b"\r\n",
    "bad chunk size": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
}


@pytest.mark.parametrize("request_bytes", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_request_that_does_not_parse_is_a_problem_and_ends_the_connection(
    caller: Member, request_bytes: bytes
) -> None:
    """Where the next request would begin is not known. Nothing is logged for it."""
    with capture_logs() as logs:
        head, body = await _exchange(caller.client, request_bytes)
    assert head.split(b" ")[1] in (b"400", b"404")
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-request-id: " in head.lower()
    assert msgspec.json.decode(body)["type"] in ("/problems/malformed", "/problems/no-such-path")
    assert logs == []


async def test_the_problem_does_not_repeat_what_was_sent(caller: Member) -> None:
    """A header that was refused may hold a secret."""
    _, body = await _exchange(caller.client, b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer secret\r\n\r\n")
    assert b"secret" not in body


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHost: a\r\nX: "])
async def test_a_slow_header_ends_the_connection(engine: FakeEngine, sent: bytes) -> None:
    """Dripping does not help: the limit is for the whole header."""
    async with serve(engine, IMPATIENT) as client, connect(client.host, client.port) as (reader, writer):
        begin = time.monotonic()
        writer.write(sent)
        dripping = asyncio.create_task(_drip(writer, b"a" if sent else b""))
        assert await _rest(reader) == b""
        assert 0.3 < time.monotonic() - begin < 2
        dripping.cancel()


async def test_a_second_header_on_a_connection_must_be_in_time_too(engine: FakeEngine) -> None:
    """The limit begins anew with each response."""
    async with serve(engine, IMPATIENT) as client, connect(client.host, client.port) as (reader, writer):
        writer.write(LIVEZ)
        await reader.readuntil(b"}")
        writer.write(b"GET /livez HTTP/1.1\r\nX: ")
        dripping = asyncio.create_task(_drip(writer, b"a"))
        assert await _rest(reader) == b""
        dripping.cancel()


async def test_one_connection_too_many_is_closed_at_once(engine: FakeEngine) -> None:
    """Those that are open go on."""
    services = make_services(quick_settings({"limits": {"connections_max": 2}}), dict)
    services.gate.open(engine)
    runner = make_runner(make_app(services))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with connect(host, port) as first, connect(host, port) as second:
        async with connect(host, port) as (reader, _):
            assert await _rest(reader) == b""
        for reader, writer in (first, second):
            writer.write(LIVEZ)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    await runner.cleanup()


@pytest.fixture
async def control(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client on the control socket."""
    services = make_services(quick_settings(), lambda: {"sequence": 7, "entities": {"user": 1}})
    services.gate.open(engine)
    runner = make_runner(make_app(services))
    await runner.setup()
    path = str(tmp_path / "control.sock")
    await web.UnixSite(runner, path).start()
    async with aiohttp.ClientSession("http://annolog", connector=aiohttp.UnixConnector(path)) as session:
        yield session
    await runner.cleanup()


async def test_the_control_socket_needs_no_token(control: aiohttp.ClientSession, engine: FakeEngine) -> None:
    """Who can open it is the local administrator, who is no user."""
    async with control.post("/v1/documents", json={}) as response:
        assert response.status == 201
    assert engine.commands[0].actor == LOCAL_ADMIN
    async with control.get("/v1/status") as response:
        assert await response.json() == {"sequence": 7, "entities": {"user": 1}}
    async with control.get("/v1/me") as response:
        assert (await response.json())["type"] == "/problems/not-found"


@asynccontextmanager
async def connect(host: str, port: int | None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give a connection, and close it."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        await asyncio.sleep(0.05)
        writer.write(piece)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the server closes the connection, in whichever way."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


async def _exchange(client: Client, request: bytes) -> tuple[bytes, bytes]:
    async with connect(client.host, client.port) as (reader, writer):
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 5)
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize("past", [0, 1])
async def test_header_fields_and_the_request_line_have_a_limit(engine: FakeEngine, past: int) -> None:
    """The limit is taken, one byte or one field more is not."""
    flags = {"limits": {"header_line_bytes": 1024, "headers_max": 16}}
    target = b"/livez?" + b"a" * (1024 + past - len(b"/livez?"))
    requests = (
        b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * (1024 + past) + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * (15 + past) + b"\r\n",
    )
    async with serve(engine, flags) as client:
        for request in requests:
            async with connect(client.host, client.port) as (reader, writer):
                writer.write(request)
                status = (await reader.readuntil(b"\r\n")).split()[1]
                assert status == (b"400" if past else b"200"), request[:40]
