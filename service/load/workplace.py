"""Where a load works: documents of its own and the marks in them, which go again at the end."""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque

from service.client import Client, ClientError
from service.client.types import AnnotationDraft, DocumentDraft
from service.load.mix import CREATE, GET, LIST
from service.load.requests import Encoder

TITLE = "annolog load"
DOCUMENTS = 10
MARKS_A_DOCUMENT = 60
MARKS_MAX = 2_000
"""Annotations that are created in one document: its deletion takes all of them, at once."""
_PAGE = 50
_KNOWN_MAX = 10_000
_TEXT = "Marie Curie met Albert Einstein in Geneva, and both of them wrote about it. " * 20
_START, _END = 0, 11
_ANNOTATIONS = "/v1/annotations"
_ID = re.compile(rb'"id":"(ann_[0-9a-z]+)"')


class Workplace:
    """Makes requests, and knows what they need.

    Args:
        client: Makes the documents, and removes them.
        encoder: Of the requests.
        weights: Of the kinds of requests.
        seed: Of what is chosen.
    """

    def __init__(self, client: Client, encoder: Encoder, weights: dict[str, int], seed: int) -> None:
        self._client = client
        self._encoder = encoder
        self._reads = bool(weights.keys() & {GET, LIST})
        self._chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._documents: list[str] = []
        self._lists: list[bytes] = []
        self._known: deque[str] = deque(maxlen=_KNOWN_MAX)
        self._create = b""
        self._next_create: bytes | None = None
        self._created = 0
        self._making: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Make what the first requests need.

        Raises:
            ClientError: The server refuses, or is not there.
        """
        self._create = await self._document()
        if not self._reads:
            return
        for _ in range(DOCUMENTS):
            await self._document()
            document = self._documents[-1]
            drafts = [self._draft(document) for _ in range(MARKS_A_DOCUMENT)]
            made = await asyncio.gather(*(self._client.annotations.create(draft) for draft in drafts))
            self._known.extend(one.id for one in made)
            self._lists.append(self._encoder.get(f"{_ANNOTATIONS}?document_id={document}&limit={_PAGE}"))

    def request(self, kind: str) -> bytes:
        """Return the next request of a kind."""
        if kind == GET:
            return self._encoder.get(f"{_ANNOTATIONS}/{self._chance.choice(self._known)}")
        if kind == LIST:
            return self._chance.choice(self._lists)
        self._created += 1
        if self._created == MARKS_MAX // 2:
            self._making = asyncio.create_task(self._make_next())
        if self._created >= MARKS_MAX and self._next_create is not None:
            self._create, self._next_create, self._created = self._next_create, None, 0
        return self._create

    def learn(self, kind: str, body: bytes) -> None:
        """Take from an answer what later requests may ask for."""
        if kind == CREATE and self._reads:
            found = _ID.search(body)
            if found is not None:
                self._known.append(found[1].decode())

    async def remove(self) -> list[str]:
        """Remove all documents with what is in them; returns those that could not be removed, with the reason."""
        if self._making is not None:
            await self._making
        left = []
        for document in self._documents:
            try:
                await self._client.documents.delete(document)
            except ClientError as error:
                left.append(f"{document}: {error}")
        return left

    async def _document(self) -> bytes:
        """Make one; returns the request that creates an annotation in it."""
        document = await self._client.documents.create(DocumentDraft(title=TITLE, text=_TEXT))
        self._documents.append(document.id)
        return self._encoder.post(_ANNOTATIONS, self._draft(document.id))

    def _draft(self, document: str) -> AnnotationDraft:
        return AnnotationDraft(document_id=document, start=_START, end=_END, text=_TEXT[_START:_END], label="person")

    async def _make_next(self) -> None:
        try:
            self._next_create = await self._document()
        except ClientError:
            # The load itself meets what is wrong, and counts it; until then the last document takes more.
            self._created = 0
