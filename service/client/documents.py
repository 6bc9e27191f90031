"""Documents, and their contents, which are uploaded and downloaded as streams."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiofiles
import aiohttp
import msgspec
from aiohttp import hdrs

from service.client.collection import Collection, if_match
from service.client.edits import DocumentEdit
from service.client.errors import ConnectionLostError, ContentChangedError, ContentDamagedError, ProblemError
from service.client.exports import is_passing
from service.client.transport import LOST, SUCCESS, Request, failure_of, new_key
from service.client.types import Document, DocumentDraft

_READ_BYTES = 256 * 1024
_REPR_DIGEST = "Repr-Digest"
_PARTIAL = 206


class _Received(msgspec.Struct):
    """How far a download has come.

    Attributes:
        offset: Bytes that have arrived.
        size: Of the whole, None before the first answer.
        tag: Of what is downloaded.
        digest: That the server told of it.
    """

    offset: int = 0
    size: int | None = None
    tag: str = ""
    digest: str | None = None


class Documents(Collection[DocumentDraft, Document, DocumentEdit]):
    """Documents, with what is uploaded besides their text."""

    async def upload(
        self,
        document_id: str,
        content: bytes | Path | AsyncIterable[bytes],
        media_type: str = "application/octet-stream",
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Give a document a content, or another one.

        Args:
            document_id: Of the document.
            content: Bytes, the path of a file, or a stream. What was lost on its way is sent again, except a stream,
                which can be read only once.
            media_type: Of the content.
            version: Refuse with 412 if the document is not at this version.
            idempotency_key: A new one if there is none.
        """
        headers = if_match(version)
        if isinstance(content, bytes):
            headers[_REPR_DIGEST] = _told(hashlib.sha256(content))
        request = Request(
            method=hdrs.METH_PUT,
            path=self._content_of(document_id),
            body=content if isinstance(content, bytes) else None,
            source=None if isinstance(content, bytes) else lambda: _pieces(content),
            media_type=media_type,
            headers=headers,
            idempotency_key=idempotency_key or new_key(),
            is_long=True,
            once=not isinstance(content, bytes | Path),
        )
        return await self._one(request)

    async def download(self, document_id: str) -> AsyncIterator[bytes]:
        """Yield a document's content as it arrives; when the connection is lost it goes on where it was.

        Raises:
            ProblemError: 404 if there is no content that the user may see, 410 if the document was deleted.
            ContentChangedError: The document changed while the connection was lost.
            ContentDamagedError: What arrived is not what the server holds; it comes after the last piece.
        """
        path = self._content_of(document_id)
        received, whole, tries = _Received(), hashlib.sha256(), 0
        while received.offset != received.size:
            try:
                async for piece in self._rest_of(path, received):
                    whole.update(piece)
                    # Who gets on is not about to give up.
                    tries = 0
                    yield piece
            except (ProblemError, *LOST) as error:
                tries += 1
                call = f"GET {path}"
                failure = error if isinstance(error, ProblemError) else ConnectionLostError(call, tries, error, None)
                pause = self._transport.policy.pause(tries, None) if is_passing(failure) else None
                if pause is None:
                    raise failure from error
                self._transport.statistics.retries += 1
                await self._transport.sleep(pause)
        if received.digest is not None and received.digest != _told(whole):
            raise ContentDamagedError(f"GET {path}", _told(whole), received.digest)

    async def remove_content(
        self, document_id: str, *, version: int | None = None, idempotency_key: str | None = None
    ) -> None:
        """Take its content from a document; the arguments are those of `upload`."""
        request = Request(
            method=hdrs.METH_DELETE,
            path=self._content_of(document_id),
            headers=if_match(version),
            idempotency_key=idempotency_key or new_key(),
        )
        await self._transport.send(request)

    async def _rest_of(self, path: str, received: _Received) -> AsyncIterator[bytes]:
        headers: dict[str, str] = {}
        if received.offset:
            headers = {hdrs.RANGE: f"bytes={received.offset}-", hdrs.IF_RANGE: received.tag}
        request = Request(method=hdrs.METH_GET, path=path, headers=headers)
        async with self._answer(request) as response:
            if not received.offset:
                _begin(received, response)
            elif response.status != _PARTIAL:
                raise ContentChangedError(f"GET {path}")
            async for piece in response.content.iter_any():
                received.offset += len(piece)
                yield piece

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        transport = self._transport
        async with transport.opened().request(
            request.method,
            transport.url + request.path,
            headers=transport.headers_of(request),
            allow_redirects=False,
            timeout=transport.patience,
        ) as response:
            if response.status not in (SUCCESS, _PARTIAL):
                raise failure_of(f"GET {request.path}", response, await response.read(), None)
            transport.statistics.requests += 1
            yield response

    def _content_of(self, document_id: str) -> str:
        return f"{self._at(document_id)}/content"


def _begin(received: _Received, response: aiohttp.ClientResponse) -> None:
    received.size = response.content_length
    received.tag = response.headers.get(hdrs.ETAG, "")
    received.digest = response.headers.get(_REPR_DIGEST)


async def _pieces(content: Path | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if not isinstance(content, Path):
        async for piece in content:
            yield piece
        return
    async with aiofiles.open(content, "rb") as file:
        while piece := await file.read(_READ_BYTES):
            yield piece


def _told(whole: hashlib._Hash) -> str:
    return f"sha-256=:{b64encode(whole.digest()).decode()}:"
