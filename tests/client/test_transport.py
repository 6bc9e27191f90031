"""What the client does when a server does not answer, or says no."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from aiohttp import web

from service.client import Client, ConnectionLostError, ProblemError, UnexpectedAnswerError
from service.client.types import DocumentDraft
from tests.client.conftest import Handler, Pauses

Start = Callable[[Handler], Awaitable[Client]]
DOCUMENT = {"id": "doc_1", "version": 1, "created_at": "", "updated_at": "", "owner_id": "user_1", "new_member": 1}


def problem(status: int, name: str, **headers: str) -> web.Response:
    """Return an error response."""
    body = {"type": f"/problems/{name}", "status": status, "title": name, "detail": "So it is."}
    fields = {key.replace("_", "-"): value for key, value in headers.items()}
    return web.json_response(body, status=status, headers=fields)


@pytest.mark.parametrize(
    "refusal",
    [(503, "shutting-down"), (503, "outcome-unknown"), (429, "too-many-requests"), (409, "idempotency-in-flight")],
)
async def test_a_passing_refusal_is_tried_again_under_the_same_key(
    scripted: Start, pauses: Pauses, refusal: tuple[int, str]
) -> None:
    """With the same body, after pauses that double."""
    seen = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.headers["Idempotency-Key"], await request.read()))
        return problem(*refusal) if len(seen) < 3 else web.json_response(DOCUMENT, status=201)

    client = await scripted(handle)
    assert (await client.documents.create(DocumentDraft(title="A"))).id == "doc_1"
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert pauses.seconds == [0.1, 0.2]
    assert client.statistics.retries == 2


async def test_retry_after_is_waited_for(scripted: Start, pauses: Pauses) -> None:
    """As the least of the pause, in seconds or as a date."""
    answers = iter([problem(503, "busy", Retry_After="7"), problem(503, "busy", Retry_After="soon")])

    async def handle(_: web.Request) -> web.Response:
        return next(answers, web.json_response(DOCUMENT))

    await (await scripted(handle)).documents.get("doc_1")
    assert pauses.seconds == [7.1, 0.2]


async def test_a_server_that_asks_for_an_hour_is_not_waited_for(scripted: Start, pauses: Pauses) -> None:
    """The problem is raised at once."""

    async def handle(_: web.Request) -> web.Response:
        return problem(429, "too-many-requests", Retry_After="3600")

    with pytest.raises(ProblemError, match="too-many-requests"):
        await (await scripted(handle)).documents.get("doc_1")
    assert pauses.seconds == []


async def test_a_lost_connection_is_tried_again(scripted: Start) -> None:
    """The server breaks it off without an answer, and the key stays the same."""
    keys = []

    async def handle(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1 and request.transport is not None:
            request.transport.close()
        return web.json_response(DOCUMENT, status=201)

    assert (await (await scripted(handle)).documents.create(DocumentDraft())).id == "doc_1"
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_after_the_last_try_the_error_names_the_key(scripted: Start) -> None:
    """So that the caller can find out later what became of it."""
    calls = count()

    async def handle(request: web.Request) -> web.Response:
        next(calls)
        if request.transport is not None:
            request.transport.close()
        return web.Response()

    with pytest.raises(ConnectionLostError) as lost:
        await (await scripted(handle)).documents.create(DocumentDraft(), idempotency_key="mine")
    assert (lost.value.tries, lost.value.idempotency_key, next(calls)) == (3, "mine", 3)


async def test_a_registration_whose_outcome_is_unknown_is_not_repeated(scripted: Start) -> None:
    """It has no key, so the second one might meet the first."""
    calls = count()

    async def handle(request: web.Request) -> web.Response:
        next(calls)
        assert "Idempotency-Key" not in request.headers
        return problem(503, "outcome-unknown")

    client = await scripted(handle)
    with pytest.raises(ProblemError, match="outcome-unknown"):
        await client.register("a@example.org", "a long password")
    assert next(calls) == 1


async def test_nobody_listens(pauses: Pauses) -> None:
    """Each call ends with the connection's error; nothing was sent, so even a registration is tried again."""
    async with Client("http://127.0.0.1:1", sleep=pauses) as client:
        with pytest.raises(ConnectionLostError, match="after 8 tries"):
            await client.register("a@example.org", "a long password")
    assert len(pauses.seconds) == 7
    assert max(pauses.seconds) <= 5


async def test_a_server_that_never_answers_is_given_up(scripted: Start, pauses: Pauses) -> None:
    """Each try has its time."""

    async def handle(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    url = (await scripted(handle))._transport.url
    async with Client(url, timeout_seconds=0.05, sleep=pauses) as client:
        with pytest.raises(ConnectionLostError, match="GET /v1/me"):
            await client.me()


@pytest.mark.parametrize("status", [200, 404])
async def test_what_is_no_annolog_server_is_named_so(scripted: Start, status: int) -> None:
    """Be it an answer or an error."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>", content_type="text/html")

    with pytest.raises(UnexpectedAnswerError, match=f"status {status}"):
        await (await scripted(handle)).documents.get("doc_1")


async def test_an_id_cannot_leave_its_collection(scripted: Start) -> None:
    """What is in an id stays in its place of the path."""
    paths = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.json_response(DOCUMENT)

    await (await scripted(handle)).documents.get("../users?a=b")
    assert paths == ["/v1/documents/..%2Fusers%3Fa=b"]


async def test_a_redirection_is_no_answer(scripted: Start) -> None:
    """A proxy that leads elsewhere has deleted nothing, and logged nobody out."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "https://example.org/"})

    client = await scripted(handle)
    for call in (client.documents.delete("doc_1"), client.set_password("user_1", "x"), client.logout()):
        with pytest.raises(UnexpectedAnswerError, match=r"a redirection to https://example\.org/"):
            await call


async def test_a_proxy_that_is_busy_may_have_passed_a_registration_on(scripted: Start, pauses: Pauses) -> None:
    """So it is not repeated; what carries a key is."""
    seen = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=503, text="busy") if len(seen) < 3 else web.json_response(DOCUMENT)

    client = await scripted(handle)
    with pytest.raises(UnexpectedAnswerError):
        await client.register("ada@example.org", "correct horse battery")
    assert seen == ["/v1/users"]
    await client.documents.create(DocumentDraft())
    assert len(seen) == 3


async def test_a_filter_without_values_passes_nothing_and_asks_nothing(scripted: Start) -> None:
    """Rather than everything."""

    async def handle(_: web.Request) -> web.Response:
        raise AssertionError("a request was sent")

    client = await scripted(handle)
    assert [one async for one in client.annotations.list(label=[])] == []
    assert await client.annotations.count(document_id=()) == 0


async def test_the_values_of_a_filter_may_come_from_a_generator(scripted: Start) -> None:
    """Every page asks with all of them."""
    seen = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.query.getall("label"))
        return web.json_response({"items": [], "next": "more" if len(seen) < 3 else None})

    client = await scripted(handle)
    assert [one async for one in client.annotations.list(label=(label for label in "ab"))] == []
    assert seen == [["a", "b"]] * 3
