"""Exports through the client: whole, and over connections that are lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from aiohttp import web

from service.client import Client, ConnectionLostError, ProblemError, UnexpectedAnswerError
from service.client.types import AnnotationDraft, DocumentDraft
from tests.client.conftest import Handler, Pauses

Start = Callable[[Handler], Awaitable[Client]]
LINES = [
    msgspec.json.encode({"op": "create", "kind": "document", "id": f"doc_{n}", "value": {"id": f"doc_{n}"}}) + b"\n"
    for n in range(5)
]
END = b'{"done":true,"lines":5,"sequence":9}\n'


async def test_everything_of_a_document(client: Client) -> None:
    """Line by line, as the server tells it; of one that is not there the server's refusal."""
    document = await client.documents.create(DocumentDraft(title="Letter", text="Marie Curie"))
    mark = await client.annotations.create(AnnotationDraft(document_id=document.id, start=0, end=5))
    await client.documents.create(DocumentDraft(title="Another", text="x" * 1_000_000))
    lines = [line async for line in client.exports.read(document_id=document.id)]
    assert [(line.op, line.kind, line.id) for line in lines] == [
        ("create", "document", document.id),
        ("create", "annotation", mark.id),
    ]
    assert lines[0].value["text"] == "Marie Curie"
    assert len([line async for line in client.exports.read()]) == 3
    with pytest.raises(ProblemError, match="not-found"):
        await anext(client.exports.read(project_id="proj_none"))


def broken(pieces: list[bytes]) -> tuple[Handler, list[dict[str, str]]]:
    """Return a handler of exports that breaks off after a piece, a further one each time, and what it is asked."""
    asked: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        have = int(request.query.get("lines", "0"))
        response = web.StreamResponse(headers={"Export-Id": "export_1"})
        await response.prepare(request)
        rest = b"".join(LINES[have:]) + END
        if pieces:
            await response.write(rest[: len(pieces.pop(0))])
            assert request.transport is not None
            request.transport.close()
        else:
            await response.write(rest)
        return response

    return handler, asked


async def test_a_lost_connection_goes_on_where_it_was(scripted: Start) -> None:
    """Behind the last whole line, however much of the next one had come."""
    handler, asked = broken([LINES[0] + LINES[1] + LINES[2][:7], LINES[2], b""])
    client = await scripted(handler)
    lines = [line.id async for line in client.exports.read(project_id="proj_1")]
    assert lines == [f"doc_{n}" for n in range(5)]
    assert asked == [{"project_id": "proj_1"}] + [{"resume": "export_1", "lines": have} for have in ("2", "3", "3")]


async def test_a_connection_that_brings_nothing_is_given_up(scripted: Start, pauses: Pauses) -> None:
    """After as many tries without a line as the policy has."""
    handler, asked = broken([LINES[0], b"", b"", b"", b""])
    client = await scripted(handler)
    export = client.exports.read()
    assert (await anext(export)).id == "doc_0"
    with pytest.raises(ConnectionLostError) as lost:
        await anext(export)
    assert lost.value.tries == 3
    assert len(asked) == 3
    assert len(pauses.seconds) == 2


async def test_a_refusal_in_the_middle_is_told(scripted: Start) -> None:
    """It is the problem of the last line, and is not tried again."""

    async def handler(request: web.Request) -> web.StreamResponse:
        problem = {"type": "/problems/export-gone", "status": 410, "title": "t", "detail": "Begin again."}
        end = msgspec.json.encode({"done": False, "problem": problem})
        return web.Response(body=LINES[0] + end + b"\n", headers={"Export-Id": "export_1"})

    export = (await scripted(handler)).exports.read()
    await anext(export)
    with pytest.raises(ProblemError, match="export-gone"):
        await anext(export)


@pytest.mark.parametrize("body", [LINES[0], b"<html>\n", b'{"done":false}\n'])
async def test_what_is_no_export_is_unexpected(scripted: Start, body: bytes) -> None:
    """A stream without an end, and lines that are none."""

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    export = (await scripted(handler)).exports.read()
    with pytest.raises(UnexpectedAnswerError):
        _ = [line async for line in export]
