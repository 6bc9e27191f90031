"""Transactions and bulk loads by the client: what is sent, what is told, and what is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from service.client import Client, ConnectionLostError, Operation, ProblemError, RetryPolicy, UnexpectedAnswerError
from service.client.operations import OperationResult
from service.client.types import AnnotationDraft, Argument, DocumentDraft, ExtractionDraft, ProjectDraft, Source
from tests.client.conftest import EMAIL, Handler, Pauses
from tests.harness import PASSWORD, Process

Start = Callable[[Handler], Awaitable[Client]]
DONE = b'{"done":true,"lines":2,"failed":1,"sequence":7}\n'
FAILED = b'{"index":1,"status":422,"problem":{"type":"/problems/invalid","status":422}}\n'
TWO = [Operation.create(DocumentDraft(title="a")), Operation.create(DocumentDraft(title="b"))]


async def test_a_transaction_makes_what_points_to_each_other(client: Client) -> None:
    """Each operation has its result; names are those of operations before or behind."""
    made = await client.transaction(
        [
            Operation.create(AnnotationDraft(document_id="@d", arguments=(relates("@a"), relates("@a"))), ref="r"),
            Operation.create(ProjectDraft(name="p"), ref="p"),
            Operation.create(DocumentDraft(text="Marie Curie", project_id="@p"), ref="d"),
            Operation.create(AnnotationDraft(document_id="@d", start=0, end=5), ref="a"),
            Operation.create(ExtractionDraft(document_id="@d", start=0, end=5, source=Source(name="m"))),
            Operation.update("annotation", "@a", {"label": "person"}, version=1),
        ]
    )
    assert [(one.index, one.status, one.version) for one in made] == [(n, 201, 1) for n in range(5)] + [(5, 200, 2)]
    relation = await client.annotations.get(made[0].id or "")
    assert [one.target for one in relation.arguments or ()] == [made[3].id] * 2
    document = made[2].id or ""
    changed = await client.transaction(
        [
            Operation.update("annotation", made[3].id or "", {"label": None}),
            Operation.replace(
                document, DocumentDraft(title="new", text="Marie Curie", project_id=made[1].id), version=1
            ),
            Operation.delete("annotation", made[3].id or "", cascade=True),
        ]
    )
    assert [(one.status, one.version) for one in changed] == [(200, 3), (200, 2), (204, None)]
    assert await client.annotations.count(document_id=document) == 0


def relates(target: str) -> Argument:
    """Return an argument."""
    return Argument(role="x", target=target)


async def test_the_operation_that_is_refused_is_named(client: Client) -> None:
    """And nothing is done."""
    with pytest.raises(ProblemError) as caught:
        await client.transaction([*TWO, Operation.delete("document", "doc_01h455vb4pex5vsknk084sn02q")])
    assert (caught.value.status, caught.value.errors[0].pointer) == (404, "/operations/2")
    assert await client.documents.count() == 0


async def test_a_load_takes_lists_and_what_comes_by_and_by(client: Client) -> None:
    """Failures are kept; with `on_result` every result is told as it comes."""
    wrong = Operation.create(AnnotationDraft(document_id="doc_01h455vb4pex5vsknk084sn02q"))
    done = await client.bulk([*TWO, wrong] * 400)
    assert (done.lines, done.failed, done.omitted) == (1200, 400, 0)
    assert [one.index for one in done.failures] == list(range(2, 302, 3))
    assert done.failures[0].problem is not None
    assert done.failures[0].problem.status == 404
    told: list[OperationResult] = []
    news = asyncio.Event()

    async def one_rests_on_another() -> AsyncIterator[Operation]:
        yield Operation.create(DocumentDraft(text="Marie"))
        for end in range(1, 4):
            await news.wait()
            news.clear()
            yield Operation.create(AnnotationDraft(document_id=told[0].id or "", start=0, end=end))

    def take(result: OperationResult) -> None:
        told.append(result)
        news.set()

    task = asyncio.create_task(client.bulk(one_rests_on_another(), on_result=take, tells_all=True))
    assert (await asyncio.wait_for(task, 10)).lines == 4
    assert [one.status for one in told] == [201] * 4


async def test_a_load_that_is_cut_is_sent_again_under_the_same_key(scripted: Start, pauses: Pauses) -> None:
    """Whole; what was told is not told again."""
    seen: list[tuple[str, bytes]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers["Idempotency-Key"], await request.read()))
        assert request.content_type == "application/x-ndjson"
        return web.Response(body=FAILED + (b"" if len(seen) < 3 else DONE))

    told: list[int] = []
    client = await scripted(handle)
    done = await client.bulk(TWO, on_result=lambda result: told.append(result.index))
    assert (done.lines, done.failed, done.sequence, told) == (2, 1, 7, [1])
    assert [one.index for one in done.failures] == [1]
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert seen[0][1].count(b"\n") == 2
    assert pauses.seconds == [0.1, 0.2]


@pytest.mark.parametrize("status", [409, 503])
async def test_a_passing_refusal_is_tried_again(scripted: Start, status: int) -> None:
    """Before anything was told, or as the last line."""
    name = {409: "idempotency-in-flight", 503: "shutting-down"}[status]
    problem = msgspec.json.encode({"type": f"/problems/{name}", "status": status, "title": "t", "detail": "d"})
    answers = iter(
        [
            web.Response(status=status, body=problem, content_type="application/problem+json"),
            web.Response(body=b'{"problem":' + problem + b"}\n"),
            web.Response(body=DONE),
        ]
    )

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return next(answers)

    assert (await (await scripted(handle)).bulk(TWO)).lines == 2


async def test_what_can_be_gone_through_once_is_tried_once(scripted: Start) -> None:
    """The error tells the key under which it can be sent again."""
    keys: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        keys.append(request.headers["Idempotency-Key"])
        return web.Response(body=FAILED if len(keys) < 2 else DONE)

    def once() -> Iterator[Operation]:
        yield from TWO

    client = await scripted(handle)
    with pytest.raises(ConnectionLostError) as caught:
        await client.bulk(once())
    assert caught.value.idempotency_key == keys[0]
    assert (await client.bulk(once(), idempotency_key=keys[0])).lines == 2
    assert keys == [keys[0]] * 2


async def test_a_refusal_that_stays_is_raised(scripted: Start) -> None:
    """As a problem; an answer that is none of an Annolog server is told as such."""
    problem = b'{"type":"/problems/unauthenticated","status":401,"title":"t","detail":"d"}'
    bodies = iter([b'{"problem":' + problem + b"}\n", b"<html>\n"])

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=next(bodies))

    client = await scripted(handle)
    with pytest.raises(ProblemError) as caught:
        await client.bulk(TWO)
    assert (caught.value.status, caught.value.name) == (401, "unauthenticated")
    with pytest.raises(UnexpectedAnswerError):
        await client.bulk(TWO)


@pytest.mark.timeout(120)
async def test_a_load_goes_on_over_kills(tmp_path: Path) -> None:
    """Nothing is missing and nothing is there twice, though the server was killed again and again meanwhile."""
    number = 8000
    environment = {"ANNOLOG_LIMITS__BULK_CHUNK_LINES": "20"}
    process = Process(tmp_path / "data", environment=environment)
    try:
        await process.start()
        fixed = Process(tmp_path / "data", "--port", process.url.rpartition(":")[2], environment=environment)
        policy = RetryPolicy(tries=100, pause_seconds=0.1, pause_seconds_max=0.3)
        async with Client(process.url, policy=policy) as client:
            await client.register(EMAIL, PASSWORD)
            await client.login(EMAIL, PASSWORD)
            operations = [Operation.create(DocumentDraft(title=str(place))) for place in range(number)]
            far_enough = {place: asyncio.Event() for place in (100, 1500, 3000)}

            def take(result: OperationResult) -> None:
                if result.index in far_enough:
                    far_enough[result.index].set()

            loading = asyncio.create_task(client.bulk(operations, on_result=take, tells_all=True))
            try:
                for place, reached in far_enough.items():
                    await reached.wait()
                    (process if place == 100 else fixed).kill()
                    await fixed.start()
                done = await loading
            finally:
                loading.cancel()
                fixed.close()
            assert (done.lines, done.failed) == (number, 0)
            assert client.statistics.retries >= 3
    finally:
        process.close()
    again = Process(tmp_path / "data")
    try:
        await again.start()
        async with Client(again.url) as client:
            await client.login(EMAIL, PASSWORD)
            titles = [document.title async for document in client.documents.list(page_size=1000)]
            assert titles == [str(place) for place in range(number)]
    finally:
        again.close()
