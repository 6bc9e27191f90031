"""Offsets in UTF-16 units for who reads: what is told, and how many texts are looked at for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from service.commands import Actor, Get, List
from service.engine import Engine
from service.kinds.document import DocumentDraft
from service.offsets import Utf16
from service.settings import load
from service.state.texts import TextCache
from tests.service.test_engine import Service

WIDE = "\U0001f600 Marie Curie"
PAGE = {"number": 1, "width": 1.0, "height": 2.0}


class Asked(TextCache):
    """Notes which texts' offsets it is asked for.

    Attributes:
        ids: Of their documents, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def offsets(self, document_id: str, value: bytes) -> Utf16:
        """Note it."""
        self.ids.append(document_id)
        return super().offsets(document_id, value)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """Return an open service."""
    service = Service()
    await service.open()
    yield service
    await service.log.close()


@pytest.fixture
async def ada(service: Service) -> Actor:
    """Return a user who is logged in."""
    return await service.user("ada@example.org")


@pytest.fixture
def asked(service: Service, ada: Actor) -> list[str]:
    """Give the documents whose offsets are asked for from now on."""
    service.state.texts = Asked()
    return service.state.texts.ids


async def document(service: Service, actor: Actor, text: str | None = WIDE, **members: Any) -> str:
    """Create a document and return its id."""
    draft = msgspec.convert({"title": "t", "text": text, **members}, DocumentDraft)
    return str((await service.create(actor, "document", draft))["id"])


async def listed(service: Service, actor: Actor, kind: str, **query: Any) -> tuple[list[dict[str, Any]], int | None]:
    """Return the items of a page in units, and where the next one begins."""
    page = await service.engine.page(List(actor=actor, kind=kind, filters={}, utf16=True, **query))
    return [msgspec.json.decode(item) for item in page.items], page.next


async def test_what_holds_no_offsets_is_told_without_its_text(service: Service, ada: Actor, asked: list[str]) -> None:
    """Be it a document or a mark, in a list or by itself: texts are large, and to decode them takes its time."""
    bare = [await document(service, ada), await document(service, ada, pages=[PAGE])]
    marks = [await service.annotation(ada, bare[0], label="letter") for _ in range(2)]
    asked.clear()
    found = (await listed(service, ada, "document"))[0] + (await listed(service, ada, "annotation"))[0]
    assert [item["id"] for item in found] == bare + marks
    for kind, key in (("document", bare[0]), ("annotation", marks[0])):
        entity = await service.engine.get(Get(actor=ada, kind=kind, id=key, utf16=True))
        assert msgspec.json.decode(entity.body) == await service.get(ada, kind, key)
    assert asked == []


async def test_what_holds_offsets_is_told_in_units(service: Service, ada: Actor) -> None:
    """Of a document its pages, of a mark its span and the fragments of it; where there is no text nothing changes."""
    key = await document(service, ada, pages=[{**PAGE, "start": 1, "end": 3}, {**PAGE, "number": 2}])
    await service.annotation(ada, key, start=2, end=7)
    await service.annotation(ada, key, fragments=[{"start": 2, "end": 7}, {"start": 8, "end": 13}])
    await service.annotation(ada, await document(service, ada, None), label="letter")
    documents, _ = await listed(service, ada, "document")
    assert documents[0]["pages"] == [{**PAGE, "start": 2, "end": 4}, {**PAGE, "number": 2}]
    span, fragments, bare = (await listed(service, ada, "annotation"))[0]
    assert (span["start"], span["end"], span["text"]) == (3, 8, "Marie")
    assert fragments["fragments"] == [{"start": 3, "end": 8}, {"start": 9, "end": 14}]
    assert (fragments["start"], fragments["end"], "start" in bare) == (3, 14, False)


async def test_of_a_page_each_text_is_looked_at_once(service: Service, ada: Actor, asked: list[str]) -> None:
    """However its marks follow each other."""
    keys = [await document(service, ada) for _ in range(3)]
    for _ in range(4):
        for key in keys:
            await service.annotation(ada, key, start=2, end=7)
    asked.clear()
    found, after = await listed(service, ada, "annotation")
    assert (len(found), after, asked) == (12, None, keys)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_ends_early_when_its_texts_are_large(service: Service, ada: Actor, *, descending: bool) -> None:
    """Its cursor leads to the rest; every page has an item, and what holds no offsets counts as little as ever."""
    limits = msgspec.structs.replace(load().limits, page_bytes=7000)
    service.engine = Engine(service.state, service.log, lambda: service.now, limits)
    keys = []
    for place in range(7):
        key = await document(service, ada, WIDE + " " * 3000)
        keys += [await service.annotation(ada, key, start=2, end=7) for _ in range(2)]
        keys += [await service.annotation(ada, key, label="letter")] if place == 1 else []
    after: int | None = None
    pages: list[list[dict[str, Any]]] = []
    while not pages or after is not None:
        items, after = await listed(service, ada, "annotation", after=after, limit=100, descending=descending)
        pages.append(items)
    found = [item for page in pages for item in page]
    assert [item["id"] for item in found] == (keys[::-1] if descending else keys)
    assert {item["start"] for item in found if "start" in item} == {3}
    # Three texts a page; the mark without offsets is on that of its neighbours.
    assert [len(page) for page in pages] == ([6, 7, 2] if descending else [7, 6, 2])
