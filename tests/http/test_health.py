"""Is it alive, is it ready, how is it."""

from __future__ import annotations

from tests.harness import Member


async def test_a_ready_server_is_alive_and_ready_for_anybody(anybody: Member) -> None:
    """Without a token."""
    assert (await anybody.call("GET", "/livez")).json == {"status": "alive"}
    assert (await anybody.call("GET", "/readyz")).json == {"status": "ready"}


async def test_the_status_is_for_administrators(admin: Member, anna: Member, anybody: Member) -> None:
    """It tells what strangers need not know."""
    assert (await admin.call("GET", "/v1/status")).json == {"status": "under test"}
    assert (await anna.call("GET", "/v1/status")).problem == "forbidden"
    assert (await anybody.call("GET", "/v1/status")).problem == "unauthenticated"
    assert (await admin.call("GET", "/v1/status?x=1")).problem == "malformed"
