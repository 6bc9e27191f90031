"""Exports, as the client sees them: a stream that outlives lost connections, and may go straight into a server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import hdrs

from service.client.collection import decoded
from service.client.errors import ClientError, ConnectionLostError, Problem, ProblemError, UnexpectedAnswerError
from service.client.operations import BulkResult, OperationResult, Told
from service.client.retries import is_transient
from service.client.streaming import Source, stream
from service.client.transport import LOST, SUCCESS, Request, Transport, failure_of, new_key

_PATH = "/v1/export"
_BULK = "/v1/bulk"
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


class _Last(msgspec.Struct, frozen=True):
    done: bool
    lines: int


class Export:
    """An export; it can be gone through again, as of the same moment, as long as the server keeps it.

    Args:
        transport: To the server.
        parameters: What it is of.
    """

    def __init__(self, transport: Transport, parameters: Sequence[tuple[str, str]]) -> None:
        self._transport = transport
        self._parameters = parameters
        self._id = ""

    def __aiter__(self) -> AsyncIterator[ExportLine]:
        return self.lines()

    async def lines(self) -> AsyncGenerator[ExportLine, None]:
        """Yield the lines, but for the one that ends it; raises as `Exports.read`."""
        have, tries = 0, 0
        while True:
            query = [("resume", self._id), ("lines", str(have))] if self._id else [*self._parameters]
            request = Request(method=hdrs.METH_GET, path=_PATH, query=query)
            try:
                async with self._answer(request) as response:
                    export_id = response.headers.get(_EXPORT_ID, "")
                    async for line in _lines(response):
                        # What nothing has been read of may as well begin as of a later moment.
                        have, tries, self._id = have + 1, 0, export_id
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


class Restored(BulkResult, frozen=True, kw_only=True):
    """What a restore has done; all of it is durable.

    Attributes:
        whole: The last line of the export came, and none was missing before it.
        missing: Annotations that its marks point to and that are not there.
    """

    whole: bool
    missing: int

    @property
    def is_equal(self) -> bool:
        """The server holds all that the export tells, as it is."""
        return self.whole and not self.failed and not self.missing


class Exports:
    """Reads exports, and restores them.

    Args:
        transport: To the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def open(self, *, project_id: str | None = None, document_id: str | None = None) -> Export:
        """Return everything that the user may see, or what is of one project or document, to be gone through."""
        query = [("project_id", project_id), ("document_id", document_id)]
        return Export(self._transport, [(name, value) for name, value in query if value is not None])

    def read(
        self, *, project_id: str | None = None, document_id: str | None = None
    ) -> AsyncGenerator[ExportLine, None]:
        """Yield everything that the user may see, or what is of one project or document, as of one moment.

        A lost connection is made again, and the export goes on where it was.

        Raises:
            ProblemError: The server refuses; `export-gone` in the middle: begin again.
            ConnectionLostError: No try got any further.
            UnexpectedAnswerError: Something answers that is no Annolog server.
        """
        return self.open(project_id=project_id, document_id=document_id).lines()

    async def restore(
        self,
        export: AsyncIterable[ExportLine] | Path,
        *,
        on_result: Callable[[OperationResult], None] | None = None,
        idempotency_key: str | None = None,
    ) -> Restored:
        """Put an export back as it is, with ids, versions, times and authors; the user must be an administrator.

        It is sent as fast as the server stores it. When the connection is lost it is sent again, and what is durable
        is not stored twice.

        Args:
            export: Another server's, as `open` gives it there; or a file with the lines of one, its last line among
                them. Of an iterator, such as `read` gives, there is only one try.
            on_result: Called with each line that is refused, in order.
            idempotency_key: A new one if there is none; with that of a try that failed it goes on where that was.

        Returns:
            What was done. Unless it `is_equal`, the server does not hold all of the export.

        Raises:
            ProblemError: The restore could not go on, or one of the exports could not.
            ConnectionLostError: No try got to the end.
            UnexpectedAnswerError: Something answers that is no Annolog server.
        """
        told = Told(on_result)
        request = Request(
            method=hdrs.METH_POST,
            path=_BULK,
            query=[("restore", "true")],
            idempotency_key=idempotency_key or new_key(),
        )
        source: Source[Any]
        if isinstance(export, Path):
            source = _FileLines(export)
        else:
            source = aiter(_Ended(export)) if isinstance(export, AsyncIterator) else _Ended(export)
        last = await stream(self._transport, request, source, told.take)
        done = decoded(last, Restored, f"POST {_BULK}")
        return msgspec.structs.replace(done, failures=tuple(told.failures))


class _FileLines:
    """The lines of a file; they can be gone through again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[msgspec.Raw]:
        with self._path.open("rb") as file:
            for line in file:
                yield msgspec.Raw(line.rstrip(b"\r\n"))


class _Ended:
    """The lines of an export, and the one that ends it."""

    def __init__(self, export: AsyncIterable[ExportLine]) -> None:
        self._export = export

    async def __aiter__(self) -> AsyncGenerator[ExportLine | _Last, None]:
        count = 0
        async for line in self._export:
            count += 1
            yield line
        yield _Last(done=True, lines=count)


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
