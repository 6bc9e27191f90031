"""The load itself: what it counts, and from when."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from service.client.errors import ConnectionLostError
from service.load.connection import Address, Connection, LostError
from service.load.mix import GET
from service.load.report import ALL
from service.load.requests import Encoder
from service.load.run import Load, Plan
from service.load.server_figures import ServerWatch
from service.load.tally import Tally
from tests.load.scripted import Respond, answer, scripted

PLAN = Plan(weights={GET: 1}, clients=1, rate=None, duration=0.3, seed=1)


class Source:
    """Asks for one thing."""

    def __init__(self) -> None:
        self.learned: list[bytes] = []

    def request(self, kind: str) -> bytes:
        """Return it."""
        return Encoder(Address("127.0.0.1", 1)).get(f"/{kind}")

    def learn(self, _kind: str, body: bytes) -> None:
        """Keep it."""
        self.learned.append(body)


async def silent() -> dict[str, Any]:
    """Be a server that tells nothing."""
    return {}


async def loaded(plan: Plan, respond: Respond) -> Load:
    """Return a load that was run against a server."""
    async with scripted(respond) as address:
        load = load_of(plan, address)
        await load.run()
    return load


def load_of(plan: Plan, address: Address, source: Source | None = None) -> Load:
    """Return a load that has not begun."""
    watch = ServerWatch(silent, asyncio.get_running_loop().time)
    return Load(plan, address, source or Source(), watch, lambda _: None)


async def at_once(_number: int) -> bytes:
    """Answer at once."""
    return answer(200)


async def test_waiting_is_counted_in_an_open_loop() -> None:
    """A server that halts once for 0.3 s is felt by all requests that were due meanwhile, not by one."""

    async def halting(number: int) -> bytes:
        if number == 1:
            await asyncio.sleep(0.3)
        return answer(200)

    plan = msgspec.structs.replace(PLAN, rate=100, duration=0.6)
    load = await loaded(plan, halting)
    latency, service = load.tally.latency()[ALL], load.tally.service()
    assert load.tally.answered == load.schedule.due == 60
    # Half of them were due while it halted, and waited 0.15 s on average.
    assert latency.percentiles_ms["p75"] > 100
    assert latency.percentiles_ms["p100"] >= 300
    assert service.percentiles_ms["p75"] < 100


async def test_a_closed_loop_asks_as_soon_as_it_was_answered() -> None:
    """Each client has one request open at a time; all that was sent is counted."""
    busy, most = 0, 0

    async def counting(_number: int) -> bytes:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return answer(200)

    load = await loaded(msgspec.structs.replace(PLAN, clients=3), counting)
    assert most == 3
    assert load.tally.answered == load.tally.sent == load.schedule.due > 3
    assert sum(one.answered for one in load.intervals) == load.tally.answered
    assert not load.tally.failed


async def test_refusals_are_counted_by_name_and_in_no_latency() -> None:
    """A server that refuses fast is not a fast server."""

    async def refusing(number: int) -> bytes:
        return answer(507, b'{"type":"/problems/no-room"}') if number % 2 else answer(200, b"<html>")

    source = Source()
    async with scripted(refusing) as address:
        load = load_of(PLAN, address, source)
        await load.run()
    assert load.tally.failed.keys() == {"507 no-room"}
    assert load.tally.latency()[ALL].count == load.tally.answered == len(source.learned)
    assert load.tally.sent == load.tally.answered + load.tally.failed.total()
    assert sum(one.failed for one in load.intervals) == load.tally.failed.total()


async def test_a_status_without_a_problem_is_named_by_its_number() -> None:
    """Something else than Annolog may answer."""

    async def other(_number: int) -> bytes:
        await asyncio.sleep(0.01)
        return answer(502, b"bad gateway")

    load = await loaded(PLAN, other)
    assert load.tally.failed.keys() == {"status 502"}


async def test_a_lost_connection_is_counted_and_opened_again() -> None:
    """The load goes on."""

    async def losing(number: int) -> bytes:
        return b"" if number == 2 else answer(200)

    load = await loaded(PLAN, losing)
    assert load.tally.failed == {"the server closed the connection": 1}
    assert load.tally.answered > 2
    assert not load.gone


async def test_an_answer_that_closes_the_connection_is_no_failure() -> None:
    """The next request goes on another one."""

    async def closing(_number: int) -> bytes:
        return answer(200, fields="Connection: close\r\n")

    load = await loaded(PLAN, closing)
    assert load.tally.answered > 2
    assert not load.tally.failed


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    """After the time limit."""

    async def slow(_number: int) -> bytes:
        await asyncio.sleep(60)
        return answer(200)

    load = await loaded(msgspec.structs.replace(PLAN, duration=0.1, timeout_seconds=0.2), slow)
    assert load.tally.failed == {"no answer within 0.2 s": 1}


async def test_a_server_that_goes_away_is_given_up() -> None:
    """With the reason; the load does not last as long as it was to."""
    first = asyncio.Event()

    async def once(_number: int) -> bytes:
        first.set()
        return answer(200, fields="Connection: close\r\n")

    plan = msgspec.structs.replace(PLAN, duration=60.0, rate=20.0, clients=4, gone_seconds=0.5)
    async with scripted(once) as address:
        load = load_of(plan, address)
        running = asyncio.create_task(load.run())
        await first.wait()
    await asyncio.wait_for(running, 10)
    assert "for 0.5 s it could not be reached" in load.gone
    assert load.tally.failed["not reachable"]
    assert load.schedule.seconds < 10


async def test_a_load_that_is_stopped_ends_at_once() -> None:
    """Also where its clients wait for moments that are far away."""
    asked = asyncio.Event()

    async def telling(_number: int) -> bytes:
        asked.set()
        return answer(200)

    plan = msgspec.structs.replace(PLAN, duration=600.0, rate=0.1, clients=4)
    async with scripted(telling) as address:
        load = load_of(plan, address)
        running = asyncio.create_task(load.run())
        await asked.wait()
        load.stop()
        await asyncio.wait_for(running, 5)
    assert load.tally.sent == load.tally.answered == load.schedule.due == 1


async def test_nobody_there_is_told_before_the_load() -> None:
    """As an error of the system."""
    with pytest.raises(OSError, match="onnect"):
        await load_of(PLAN, Address("127.0.0.1", 1)).run()


async def test_a_connection_that_is_closed_takes_no_request() -> None:
    """It says so."""
    async with scripted(at_once) as address:
        connection = await Connection.open(address)
        connection.abort("enough")
        with pytest.raises(LostError, match="closed"):
            await connection.ask(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("https://example.org/annolog/", Address("example.org", 443, "/annolog", is_secure=True)),
        ("http://[::1]:81", Address("::1", 81)),
    ],
)
def test_addresses_are_read(url: str, expected: Address) -> None:
    """With what stands before every path."""
    assert Address.of(url) == expected


def test_the_host_field_names_the_port_where_it_is_not_the_usual_one() -> None:
    """And brackets where they are needed."""
    assert Address("::1", 81).authority == "[::1]:81"
    assert Address("example.org", 443, is_secure=True).authority == "example.org"
    assert Address("example.org", 443).authority == "example.org:443"


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a?x=1", "http://a:b", "http://u:p@a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """A password in it too: it would be seen by everybody on the machine."""
    with pytest.raises(ValueError, match=r"expected|must not|[Pp]ort"):
        Address.of(url)


def test_the_looks_at_the_figures_are_a_second_apart_or_few_enough() -> None:
    """A day has no more of them than ten minutes."""
    assert PLAN.interval_seconds == 1.0
    assert msgspec.structs.replace(PLAN, duration=86_400.0).interval_seconds == 144.0


async def test_the_server_is_asked_between_intervals() -> None:
    """What it tells of two moments is what came about between them; what it does not tell is left out."""
    told: list[dict[str, Any]] = [
        {"batches": {"count": 10, "records": 100, "seconds": 1.0}, "event_loop": {"lag_seconds_max": 0.002}},
        {"batches": {"count": 14, "records": 140, "seconds": 1.02}, "event_loop": {"lag_seconds_max": 0.004}},
        {"batches": {"count": 14, "records": 140, "seconds": 1.02}},
        {"batches": {"count": 1, "records": 1, "seconds": 0.1}},
    ]
    times = iter([0.0, 2.0, 3.0, 4.0])
    given = iter(told)

    async def status() -> dict[str, Any]:
        return next(given)

    watch = ServerWatch(status, lambda: next(times))
    looks = [await watch.look() for _ in told]
    assert all(look is not None for look in looks)
    first, second, quiet, restarted = (msgspec.structs.astuple(look) for look in looks if look is not None)
    assert first == (None, None, None, 2.0)
    assert second == (20.0, 10.0, pytest.approx(5.0), 4.0)
    assert quiet == (0.0, None, None, None)
    assert restarted == (None, None, None, None)
    assert not watch.says


async def test_a_server_that_tells_nothing_is_asked_once() -> None:
    """And the report says why there is nothing."""
    watch = ServerWatch(silent, lambda: 0.0)
    assert await watch.look() is None
    assert "of a release that does not tell" in watch.says


async def test_a_look_that_fails_is_no_reason_to_give_up() -> None:
    """The next one may succeed."""

    async def lost() -> dict[str, Any]:
        raise ConnectionLostError("GET /v1/status", 1, OSError("x"), None)

    watch = ServerWatch(lost, lambda: 0.0)
    assert await watch.look() is None
    assert not watch.says


def test_an_interval_is_what_came_since_the_last_one() -> None:
    """Latencies and failures; in one without answers there are no percentiles."""
    tally = Tally([GET])
    tally.answer(GET, latency=0.004, service=0.002)
    tally.fail("x")
    first, second = tally.interval(1.0, 1.0, None), tally.interval(2.0, 1.0, None)
    assert (first.answered, first.failed) == (1, 1)
    assert first.percentiles_ms["p50"] == pytest.approx(4, rel=0.01)
    assert (second.answered, second.failed, second.percentiles_ms) == (0, 0, {})
    assert tally.latency()[GET].percentiles_ms["p99.9"] == pytest.approx(4, rel=0.001)
