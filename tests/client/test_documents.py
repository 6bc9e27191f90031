"""Contents by the client: as bytes, files and streams; downloads that go on where they were cut."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from service.client import (
    Client,
    ConnectionLostError,
    ContentChangedError,
    ContentDamagedError,
    ProblemError,
)
from service.client.types import Content, DocumentDraft
from tests.client.conftest import EMAIL, Handler, Pauses
from tests.harness import PASSWORD

Start = Callable[[Handler], Awaitable[Client]]
DATA = os.urandom(900_000)
DOCUMENT = {"id": "doc_1", "version": 2, "created_at": "", "updated_at": "", "owner_id": "user_1"}


async def stream() -> AsyncIterator[bytes]:
    """Yield the data in pieces."""
    for start in range(0, len(DATA), 100_000):
        yield DATA[start : start + 100_000]


async def downloaded(client: Client, document_id: str) -> bytes:
    """Return a content."""
    return b"".join([piece async for piece in client.documents.download(document_id)])


def digest(data: bytes) -> str:
    """Return what `Repr-Digest` tells."""
    return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"


async def test_bytes_files_and_streams_are_uploaded(client: Client, tmp_path: Path) -> None:
    """And downloaded; the document tells of them."""
    document = await client.documents.create(DocumentDraft(title="T"))
    (tmp_path / "file").write_bytes(DATA)
    expected = Content(media_type="a/b", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
    contents: tuple[bytes | Path | AsyncIterator[bytes], ...] = (DATA, tmp_path / "file", stream())
    for number, content in enumerate(contents):
        stored = await client.documents.upload(document.id, content, "a/b", version=1 + number)
        assert (stored.content, stored.version) == (expected, 2 + number)
        assert await downloaded(client, document.id) == DATA
    await client.documents.remove_content(document.id, version=4)
    assert (await client.documents.get(document.id)).content is None
    with pytest.raises(ProblemError, match="404 not-found"):
        await downloaded(client, document.id)
    await client.documents.upload(document.id, b"")
    assert await downloaded(client, document.id) == b""


async def test_who_is_refused_learns_it(client: Client) -> None:
    """Before the body is sent, which would not end."""
    document = await client.documents.create(DocumentDraft(title="T"))

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    with pytest.raises(ProblemError, match="412 precondition-failed"):
        await asyncio.wait_for(client.documents.upload(document.id, endless(), version=7), 10)


async def test_a_long_upload_may_take_longer_than_a_try(url: str) -> None:
    """As long as it goes on."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(0.1)
            yield b"x" * 300_000

    async with Client(url, timeout_seconds=0.5) as client:
        await client.register(EMAIL, PASSWORD)
        await client.login(EMAIL, PASSWORD)
        document = await client.documents.create(DocumentDraft(title="T"))
        stored = await client.documents.upload(document.id, slow())
        assert stored.content is not None
        assert stored.content.size == 2_400_000


async def test_an_upload_is_tried_again_under_its_key(scripted: Start, tmp_path: Path) -> None:
    """With all of the body; a stream is not, because nothing is left of it."""
    seen: list[tuple[str, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.headers["Idempotency-Key"], await request.read()))
        if len(seen) < 3:
            problem = {"type": "/problems/shutting-down", "status": 503, "title": "t", "detail": "d"}
            return web.json_response(problem, status=503)
        return web.json_response(DOCUMENT)

    client = await scripted(handle)
    (tmp_path / "file").write_bytes(DATA[:500_000])
    for content in (DATA[:500_000], tmp_path / "file"):
        seen.clear()
        assert (await client.documents.upload("doc_1", content)).id == "doc_1"
        assert len(seen) == 3
        assert set(seen) == {(seen[0][0], DATA[:500_000])}
    seen.clear()
    with pytest.raises(ProblemError, match="503 shutting-down"):
        await client.documents.upload("doc_1", stream())
    assert len(seen) == 1


class Cutting:
    """Serves a content and cuts each connection after some bytes.

    Args:
        data: What is served.
        cut: How many bytes go over one connection.
    """

    def __init__(self, data: bytes, cut: int) -> None:
        self.data = data
        self.cut = cut
        self.tag = '"2;content"'
        self.ranges: list[tuple[str | None, str | None]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve what is asked for, or some of it."""
        asked, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.ranges.append((asked, condition))
        first = int(asked[6:-1]) if asked and condition == self.tag else 0
        headers = {"ETag": self.tag, "Repr-Digest": digest(DATA), "Content-Length": str(len(self.data) - first)}
        response = web.StreamResponse(status=206 if first else 200, headers=headers)
        await response.prepare(request)
        await response.write(self.data[first : first + self.cut])
        if first + self.cut < len(self.data):
            assert request.transport is not None
            request.transport.close()
        return response


async def test_a_download_goes_on_where_it_was_cut(scripted: Start, pauses: Pauses) -> None:
    """More often than there are tries, as long as it gets on."""
    server = Cutting(DATA, 100_000)
    client = await scripted(server.serve)
    assert await downloaded(client, "doc_1") == DATA
    assert server.ranges[0] == (None, None)
    assert server.ranges[1:] == [(f"bytes={n * 100_000}-", '"2;content"') for n in range(1, 9)]
    assert len(pauses.seconds) == 8


async def test_a_download_that_does_not_get_on_is_given_up(scripted: Start) -> None:
    """After the tries of the policy."""
    server = Cutting(DATA, 0)
    client = await scripted(server.serve)
    with pytest.raises(ConnectionLostError, match="after 3 tries"):
        await downloaded(client, "doc_1")
    assert len(server.ranges) == 3


async def test_a_document_that_changed_meanwhile_is_told(scripted: Start) -> None:
    """No two contents are mixed."""
    server = Cutting(DATA, 500_000)
    client = await scripted(server.serve)
    got = []
    with pytest.raises(ContentChangedError):  # noqa: PT012 - the change comes in the middle of it
        async for piece in client.documents.download("doc_1"):
            got.append(piece)
            server.tag = '"3;content"'
    assert b"".join(got) == DATA[:500_000]


async def test_what_was_changed_on_its_way_is_told(scripted: Start) -> None:
    """By the digest of the whole, also over several connections."""
    for cut in (len(DATA), 500_000):
        client = await scripted(Cutting(DATA[:-1] + bytes([DATA[-1] ^ 1]), cut).serve)
        with pytest.raises(ContentDamagedError, match="sha-256"):
            await downloaded(client, "doc_1")
