"""One request with all its tries.

Every mutation carries an idempotency key, which is the same at each try: the server gives the first answer again if
an earlier try was carried out. That is what makes it safe to try again when a connection was lost.
"""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import msgspec
from aiohttp import hdrs

from service.client.errors import ClientError, ConnectionLostError, Problem, ProblemError, UnexpectedAnswerError
from service.client.retries import RetryPolicy, is_transient, retry_after

IDEMPOTENCY_KEY = "Idempotency-Key"
_REPLAYED = "Idempotency-Replayed"
SUCCESS = 200
_REDIRECTION = 300
_ERROR = 400
# Others than connection errors: a timeout of any sort, an answer that ends too early.
LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)
Sleep = Callable[[float], Awaitable[object]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        method: Of HTTP.
        path: Below the server's address.
        query: Its parameters; several under one name are a list.
        body: As it is sent at each try.
        media_type: Of the body.
        headers: Besides those for the body, the token and the key.
        idempotency_key: None where the server takes none.
        repeatable: Doing it twice does no harm.
        source: Gives the body at each try, in place of `body`.
        is_long: It may take any time as long as something arrives; the server is asked before the body is sent.
        once: It cannot be tried again, because its body is gone then.
    """

    method: str
    path: str
    query: list[tuple[str, str]] = []
    body: bytes | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}
    idempotency_key: str | None = None
    repeatable: bool = True
    source: Callable[[], Any] | None = None
    is_long: bool = False
    once: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A response that is no error."""

    status: int
    body: bytes
    replayed: bool


class Statistics(msgspec.Struct, kw_only=True):
    """What a client has done.

    Attributes:
        requests: That were answered.
        retries: Tries besides the first of each request.
        replayed: Answers that the server had given to an earlier request under the same key.
    """

    requests: int = 0
    retries: int = 0
    replayed: int = 0


class Transport:
    """Sends requests to one server.

    Args:
        url: Of the server, without ``/v1``.
        token: Of a session.
        policy: When to try again.
        timeout_seconds: For each try.
        connections_max: At the same time.
        sleep: Waits; tests pass their own.

    Attributes:
        token: As above; it may change.
        patience: The timeouts of what may take any time as long as something arrives.
        statistics: What was done so far.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        policy: RetryPolicy,
        timeout_seconds: float,
        connections_max: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.statistics = Statistics()
        self.policy = policy
        self.timeout_seconds = timeout_seconds
        self.sleep = sleep
        self.patience = aiohttp.ClientTimeout(total=None, sock_connect=timeout_seconds, sock_read=timeout_seconds)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer:
        """Send a request until it is answered.

        Raises:
            ProblemError: The server refuses.
            ConnectionLostError: No try was answered.
            UnexpectedAnswerError: Something answers that is no Annolog server.
        """
        tries = 0
        while True:
            tries += 1
            self.statistics.retries += tries > 1
            outcome, wait_seconds, transient = await self._attempt(request, tries)
            if isinstance(outcome, Answer):
                self.statistics.requests += 1
                self.statistics.replayed += outcome.replayed
                return outcome
            pause = self.policy.pause(tries, wait_seconds) if transient and not request.once else None
            if pause is None:
                raise outcome
            await self.sleep(pause)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _attempt(self, request: Request, tries: int) -> tuple[Answer | ClientError, float | None, bool]:
        """Try once: the answer or error, what the server asks to wait in seconds, and if a further try may help."""
        call = f"{request.method} {request.path}"
        try:
            response, body = await self._exchange(request)
        except LOST as error:
            # Nothing was sent if the connection never came about.
            harmless = request.repeatable or isinstance(error, aiohttp.ClientConnectorError)
            return ConnectionLostError(call, tries, error, request.idempotency_key), None, harmless
        if SUCCESS <= response.status < _REDIRECTION:
            replayed = response.headers.get(_REPLAYED) == "true"
            return Answer(status=response.status, body=body, replayed=replayed), None, False
        failure = failure_of(call, response, body, request.idempotency_key)
        name = failure.name if isinstance(failure, ProblemError) else ""
        transient = is_transient(response.status, name, repeatable=request.repeatable)
        return failure, retry_after(response.headers.get(hdrs.RETRY_AFTER)), transient

    async def _exchange(self, request: Request) -> tuple[aiohttp.ClientResponse, bytes]:
        headers = self.headers_of(request)
        if request.body is not None or request.source is not None:
            headers[hdrs.CONTENT_TYPE] = request.media_type
        # As a file, because aiohttp warns of large bytes.
        data: Any = None if request.body is None else io.BytesIO(request.body)
        if request.source is not None:
            data = request.source()
        async with self.opened().request(
            request.method,
            self.url + request.path,
            params=request.query,
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=self.patience if request.is_long else self._timeout,
            expect100=request.is_long,
        ) as response:
            return response, await response.read()

    def headers_of(self, request: Request) -> dict[str, str]:
        """Return the header fields of a request, but for those of its body."""
        headers = dict(request.headers)
        if self.token is not None:
            headers[hdrs.AUTHORIZATION] = f"Bearer {self.token}"
        if request.idempotency_key is not None:
            headers[IDEMPOTENCY_KEY] = request.idempotency_key
        return headers

    def opened(self) -> aiohttp.ClientSession:
        """Return the session, which is made at the first request."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections_max)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session


def new_key() -> str:
    """Return an idempotency key that nobody has used."""
    return uuid.uuid4().hex


def failure_of(call: str, response: aiohttp.ClientResponse, body: bytes, key: str | None) -> ClientError:
    """Return the error that a response tells of."""
    if response.status < _ERROR:
        # Followed, a mutation might be done elsewhere; taken for an answer, it would seem to be done.
        location = response.headers.get(hdrs.LOCATION, "nowhere")
        return UnexpectedAnswerError(call, response.status, f"a redirection to {location}")
    try:
        members: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        problem = msgspec.convert(members, Problem)
    except msgspec.MsgspecError:
        return UnexpectedAnswerError(call, response.status, f"{response.content_type} in place of a problem")
    return ProblemError(call, problem, members, key)
