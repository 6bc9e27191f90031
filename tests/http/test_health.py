"""Is it alive, is it ready, how is it."""

from __future__ import annotations

import asyncio

from service.app import make_services
from service.commands import LOCAL_ADMIN, Actor, Authenticate
from tests.harness import Member, quick_settings, serve_services
from tests.http.fake_engine import FakeEngine


async def test_a_ready_server_is_alive_and_ready_for_anybody(anybody: Member) -> None:
    """Without a token."""
    assert (await anybody.call("GET", "/livez")).json == {"status": "alive"}
    assert (await anybody.call("GET", "/readyz")).json == {"status": "ready"}


async def test_the_status_is_for_administrators(admin: Member, anna: Member, anybody: Member) -> None:
    """It tells what strangers need not know."""
    assert (await admin.call("GET", "/v1/status")).json == {"sequence": 7, "entities": {"user": 1}}
    assert (await anna.call("GET", "/v1/status")).problem == "forbidden"
    assert (await anybody.call("GET", "/v1/status")).problem == "unauthenticated"
    assert (await admin.call("GET", "/v1/status?x=1")).problem == "malformed"


async def test_the_status_waits_for_what_it_tells(engine: FakeEngine) -> None:
    """Nothing is told that a crash could take back."""
    settled = asyncio.Event()

    async def wait_for_it() -> None:
        await settled.wait()

    engine.settled = wait_for_it  # type: ignore[method-assign]
    services = make_services(quick_settings(), lambda: {"sequence": 7})
    services.gate.open(engine)
    engine.authenticate = administrator  # type: ignore[method-assign]
    async with serve_services(services) as client:
        asking = asyncio.create_task(Member(client, "any").call("GET", "/v1/status"))
        await asyncio.sleep(0.05)
        assert not asking.done()
        settled.set()
        assert (await asking).json == {"sequence": 7}


async def administrator(_query: Authenticate) -> Actor:
    """Whoever asks is who can open the control socket."""
    return LOCAL_ADMIN


async def test_administrators_ask_for_a_snapshot(admin: Member, anna: Member) -> None:
    """It is made later; nobody else may."""
    answer = await admin.call("POST", "/v1/compactions")
    assert (answer.status, answer.json) == (202, {"sequence": 7, "entities": {"user": 1}})
    assert (await anna.call("POST", "/v1/compactions")).problem == "forbidden"
