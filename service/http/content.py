"""The content of a document: any bytes, uploaded and downloaded as a stream, and never shown in a page.

Nothing that was uploaded is ever executed on this origin: it comes as an attachment, in a sandbox, and nobody guesses
what it might be. Whoever may not change the document is refused before a byte of the body is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec
import structlog
from aiohttp import hdrs, web

from service.blobs import READ_BYTES, Incoming
from service.commands import Get, Outcome
from service.contents import RemoveContent, StoreContent
from service.decide.contents import no_content
from service.errors import ContentFailedError, DigestMismatchError, GoneError, MalformedError, TooLargeError
from service.http import examples
from service.http.body import require_plain, say_continue
from service.http.call import CALL, Call
from service.http.collections import submit
from service.http.conditions import conditions_of, etag, is_unchanged, require_match
from service.http.digests import REPR_DIGEST, repr_digest, require_digests, told_digests
from service.http.endpoint import ANY_TYPE, BYTES_TYPE, Body, Endpoint, Reply, done
from service.http.failures import MediaTypeError, RangeError, TooSlowError
from service.http.finishing import begin
from service.http.idempotency import REPLAYED, flight, key_of
from service.http.parameters import parameters
from service.http.ranges import range_of
from service.http.response import Response
from service.http.responses import CREATED, outcome_response
from service.kinds.document import DOCUMENT, Content, Document

VARIANT = "content"
MEDIA_TYPE_LENGTH_MAX = 255
_ANY = "application/octet-stream"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - of RFC 9110, section 5.6.2
_PARAMETER = rf'{_TOKEN}=(?:{_TOKEN}|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*")'
_MEDIA_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})((?:[ \t]*;[ \t]*{_PARAMETER})*)")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_NAME_LENGTH_MAX = 100
_PARTIAL = 206
_UNREAD = Content(media_type=_ANY, size=0, sha256="0" * 64)
_logger = structlog.get_logger(__name__)


class _Told(msgspec.Struct):
    """What of a document its content's response needs."""

    title: str = ""
    content: Content | None = None


async def put(request: web.Request) -> Response:
    """Give a document a content, or another one: PUT /v1/documents/{id}/content."""
    call = request[CALL]
    limits = call.services.settings.limits
    parameters(request)
    media_type = media_type_of(request)
    if hdrs.CONTENT_RANGE in request.headers:
        raise MalformedError("There is a Content-Range; a content is put as a whole.")
    length = request.content_length
    if length is not None and length > limits.content_bytes:
        raise TooLargeError(f"The content has {length} bytes, the limit is {limits.content_bytes}.")
    told = told_digests(request)
    command = StoreContent(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, b""),
        id=request.match_info["id"],
        content=_UNREAD,
        conditions=conditions_of(request),
    )
    with flight(call.services.in_flight, command.idempotency):
        await call.engine.foresee(command)
        async with contextlib.AsyncExitStack() as stack:
            incoming = await _received(request, stack, [algorithm for _, algorithm, _ in told])
            require_digests(told, incoming.digest)
            await incoming.keep()
            content = Content(media_type=media_type, size=incoming.size, sha256=incoming.sha256)
            # What stands for the body in the fingerprint is its digest.
            key = key_of(request, call.actor, incoming.sha256.encode())
            outcome = await call.engine.submit(msgspec.structs.replace(command, content=content, idempotency=key))
    return _stored(outcome)


async def get(request: web.Request) -> web.StreamResponse:
    """Return a document's content, or a range of it: GET /v1/documents/{id}/content."""
    call = request[CALL]
    parameters(request)
    document_id = request.match_info["id"]
    entity = await call.engine.get(Get(actor=call.actor, kind=DOCUMENT.name, id=document_id, bare=True))
    document = msgspec.json.decode(entity.body, type=_Told)
    content = document.content
    if content is None:
        raise no_content(document_id)
    tag = etag(entity.version, VARIANT)
    require_match(request, tag)
    headers = _headers(document.title, content, tag)
    if is_unchanged(request, tag):
        del headers[hdrs.CONTENT_TYPE]
        return Response(status=304, headers=headers)
    asked = range_of(request, tag, content.size)
    first, end = asked or (0, content.size)
    response = web.StreamResponse(status=200 if asked is None else _PARTIAL, headers=headers)
    if asked is not None:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{end - 1}/{content.size}"
    response.content_length = end - first
    begin(request, response)
    try:
        async with call.services.blobs.reading(content.sha256, content.size) as reading:
            return await _sent(request, call, response, reading.pieces(first, end))
    except ContentFailedError:
        # Only whoever runs the server can do something about it.
        _logger.exception("a content cannot be read", document=document_id, request=call.operation)
        if not response.prepared:
            raise
        _cut_off(request)
        return response


async def delete(request: web.Request) -> Response:
    """Take its content from a document: DELETE /v1/documents/{id}/content."""
    call = request[CALL]
    parameters(request)
    command = RemoveContent(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, b""),
        id=request.match_info["id"],
        conditions=conditions_of(request),
    )
    return outcome_response(await submit(call, command), "documents")


def media_type_of(request: web.Request) -> str:
    """Return the media type of a content: type and subtype in lower case, parameters as they were sent.

    Raises:
        MediaTypeError: It cannot be read, or is that of a form, or the content is coded.
    """
    require_plain(request)
    header = request.headers.get(hdrs.CONTENT_TYPE, _ANY).strip()
    found = _MEDIA_TYPE.fullmatch(header)
    if found is None or len(header) > MEDIA_TYPE_LENGTH_MAX:
        shown = header[:MEDIA_TYPE_LENGTH_MAX]
        raise MediaTypeError(f"The Content-Type is {shown!r}, expected one such as application/pdf.")
    essence = found[1].lower()
    if essence.startswith("multipart/") or essence == "application/x-www-form-urlencoded":
        raise MediaTypeError(f"The Content-Type is {essence}, that of a form. Send the bytes of the file alone.")
    return essence + found[2]


