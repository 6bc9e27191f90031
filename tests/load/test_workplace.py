"""Where a load works: documents that no deletion is too large for, and ids that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from service.client import Client, ProblemError
from service.load.connection import Address
from service.load.mix import CREATE, GET, LIST
from service.load.requests import Encoder
from service.load.workplace import DOCUMENTS, MARKS_A_DOCUMENT, MARKS_MAX, Workplace
from tests.harness import PASSWORD
from tests.harness import Client as TestClient

ENCODER = Encoder(Address("127.0.0.1", 1), "secret")


@pytest.fixture
async def client(app_client: TestClient) -> AsyncIterator[Client]:
    """Give a client that is logged in."""
    async with Client(str(app_client.make_url("")).rstrip("/")) as client:
        await client.register("load@example.org", PASSWORD)
        await client.login("load@example.org", PASSWORD)
        yield client


def document_of(request: bytes) -> str:
    """Return the document in which a request creates."""
    body = request.partition(b"\r\n\r\n")[2]
    return str(msgspec.json.decode(body)["document_id"])


async def test_only_what_is_asked_for_is_made(client: Client) -> None:
    """Creating takes a document; reading takes some with more marks than a page has."""
    await Workplace(client, ENCODER, {CREATE: 1}, 1).prepare()
    assert await client.documents.count() == 1
    await Workplace(client, ENCODER, {LIST: 1}, 1).prepare()
    assert await client.documents.count() == DOCUMENTS + 2
    assert await client.annotations.count() == DOCUMENTS * MARKS_A_DOCUMENT


async def test_what_was_created_is_asked_for_too(client: Client) -> None:
    """Each GET names a mark that is there."""
    place = Workplace(client, ENCODER, {GET: 1, CREATE: 1}, 1)
    await place.prepare()
    assert b"Authorization: Bearer secret\r\n" in place.request(GET)
    for _ in range(10_000):
        place.learn(CREATE, b'{"id":"ann_new","document_id":"doc_x"}')
    assert b"/v1/annotations/ann_new HTTP" in place.request(GET)


async def test_a_document_takes_no_more_than_one_deletion_does(client: Client) -> None:
    """The next one is made ahead."""
    place = Workplace(client, ENCODER, {CREATE: 1}, 1)
    await place.prepare()
    first = {document_of(place.request(CREATE)) for _ in range(MARKS_MAX // 2)}
    assert place._making is not None
    await place._making
    rest = [document_of(place.request(CREATE)) for _ in range(MARKS_MAX // 2)]
    assert len(first) == 1
    assert set(rest[:-1]) == first
    assert rest[-1] not in first
    assert await place.remove() == []
    assert await client.documents.count() == 0


async def test_what_cannot_be_removed_is_told(client: Client) -> None:
    """With the reason."""
    place = Workplace(client, ENCODER, {CREATE: 1}, 1)
    await place.prepare()
    async for document in client.documents.list():
        await client.documents.delete(document.id)
    (left,) = await place.remove()
    assert left.startswith("doc_")
    with pytest.raises(ProblemError):
        await client.documents.get(left.partition(":")[0])
