"""Exports, as the client sees them: a stream that outlives lost connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import hdrs

from service.client.errors import ClientError, ConnectionLostError, Problem, ProblemError, UnexpectedAnswerError
from service.client.retries import is_transient
from service.client.transport import LOST, SUCCESS, Request, Transport, failure_of

_PATH = "/v1/export"
_CALL = f"GET {_PATH}"
_EXPORT_ID = "Export-Id"


class ExportLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entity of an export.

    Attributes:
        kind: For example ``annotation``.
        id: The entity's.
        value: The entity, as GET tells it.
        op: What makes it so in an empty server.
    """

    kind: str
    id: str
    value: dict[str, Any]
    op: str = "create"


class _End(msgspec.Struct, frozen=True):
    """The last line: it is all, or why it is not."""

    done: bool
    problem: dict[str, Any] | None = None


class Exports:
    """Reads exports.

    Args:
        transport: To the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read(
        self, *, project_id: str | None = None, document_id: str | None = None
    ) -> AsyncGenerator[ExportLine, None]:
        """Yield everything that the user may see, or what is of one project or document, as of one moment.

        A lost connection is made again, and the export goes on where it was.

        Raises:
            ProblemError: The server refuses; `export-gone` in the middle: begin again.
            ConnectionLostError: No try got any further.
            UnexpectedAnswerError: Something answers that is no Annolog server.
        """
        query = [("project_id", project_id), ("document_id", document_id)]
        parameters = [(name, value) for name, value in query if value is not None]
        have, tries = 0, 0
        while True:
            request = Request(method=hdrs.METH_GET, path=_PATH, query=parameters)
            try:
                async with self._answer(request) as response:
                    export_id = response.headers.get(_EXPORT_ID, "")
                    async for line in _lines(response):
                        have, tries = have + 1, 0
                        parameters = [("resume", export_id), ("lines", str(have))]
                        yield line
                    return
            except (ProblemError, *LOST) as error:
                tries += 1
                failure = error if isinstance(error, ProblemError) else ConnectionLostError(_CALL, tries, error, None)
                pause = self._transport.policy.pause(tries, None) if is_passing(failure) else None
                if pause is None:
                    raise failure from error
                self._transport.statistics.retries += 1
                await self._transport.sleep(pause)

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and give its response to be read piece by piece; each must come in the time of a try."""
        transport = self._transport
        async with transport.opened().request(
            request.method,
            transport.url + request.path,
            params=request.query,
            headers=transport.headers_of(request),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_read=transport.timeout_seconds),
        ) as response:
            if response.status != SUCCESS:
                raise failure_of(_CALL, response, await response.read(), None)
            transport.statistics.requests += 1
            yield response


def is_passing(failure: ClientError) -> bool:
    """Tell if a request that does no harm twice may go better at the next try."""
    if isinstance(failure, ProblemError):
        return is_transient(failure.status, failure.name, repeatable=True)
    return True


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[ExportLine]:
    """Yield the lines of an export up to the one that ends it."""
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            found = _decoded(line, response)
            if isinstance(found, ExportLine):
                yield found
            elif found.done:
                return
            else:
                raise _problem(found, response)
    raise UnexpectedAnswerError(_CALL, response.status, "a stream without an end")


def _decoded(line: bytes, response: aiohttp.ClientResponse) -> ExportLine | _End:
    try:
        if line.startswith(b'{"done"'):
            return msgspec.json.decode(line, type=_End)
        return msgspec.json.decode(line, type=ExportLine)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswerError(_CALL, response.status, f"a line that is none of an export ({error})") from error


def _problem(end: _End, response: aiohttp.ClientResponse) -> ClientError:
    members = end.problem or {}
    try:
        return ProblemError(_CALL, msgspec.convert(members, Problem), members)
    except msgspec.MsgspecError:
        return UnexpectedAnswerError(_CALL, response.status, "an end without a reason")
