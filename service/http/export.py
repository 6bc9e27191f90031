"""Exports: GET /v1/export, a stream of lines (NDJSON)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import structlog
from aiohttp import hdrs, web
from multidict import MultiMapping, istr

from service.errors import MalformedError, encode_problem
from service.exports import OpenExport, ResumeExport
from service.http import problems
from service.http.call import CALL, Call
from service.http.middleware import decorate
from service.http.parameters import parameters, single

NDJSON = "application/x-ndjson"
EXPORT_ID, SEQUENCE, LINES = istr("Export-Id"), istr("Export-Sequence"), istr("Export-Lines")
_PREFIX = "export"
_DIGITS_MAX = 18
_logger = structlog.get_logger(__name__)


async def export(request: web.Request) -> web.StreamResponse:
    """Stream everything that the actor may see, or a part: GET /v1/export."""
    call = request[CALL]
    query = _query(call, parameters(request, ("project_id", "document_id", "resume", "lines")))
    stream = await call.engine.export(query)
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: NDJSON, hdrs.CACHE_CONTROL: "no-store"})
    response.headers[EXPORT_ID] = stream.export_id
    response.headers[SEQUENCE] = str(stream.sequence)
    response.headers[LINES] = str(stream.lines)
    await decorate(response, call.operation).prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        async with aclosing(stream.chunks) as chunks:
            async for chunk in chunks:
                await _send(call, response, chunk)
    except ConnectionError:
        # The client has gone; it may resume.
        raise
    except Exception as error:  # noqa: BLE001 - no response can tell of an error any more, so the stream does
        await _cut(request, response, error)
    return response


def _query(call: Call, found: MultiMapping[str]) -> OpenExport | ResumeExport:
    resume = single(found, "resume")
    if resume is None:
        if "lines" in found:
            raise MalformedError("`lines` is given without `resume`: it says how many of an export's lines you have.")
        if "project_id" in found and "document_id" in found:
            raise MalformedError("project_id and document_id are both given, expected one of them, or none.")
        return OpenExport(
            actor=call.actor,
            export_id=call.services.ids.new(_PREFIX),
            project_id=single(found, "project_id"),
            document_id=single(found, "document_id"),
        )
    if "project_id" in found or "document_id" in found:
        raise MalformedError("`resume` goes on with an export, and takes no other parameter than `lines`.")
    lines = single(found, "lines") or "0"
    if not (lines.isascii() and lines.isdigit() and len(lines) <= _DIGITS_MAX):
        raise MalformedError(f"lines is {lines!r}, expected the number of whole lines that you have.")
    return ResumeExport(actor=call.actor, export_id=resume, lines=int(lines))


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
