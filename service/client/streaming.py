"""A request whose lines are sent while others are read, with all its tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import hdrs

from service.client.errors import ClientError, ConnectionLostError, Problem, ProblemError, UnexpectedAnswerError
from service.client.retries import is_transient, retry_after
from service.client.transport import LOST, SUCCESS, Answer, Request, Transport, failure_of

_MEDIA_TYPE = "application/x-ndjson"
_BATCH_BYTES = 32 * 1024
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")
Source = AsyncIterable[T] | Iterable[T]


class _Line(msgspec.Struct):
    """What tells lines of an answer apart: results have an index, the last one says that it was done, or why not."""

    done: bool = False
    problem: msgspec.Raw = msgspec.Raw()
    index: int | None = None


async def stream(transport: Transport, request: Request, source: Source[T], on_line: Callable[[bytes], None]) -> Answer:
    """Send items as lines until all are answered.

    Args:
        transport: To the server.
        request: Without a body.
        source: Gives the items; if it can be gone through once only, there is one try.
        on_line: Called with each result of the answer, again with the first ones at each try.

    Returns:
        An answer whose body is the last line.

    Raises:
        ProblemError: The server refuses.
        ConnectionLostError: No try was answered to the end.
        UnexpectedAnswerError: Something answers that is no Annolog server.
    """
    is_repeatable = not isinstance(source, AsyncIterator | Iterator)
    tries = 0
    while True:
        tries += 1
        transport.statistics.retries += tries > 1
        attempt = _Try(transport, request, source, on_line)
        outcome = await attempt.run(tries)
        if isinstance(outcome, Answer):
            transport.statistics.requests += 1
            return outcome
        status, name = (outcome.status, outcome.name) if isinstance(outcome, ProblemError) else (0, "")
        is_passing = isinstance(outcome, ConnectionLostError) or is_transient(status, name, repeatable=True)
        pause = transport.policy.pause(tries, attempt.wait_seconds) if is_repeatable and is_passing else None
        if pause is None:
            raise outcome
        await transport.sleep(pause)


class _Try:
    """One try.

    Attributes:
        wait_seconds: That the server asks to wait before the next one.
    """

    def __init__(
        self, transport: Transport, request: Request, source: Source[T], on_line: Callable[[bytes], None]
    ) -> None:
        self._transport = transport
        self._request = request
        self._source = source
        self._on_line = on_line
        self.wait_seconds: float | None = None
        self._call = f"{request.method} {request.path}"
        self._is_sent = False
        self._deadline: asyncio.Timeout | None = None

    async def run(self, tries: int) -> Answer | ClientError:
        """Return the answer, or why there is none."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                return await self._exchange()
        except LOST as error:
            return ConnectionLostError(self._call, tries, error, self._request.idempotency_key)

    async def _exchange(self) -> Answer | ClientError:
        request, transport = self._request, self._transport
        headers = {**transport.headers_of(request), hdrs.CONTENT_TYPE: _MEDIA_TYPE}
        async with transport.opened().request(
            request.method,
            transport.url + request.path,
            params=request.query,
            data=self._body(),
            headers=headers,
            allow_redirects=False,
            # A load takes as long as it takes; what is waited for is that the server goes on.
            timeout=aiohttp.ClientTimeout(total=None),
        ) as response:
            if response.status != SUCCESS:
                self.wait_seconds = retry_after(response.headers.get(hdrs.RETRY_AFTER))
                return failure_of(self._call, response, await response.read(), request.idempotency_key)
            return await self._last_of(response)

    async def _body(self) -> AsyncIterator[bytes]:
        """Yield lines: what comes by and by as it comes, what is there already in larger pieces."""
        if isinstance(self._source, AsyncIterable):
            async for item in self._source:
                yield _encode(item) + b"\n"
        else:
            pieces = bytearray()
            for item in self._source:
                pieces += _encode(item)
                pieces += b"\n"
                if len(pieces) >= _BATCH_BYTES:
                    yield bytes(pieces)
                    pieces.clear()
            if pieces:
                yield bytes(pieces)
        self._is_sent = True
        self._wait_on()

    async def _last_of(self, response: aiohttp.ClientResponse) -> Answer | ClientError:
        """Hand results on as they come; return what the last line says.

        Raises:
            ClientPayloadError: There is none: the answer was cut.
        """
        rest = b""
        async for data in response.content.iter_any():
            self._wait_on()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    found = msgspec.json.decode(line, type=_Line)
                except msgspec.MsgspecError as error:
                    return UnexpectedAnswerError(self._call, SUCCESS, f"a line that cannot be read ({error})")
                if found.index is not None:
                    self._on_line(line)
                elif found.done:
                    return Answer(status=SUCCESS, body=line, replayed=False)
                elif bytes(found.problem):
                    return self._problem(bytes(found.problem))
        raise aiohttp.ClientPayloadError("the answer has no last line")

    def _problem(self, body: bytes) -> ClientError:
        try:
            members = msgspec.json.decode(body, type=dict[str, object])
            problem = msgspec.convert(members, Problem)
        except msgspec.MsgspecError as error:
            return UnexpectedAnswerError(self._call, SUCCESS, f"a problem that cannot be read ({error})")
        return ProblemError(self._call, problem, members, self._request.idempotency_key)

    def _wait_on(self) -> None:
        if self._is_sent and self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._transport.timeout_seconds)
