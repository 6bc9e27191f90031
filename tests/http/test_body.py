"""Bodies: media types, sizes and time limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.app import make_services
from tests.harness import Member, quick_settings, serve, serve_services
from tests.http.fake_engine import FakeEngine

LIMITS = {"limits": {"body_bytes": 2048, "body_seconds": 0.3}}
PATH = "/v1/documents"


@pytest.fixture
async def limited(engine: FakeEngine) -> AsyncIterator[Member]:
    """Give somebody whose bodies may have 2048 bytes and take 0.3 seconds."""
    async with serve(engine, LIMITS) as client:
        yield Member(client, token="any")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON ; charset=UTF-8", "application/json;v=1"])
async def test_json_is_taken(caller: Member, media_type: str) -> None:
    """Case and parameters do not matter, and UTF-8 may be said."""
    answer = await caller.call("POST", PATH, {}, headers={"Content-Type": media_type})
    assert answer.status == 201


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/html",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "x",
        "multipart/form-data",
    ],
)
async def test_another_media_type_is_415_with_those_that_are_taken(caller: Member, media_type: str) -> None:
    """`Accept` names them, and `Accept-Patch` for a PATCH."""
    answer = await caller.call("POST", "/v1/annotations", {}, headers={"Content-Type": media_type})
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert answer.headers["Accept"] == "application/json"
    patch = await caller.call("PATCH", f"{PATH}/doc_1", {}, headers={"Content-Type": media_type})
    assert patch.problem == "unsupported-media-type"
    assert patch.headers["Accept-Patch"] == "application/json, application/merge-patch+json"


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
async def test_a_patch_comes_under_either_name(caller: Member, media_type: str) -> None:
    """RFC 7396, or plain JSON."""
    answer = await caller.call("PATCH", f"{PATH}/doc_1", {}, headers={"Content-Type": media_type})
    assert answer.status == 201


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_coded_body_is_415(caller: Member, coding: str) -> None:
    """It is refused without being decoded, so that no small body becomes a large one."""
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = await caller.call("POST", PATH, data=b"\x1f\x8b\x08\x00junk", headers=headers)
    assert answer.problem == "unsupported-media-type"
    assert answer.headers["Accept-Encoding"] == "identity"


async def test_a_body_that_says_it_is_too_large_is_413_unread(limited: Member, engine: FakeEngine) -> None:
    """The limit and the size are told."""
    answer = await limited.call("POST", PATH, data=b" " * 2049)
    assert (answer.status, answer.problem) == (413, "too-large")
    assert "2049" in answer.json["detail"]
    assert "2048" in answer.json["detail"]
    assert engine.commands == []


async def test_a_chunked_body_that_becomes_too_large_is_413(limited: Member) -> None:
    """It is not collected beyond the limit."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 1000

    headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
    async with limited.client.post(PATH, data=chunks(), headers=headers) as response:
        assert response.status == 413


async def test_a_body_as_large_as_the_limit_is_taken(limited: Member) -> None:
    """The limit itself is allowed."""
    assert (await limited.call("POST", PATH, data=b"{}".ljust(2048))).status == 201


async def test_a_slow_body_is_408_and_the_connection_closed(limited: Member, engine: FakeEngine) -> None:
    """Dripping does not help: the limit is for the whole body."""
    reader, writer = await _open(limited)
    writer.write(b"POST /v1/documents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer any\r\n")
    writer.write(b"Content-Type: application/json\r\nContent-Length: 2000\r\n\r\n{")
    for _ in range(4):
        await asyncio.sleep(0.1)
        writer.write(b" ")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head
    assert b"/problems/too-slow" in await reader.readuntil(b"}")
    assert engine.commands == []
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_ends_early_changes_nothing(limited: Member, engine: FakeEngine) -> None:
    """Half a request is none, and the server goes on."""
    _, writer = await _open(limited)
    writer.write(b"POST /v1/documents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer any\r\n")
    writer.write(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert engine.commands == []
    assert (await limited.call("GET", "/livez")).status == 200


HEAD = b"POST /v1/documents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer any\r\nContent-Type: application/json\r\n"


async def test_a_client_that_waits_is_asked_for_its_body_after_the_checks(limited: Member, engine: FakeEngine) -> None:
    """`100 Continue` comes only if the body is wanted."""
    reader, writer = await _open(limited)
    writer.write(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
    assert len(engine.commands) == 1
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (b"Content-Length: 9999\r\nExpect: 100-continue\r\n", b"too-large"),
        (b"Content-Length: 2\r\nExpect: magic\r\n", b"expectation-failed"),
    ],
)
async def test_a_client_that_waits_is_refused_without_its_body(limited: Member, fields: bytes, name: bytes) -> None:
    """The connection ends, because it is not known whether the body follows."""
    reader, writer = await _open(limited)
    writer.write(HEAD + fields + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert b"/problems/" + name in await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()


async def test_a_server_that_stops_does_not_wait_for_slow_bodies(engine: FakeEngine) -> None:
    """They are refused at once, and nothing was changed."""
    services = make_services(quick_settings(), dict)
    services.gate.open(engine)
    async with serve_services(services) as client:
        reader, writer = await _open(Member(client))
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n{")
        while not services.gate._awaiting:
            await asyncio.sleep(0)
        services.gate.stop()
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)).startswith(b"HTTP/1.1 503 ")
        assert b"/problems/shutting-down" in await reader.readuntil(b"}")
        writer.close()
    assert engine.commands == []


async def test_checks_come_in_order(limited: Member, engine: FakeEngine) -> None:
    """401, then the path, then the media type, then the size, then what does not parse."""
    wrong = {"Content-Type": "text/html"}
    large = b"x" * 5000
    nobody = Member(limited.client)
    assert (await nobody.call("POST", "/v1/nothing?x=1", data=large, headers=wrong)).problem == "unauthenticated"
    assert (await limited.call("POST", "/v1/nothing?x=1", data=large, headers=wrong)).problem == "no-such-path"
    assert (await limited.call("POST", f"{PATH}?x=1", data=large, headers=wrong)).problem == "unsupported-media-type"
    assert (await limited.call("POST", f"{PATH}?x=1", data=large)).problem == "too-large"
    assert (await limited.call("POST", f"{PATH}?x=1", data=b"{}")).problem == "malformed"
    assert (await limited.call("POST", PATH, data=b"{")).problem == "malformed"
    assert engine.commands == []
    assert (await limited.call("POST", PATH, {"nonsense": 1})).status == 201


async def _open(member: Member) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(member.client.host, member.client.port)


@pytest.mark.parametrize(("size", "problem"), [(1024, "malformed"), (1025, "too-large")])
async def test_credentials_come_in_small_bodies(engine: FakeEngine, size: int, problem: str) -> None:
    """Nobody needs to be logged in for them; the limit is taken, one byte more is not."""
    async with serve(engine, {"limits": {"credentials_bytes": 1024}}) as client:
        for path in ("/v1/sessions", "/v1/users"):
            answer = await Member(client).call("POST", path, data=b"[" * size)
            assert answer.problem == problem


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/users"])
async def test_credentials_in_chunks_are_refused_before_more_than_the_limit_came(engine: FakeEngine, path: str) -> None:
    """Who has not logged in cannot have the server keep what other bodies may hold; the end is not waited for."""
    async with serve(engine, {"limits": {"credentials_bytes": 1024}}) as client:
        reader, writer = await _open(Member(client))
        writer.write(f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n".encode())
        writer.write(b"Content-Type: application/json\r\n\r\n" + (b"200\r\n" + b"[" * 0x200 + b"\r\n") * 2)
        writer.write(b"1\r\n[\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()
