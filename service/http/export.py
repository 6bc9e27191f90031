"""Exports: GET /v1/export, a stream of lines (NDJSON)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Annotated, Literal

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec import Meta
from multidict import MultiMapping, istr

from service.errors import (
    ExportGoneError,
    ForbiddenError,
    GoneError,
    MalformedError,
    NotFoundError,
    RawProblem,
    TooManyExportsError,
    encode_problem,
)
from service.exports import Chunks, OpenExport, ResumeExport
from service.http import examples, problems
from service.http.call import CALL, Call
from service.http.endpoint import LINES_TYPE, Endpoint, Reply
from service.http.finishing import begin
from service.http.parameters import parameters
from service.http.query import Count, Text

EXPORT_ID, SEQUENCE, LINES = istr("Export-Id"), istr("Export-Sequence"), istr("Export-Lines")
_PREFIX = "export"
_PROJECT = Text("project_id", "Only what is of this project.")
_DOCUMENT = Text("document_id", "Only this document, and what is on it.")
_RESUME = Text("resume", "Go on with the export of this `Export-Id`, as of the same sequence.")
_LINES = Count("lines", "With `resume`: how many whole lines there are already.")
_logger = structlog.get_logger(__name__)


class ExportLine(msgspec.Struct, frozen=True):
    """An entity, as an operation that a bulk load takes.

    Attributes:
        op: What would be done.
        kind: Which sort of entity.
        id: Of the entity.
        value: What GET of it answers.
    """

    op: Literal["create"]
    kind: str
    id: str
    value: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]


class ExportDone(msgspec.Struct, frozen=True):
    """The last line: without it the stream was cut.

    Attributes:
        done: It is.
        lines: How many there are besides this one.
        sequence: That it is as of.
    """

    done: bool
    lines: int
    sequence: int


class ExportCut(msgspec.Struct, frozen=True):
    """The last line of an export that the server cut: `done` is false, and why."""

    done: bool
    problem: RawProblem


async def export(request: web.Request) -> web.StreamResponse:
    """Stream everything that the actor may see, or a part: GET /v1/export."""
    call = request[CALL]
    query = _query(call, parameters(request))
    stream = await call.engine.export(query)
    # Closed in any case: after HEAD, and when the client is gone before the first piece.
    async with aclosing(stream.chunks) as chunks:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: LINES_TYPE, hdrs.CACHE_CONTROL: "no-store"})
        response.headers[EXPORT_ID] = stream.export_id
        response.headers[SEQUENCE] = str(stream.sequence)
        response.headers[LINES] = str(stream.lines)
        begin(request, response)
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            await _tell(request, response, chunks)
    return response


async def _tell(request: web.Request, response: web.StreamResponse, chunks: Chunks) -> None:
    """Send a stream, or as much of it as there is.

    Raises:
        ConnectionError: The client has gone; it may resume.
    """
    try:
        async for chunk in chunks:
            await _send(request[CALL], response, chunk)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - no response can tell of an error any more, so the stream does
        await _cut(request, response, error)


def _query(call: Call, found: MultiMapping[str]) -> OpenExport | ResumeExport:
    resume = _RESUME.of(found)
    if resume is None:
        if "lines" in found:
            raise MalformedError("`lines` is given without `resume`: it says how many of an export's lines you have.")
        if "project_id" in found and "document_id" in found:
            raise MalformedError("project_id and document_id are both given, expected one of them, or none.")
        return OpenExport(
            actor=call.actor,
            export_id=call.services.ids.new(_PREFIX),
            project_id=_PROJECT.of(found),
            document_id=_DOCUMENT.of(found),
        )
    if "project_id" in found or "document_id" in found:
        raise MalformedError("`resume` goes on with an export, and takes no other parameter than `lines`.")
    return ResumeExport(actor=call.actor, export_id=resume, lines=_LINES.of(found))


async def _send(call: Call, response: web.StreamResponse, chunk: bytes) -> None:
    """Send a piece.

    Raises:
        TimeoutError: The client did not take it in time, or the server stops and does not wait for it.
    """
    async with asyncio.timeout(call.services.settings.limits.export_stall_seconds) as deadline:
        with call.services.gate.awaiting(deadline):
            await response.write(chunk)


async def _cut(request: web.Request, response: web.StreamResponse, error: Exception) -> None:
    """End a stream that has begun and cannot be finished, so that its reader notices: the body has no proper end."""
    call = request[CALL]
    response.force_close()
    transport = request.transport
    if not isinstance(error, TimeoutError):
        failure = problems.failure_of(error, call.operation)
        # Why it ends rests on the state as it is now.
        await call.engine.settled()
        with suppress(TimeoutError):
            await _send(call, response, b'{"done":false,"problem":%s}\n' % encode_problem(failure))
            if transport is not None:
                transport.close()
            return
    _logger.warning("export cut", request=call.operation, why="the client does not read, or the server stops")
    if transport is not None:
        # Closing would wait until the client has taken what was sent.
        transport.abort()


_ENTITY = {"op": "create", "kind": "document", "id": examples.DOCUMENT_ID}
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/export",
        handler=export,
        operation="export",
        summary="Read everything that one may see, line by line",
        description="As of one sequence; the lines are those that a bulk load takes.",
        replies=[
            Reply(
                status=200,
                description="A line for each entity, and one at the end; without that the export was cut.",
                lines=(ExportLine, ExportDone, ExportCut),
                example=[
                    {**_ENTITY, "value": {**examples.STORED_DOCUMENT, "text": examples.TEXT}},
                    {"done": True, "lines": 1, "sequence": 1234},
                ],
                media_types=(LINES_TYPE,),
                headers=(str(EXPORT_ID), str(SEQUENCE), str(LINES)),
            )
        ],
        query=(_PROJECT, _DOCUMENT, _RESUME, _LINES),
        refuses=(ExportGoneError, ForbiddenError, GoneError, NotFoundError, TooManyExportsError),
        is_stream=True,
    ),
)
