"""What every request goes through: its id, the gate, who asks."""

from __future__ import annotations

import asyncio
import re

import pytest

from service.app import make_services
from tests.harness import Member, quick_settings, serve, serve_services
from tests.http.fake_engine import ACTOR, FakeEngine

PATHS = ("/livez", "/v1/documents/doc_1", "/v1/nothing", "/nothing", "/problems/gone")


@pytest.mark.parametrize("path", PATHS)
async def test_every_response_tells_the_request_id_and_forbids_sniffing(caller: Member, path: str) -> None:
    """Also errors do, and the server's software is not told."""
    answer = await caller.call("GET", path)
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "annolog"
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("given", "is_echoed"), [("req-1.2:3/4", True), ("x" * 129, False), ("a b", False), ("", False)]
)
async def test_a_sane_request_id_is_echoed(caller: Member, engine: FakeEngine, given: str, is_echoed: bool) -> None:
    """It is the operation in the record too; another one is replaced."""
    answer = await caller.call("POST", "/v1/documents", {}, headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is is_echoed
    assert engine.commands[0].operation == answer.headers["X-Request-ID"]


async def test_the_actor_of_the_token_goes_with_the_command(caller: Member, engine: FakeEngine) -> None:
    """Whoever owns the token asks."""
    await caller.call("DELETE", "/v1/documents/doc_1")
    assert engine.commands[0].actor == ACTOR


@pytest.mark.parametrize("path", ["/v1/documents", "/v1/nothing", "/v1/me", "/v1/sessions/current"])
async def test_without_a_token_everything_below_v1_is_401(caller: Member, path: str) -> None:
    """Nobody learns which paths there are; the answer says how to log in."""
    answer = await Member(caller.client).call("GET", path)
    assert answer.problem == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", f"Bearer {'x' * 600}", "any"])
async def test_an_authorization_header_of_another_form_is_401(caller: Member, header: str) -> None:
    """It is said what is expected."""
    answer = await caller.call("GET", "/v1/documents", headers={"Authorization": header})
    assert answer.problem == "unauthenticated"


async def test_the_scheme_is_not_case_sensitive(caller: Member) -> None:
    """`bearer` is as good as `Bearer`."""
    answer = await caller.call("GET", "/v1/documents", headers={"Authorization": "bearer any"})
    assert answer.status == 200


async def test_requests_are_refused_until_the_engine_is_open() -> None:
    """During replay the process is alive and not ready."""
    async with serve(None) as client:
        anybody = Member(client)
        assert (await anybody.call("GET", "/livez")).status == 200
        assert (await anybody.call("GET", "/readyz")).problem == "not-ready"
        answer = await anybody.call("GET", "/v1/documents")
        assert (answer.status, answer.problem) == (503, "not-ready")
        assert answer.headers["Retry-After"] == "1"


async def test_a_stopping_server_finishes_what_is_under_way_and_refuses_the_rest(engine: FakeEngine) -> None:
    """The refusal says when to come again, and closes the connection."""
    services = make_services(quick_settings(), dict)
    services.gate.open(engine)
    engine.hold.clear()
    async with serve_services(services) as client:
        caller = Member(client, "any")
        under_way = asyncio.create_task(caller.call("POST", "/v1/documents", {}))
        while not engine.commands:
            await asyncio.sleep(0)
        services.gate.stop()
        refused = await caller.call("POST", "/v1/documents", {})
        assert (refused.status, refused.problem) == (503, "shutting-down")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Connection"] == "close"
        assert (await caller.call("GET", "/readyz")).problem == "shutting-down"
        engine.hold.set()
        assert (await under_way).status == 201


async def test_options_lists_the_methods_of_a_path(caller: Member) -> None:
    """Without a token and without CORS."""
    answer = await Member(caller.client).call("OPTIONS", "/v1/documents/doc_1")
    assert answer.status == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


async def test_another_method_is_405_with_those_that_are_allowed(caller: Member) -> None:
    """405 comes after authentication."""
    answer = await caller.call("PUT", "/v1/documents", {})
    assert answer.problem == "method-not-allowed"
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_head_answers_like_get_without_a_body(caller: Member) -> None:
    """Its header fields are those of GET."""
    answer = await caller.call("HEAD", "/v1/documents/doc_1")
    assert (answer.status, answer.data) == (200, b"")
    assert answer.headers["ETag"] == '"3"'
    assert answer.headers["Content-Length"] == "26"
