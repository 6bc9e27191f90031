"""Restores through the client: from a file, straight from another server, and while both of them are killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from service.client import Client, Operation, ProblemError, RetryPolicy
from service.client.exports import ExportLine
from service.client.operations import OperationResult
from service.client.types import AnnotationDraft, DocumentDraft, ProjectDraft
from tests.client.conftest import EMAIL, Handler
from tests.harness import PASSWORD, Process, open_app

Start = Callable[[Handler], Awaitable[Client]]
END = b'{"done":true,"lines":2,"failed":0,"sequence":9,"whole":true,"missing":0}\n'


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Client]:
    """Give the administrator of another, empty server."""
    async with open_app(tmp_path / "other") as app, Client(str(app.make_url("/"))) as client:
        await client.register("other@example.org", PASSWORD)
        await client.login("other@example.org", PASSWORD)
        yield client


async def fill(client: Client, documents: int) -> int:
    """Make a project of documents with two annotations each; returns how many lines its export has."""
    project = await client.projects.create(ProjectDraft(name="Letters"))
    operations = []
    for place in range(documents):
        draft = DocumentDraft(title=str(place), text="Marie Curie", project_id=project.id)
        operations.append(Operation.create(draft, ref=f"d{place}"))
        for end in (5, 11):
            mark = AnnotationDraft(document_id=f"@d{place}", start=0, end=end)
            operations.append(Operation.create(mark))
    assert (await client.bulk(operations)).failed == 0
    return 1 + 3 * documents


async def lines_of(client: Client) -> list[ExportLine]:
    """Return all that a client sees."""
    return [line async for line in client.exports.read()]


async def test_one_server_becomes_another(client: Client, other: Client) -> None:
    """Straight from its export; once more it changes nothing."""
    lines = await fill(client, 20)
    done = await other.exports.restore(client.exports.open())
    assert (done.lines, done.failed, done.whole, done.missing, done.is_equal) == (lines + 1, 0, True, 0, True)
    assert await lines_of(other) == await lines_of(client)
    again = await other.exports.restore(client.exports.read())
    assert (again.lines, again.is_equal) == (lines + 1, True)
    assert await lines_of(other) == await lines_of(client)


async def test_a_file_is_restored_and_one_that_was_cut_is_told(client: Client, other: Client, tmp_path: Path) -> None:
    """A file's last line is its own; what is refused is called back with its number."""
    await fill(client, 2)
    lines = [msgspec.json.encode(line) for line in await lines_of(client)]
    path = tmp_path / "export"
    path.write_bytes(b"\n".join(lines[:4]))
    assert not (await other.exports.restore(path)).is_equal
    told: list[OperationResult] = []
    path.write_bytes(b"\n".join([*lines, b'{"op":"create"}', b'{"done":true,"lines":%d}\n' % (len(lines) + 1)]))
    done = await other.exports.restore(path, on_result=told.append)
    assert (done.whole, done.failed, done.is_equal) == (True, 1, False)
    assert [one.index for one in told] == [one.index for one in done.failures] == [len(lines)]
    assert await lines_of(other) == await lines_of(client)


async def test_who_is_no_administrator_is_told(client: Client, other: Client, url: str) -> None:
    """Before anything is stored."""
    await fill(client, 1)
    async with Client(url) as bert:
        await bert.register("bert@example.org", PASSWORD)
        await bert.login("bert@example.org", PASSWORD)
        with pytest.raises(ProblemError, match="forbidden"):
            await bert.exports.restore(other.exports.open())


async def test_after_a_cut_the_same_lines_are_sent(scripted: Start, client: Client) -> None:
    """Under the same key, and as of the same moment: what was changed meanwhile is not among them."""
    document = await client.documents.create(DocumentDraft(title="a"))
    await client.documents.create(DocumentDraft(title="b"))
    bodies: list[tuple[str, bytes]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        bodies.append((request.headers["Idempotency-Key"], await request.read()))
        if len(bodies) == 1:
            await client.documents.update(document.id, {"title": "changed"})
            assert request.transport is not None
            request.transport.close()
        return web.Response(body=END)

    target = await scripted(handler)
    done = await target.exports.restore(client.exports.open())
    assert done.is_equal
    assert bodies[0] == bodies[1]
    assert bodies[1][1].endswith(b'{"done":true,"lines":2}\n')


@pytest.mark.timeout(120)
async def test_a_restore_goes_on_over_kills(tmp_path: Path, client: Client) -> None:
    """The server that is restored into is killed again and again: nothing is missing, nothing is there twice."""
    lines = await fill(client, 1500)
    environment = {"ANNOLOG_LIMITS__BULK_CHUNK_LINES": "20"}
    process = Process(tmp_path / "target", environment=environment)
    try:
        await process.start()
        fixed = Process(tmp_path / "target", "--port", process.url.rpartition(":")[2], environment=environment)
        policy = RetryPolicy(tries=100, pause_seconds=0.1, pause_seconds_max=0.3)
        async with Client(process.url, policy=policy) as target:
            await target.register(EMAIL, PASSWORD)
            await target.login(EMAIL, PASSWORD)
            export, given = client.exports.open(), 0
            reached = {place: asyncio.Event() for place in (500, 2000, 3500)}

            class Counting:
                """The export, which tells how far it has come."""

                async def __aiter__(self) -> AsyncIterator[ExportLine]:
                    nonlocal given
                    given = 0
                    async for line in export:
                        given += 1
                        yield line
                        if given in reached:
                            reached[given].set()

            restoring = asyncio.create_task(target.exports.restore(Counting()))
            try:
                for place, event in reached.items():
                    await event.wait()
                    (process if place == 500 else fixed).kill()
                    await fixed.start()
                done = await restoring
                assert (done.lines, done.is_equal) == (lines + 1, True)
                assert target.statistics.retries >= len(reached)
                assert await lines_of(target) == await lines_of(client)
            finally:
                restoring.cancel()
                fixed.close()
    finally:
        process.close()