async def _received(request: web.Request, stack: contextlib.AsyncExitStack, digests: list[str]) -> Incoming:
    """Return what arrives, once all of it is there; it goes with the stack unless it is kept."""
    call = request[CALL]
    limits, gate = call.services.settings.limits, call.services.gate
    try:
        async with asyncio.timeout(limits.content_seconds) as deadline:
            with gate.awaiting(deadline):
                await say_continue(request)
                return await stack.enter_async_context(call.services.blobs.receive(_pieces(request), digests))
    except TimeoutError:
        gate.enter()
        raise TooSlowError(
            f"The content did not arrive within {limits.content_seconds} seconds, "
            f"or nothing of it for {limits.body_seconds}."
        ) from None


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Yield a body in pieces that are worth a write.

    Raises:
        TooLargeError: It is larger than the limit.
        TimeoutError: It pauses for too long.
    """
    limits = request[CALL].services.settings.limits
    size, piece = 0, bytearray()
    while not request.content.at_eof():
        async with asyncio.timeout(limits.body_seconds):
            piece += await request.content.readany()
        if size + len(piece) > limits.content_bytes:
            raise TooLargeError(f"The content has more than {limits.content_bytes} bytes, which is the limit.")
        if len(piece) >= READ_BYTES:
            size += len(piece)
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _sent(
    request: web.Request, call: Call, response: web.StreamResponse, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send a content, as fast as the client takes it; one that takes nothing is cut off."""
    if request.method == hdrs.METH_HEAD:
        await response.prepare(request)
        return response
    seconds = call.services.settings.limits.body_seconds
    try:
        async for piece in pieces:
            async with asyncio.timeout(seconds):
                if not response.prepared:
                    # The first piece was read: what fails before is told by a problem.
                    await response.prepare(request)
                await response.write(piece)
    except (TimeoutError, ConnectionError):
        _cut_off(request)
    if not response.prepared:
        await response.prepare(request)
    return response


def _cut_off(request: web.Request) -> None:
    """End the connection, so that nobody takes what was sent for the whole."""
    if request.transport is not None:
        request.transport.abort()


def _stored(outcome: Outcome) -> Response:
    response = outcome_response(outcome, "documents")
    path = f"/v1/documents/{outcome.id}"
    response.headers[hdrs.CONTENT_LOCATION] = path
    response.headers[hdrs.ETAG] = etag(outcome.version, VARIANT)
    if outcome.status == CREATED:
        response.headers[hdrs.LOCATION] = f"{path}/content"
    return response


def _headers(title: str, content: Content, tag: str) -> dict[str, str]:
    return {
        hdrs.CONTENT_TYPE: content.media_type,
        hdrs.ETAG: tag,
        REPR_DIGEST: repr_digest(content.sha256),
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "private",
        hdrs.CONTENT_DISPOSITION: disposition(title),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def disposition(title: str) -> str:
    """Return the header field that has a browser store a content, under a name that is harmless in any directory."""
    name = _UNSAFE.sub("_", title)[:_NAME_LENGTH_MAX].strip(" .")
    return f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}" if name else "attachment"


_PATH = "/v1/documents/{id}/content"
_DESCRIBED = ("ETag", REPR_DIGEST, "Accept-Ranges", "Content-Disposition")
_STORED = {**examples.STORED_DOCUMENT, "version": 2, "content": examples.STORED_CONTENT}


def _put(status: int, description: str, *headers: str) -> Reply:
    return Reply(
        status=status,
        description=description,
        type=Document,
        example=_STORED,
        headers=(*headers, "Content-Location", "ETag", REPLAYED),
    )


ENDPOINTS = (
    Endpoint(
        method="PUT",
        path=_PATH,
        handler=put,
        operation="putContent",
        summary="Give a document a content: any bytes, as one file",
        description="Of whatever media type `Content-Type` tells, but that of a form; it is kept and given back.",
        replies=[_put(200, "It has another content now."), _put(201, "It has a content now.", "Location")],
        body=Body(type=bytes, example=examples.CONTENT, media_types=(BYTES_TYPE,)),
        refuses=(ContentFailedError, DigestMismatchError, GoneError),
        scope="write",
        takes_key=True,
        conditional=True,
        takes=("ReprDigest",),
        is_stream=True,
    ),
    Endpoint(
        method="GET",
        path=_PATH,
        handler=get,
        operation="getContent",
        summary="Read the content of a document, or a part of it",
        replies=[
            Reply(status=200, description="All of it.", media_types=(ANY_TYPE,), headers=_DESCRIBED),
            Reply(
                status=206,
                description="The range that was asked for.",
                media_types=(ANY_TYPE,),
                headers=(*_DESCRIBED, "Content-Range"),
            ),
            Reply(status=304, description="What `If-None-Match` names is still so.", media_types=(), headers=("ETag",)),
        ],
        refuses=(ContentFailedError, GoneError, RangeError),
        conditional=True,
        takes=("Range", "IfRange"),
        is_stream=True,
    ),
    Endpoint(
        method="DELETE",
        path=_PATH,
        handler=delete,
        operation="deleteContent",
        summary="Take its content from a document",
        replies=[done("It has none any more.")],
        refuses=(GoneError,),
        scope="write",
        takes_key=True,
        conditional=True,
    ),
)
