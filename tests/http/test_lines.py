"""Lines of a body: however they arrive, they are the same; what is too long is not kept."""

from __future__ import annotations

import asyncio
import random
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from service.app import make_services
from service.errors import DomainError
from service.http.call import CALL, Call
from service.http.failures import StoppingError, TooSlowError
from service.http.lines import Line, Lines
from service.http.routes import ENDPOINTS
from tests.harness import quick_settings
from tests.http.fake_engine import FakeEngine

LIMIT = 1024


class Body:
    """A request's body that arrives as it is told.

    Attributes:
        lines: Of it.
        services: Of the request.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self.services = make_services(
            quick_settings({"limits": {"bulk_line_bytes": LIMIT, "body_seconds": seconds}}), dict
        )
        engine = FakeEngine()
        self.services.gate.open(engine)
        self.content = StreamReader(Mock(), 2**16, loop=asyncio.get_running_loop())
        request = make_mocked_request("POST", "/v1/bulk", payload=self.content)
        endpoint = next(one for one in ENDPOINTS if one.operation == "load")
        request[CALL] = Call(self.services, engine, endpoint, "t", None)
        self.lines = Lines(request)

    def arrives(self, data: bytes) -> None:
        """Let something arrive."""
        self.content.feed_data(data)

    async def take(self, count: int, **more: bool) -> list[Line]:
        """Take lines, however large they are together."""
        return await self.lines.take(count, bytes_max=2**30, **more)

    def arrived(self, count: int, bytes_max: int = 2**30) -> list[Line]:
        """Take lines that are here."""
        return self.lines.arrived(count, bytes_max)

    def ends(self) -> None:
        """Let the body end."""
        self.content.feed_eof()


def contents(lines: list[Line]) -> list[bytes]:
    """Return what lines hold."""
    return [line.content for line in lines]


@pytest.mark.parametrize("seed", range(20))
async def test_lines_are_the_same_however_they_arrive(seed: int) -> None:
    """In pieces of any size; blank ones are none, the last one needs no end, and what is too long is told by size."""
    chance = random.Random(seed)
    wanted = [b"x" * chance.choice((0, 1, 5, 80, LIMIT, LIMIT + 1, 3 * LIMIT)) for _ in range(60)]
    data = b"\n".join(wanted) + chance.choice((b"", b"\n"))
    body, taken = Body(), list[Line]()
    while data or not taken:
        size = chance.choice((1, 2, 10, 500, 5000))
        body.arrives(data[:size])
        data = data[size:]
        if not data:
            body.ends()
            break
        if chance.random() < 0.1:
            taken += await body.take(chance.randrange(1, 5), waits=False)
        if chance.random() < 0.1:
            taken += body.arrived(chance.randrange(5))
    while more := await body.take(7):
        taken += more
    expected = [line for line in wanted if line]
    assert [line.size for line in taken] == [len(line) for line in expected]
    assert contents(taken) == [line if len(line) <= LIMIT else b"" for line in expected]
    assert [line.is_too_long for line in taken] == [len(line) > LIMIT for line in expected]


async def test_no_more_are_taken_than_are_asked_for() -> None:
    """The others are the next ones; when nothing comes for a moment those that came go on."""
    body = Body()
    body.arrives(b"a\nb\nc\nd")
    assert contents(await body.take(2)) == [b"a", b"b"]
    assert contents(await body.take(2)) == [b"c"]
    assert await body.take(2, waits=False) == []
    waiting = asyncio.create_task(body.take(2, exactly=True))
    await asyncio.sleep(0.1)
    body.arrives(b"\ne\n")
    assert contents(await waiting) == [b"d", b"e"]
    body.ends()
    assert await body.take(2, exactly=True) == []


async def test_what_has_arrived_is_taken_without_waiting() -> None:
    """As many as are asked for; a line whose end is yet to come waits for it, and is whole then."""
    body = Body()
    assert body.arrived(5) == []
    body.arrives(b"a\nb\n\nc\nd")
    assert contents(body.arrived(2)) == [b"a", b"b"]
    assert body.arrived(0) == []
    assert contents(body.arrived(5)) == [b"c"]
    body.arrives(b"d\ne")
    assert contents(body.arrived(5)) == [b"dd"]
    body.content.set_exception(ConnectionResetError())
    assert body.arrived(5) == []
    with pytest.raises(ConnectionResetError):
        await body.take(1)


async def test_large_lines_are_taken_one_by_one() -> None:
    """The last one may go beyond what they have together; where there is no room, none is taken."""
    body = Body()
    body.arrives(b"\n".join([b"x" * 600] * 4 + [b""]))
    assert len(await body.lines.take(9, bytes_max=601)) == 2
    assert len(body.arrived(9, 600)) == 1
    assert body.arrived(9, 0) == []
    assert len(body.arrived(9, 1)) == 1


async def test_who_sends_nothing_is_refused_and_who_stops_the_server_is_not_waited_for() -> None:
    """By errors of their own."""
    with pytest.raises(TooSlowError):
        await Body(0.05).take(1)
    body = Body()
    waiting = asyncio.create_task(body.take(1))
    await asyncio.sleep(0)
    body.services.gate.stop()
    with pytest.raises(StoppingError):
        await waiting


async def test_a_line_that_trickles_is_refused() -> None:
    """Each line has so long, and not each byte of it."""
    body = Body(0.2)

    async def trickle() -> None:
        for _ in range(100):
            body.arrives(b"x")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    with pytest.raises(DomainError):
        await body.take(1)
    trickling.cancel()


async def test_a_body_that_is_cut_has_no_end() -> None:
    """What is whole before it may have been taken, the rest is not a line."""
    body = Body()
    body.arrives(b"a\nb")
    body.content.set_exception(web.RequestPayloadError("cut"))
    with pytest.raises(web.RequestPayloadError):
        await body.take(5)
