"""The load: clients on keep-alive connections that each ask one thing after the other.

Requests are prepared bytes on raw connections, those of the load tester, so that most of the two cores is the server's.
Every answer must be the expected one.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from service.load.answer import Answer
from service.load.connection import Address, Connection
from service.load.requests import Encoder

_OK, _CREATED = 200, 201
_TEXT = "Marie Curie met Albert Einstein in Geneva. " * 20


class Round(NamedTuple):
    """What one round gave.

    Attributes:
        requests: That were answered as expected.
        seconds: It took.
        latencies: Of each, in seconds.
    """

    requests: int
    seconds: float
    latencies: list[float]


class Target:
    """A server that is loaded, with a user and a document.

    Args:
        port: On 127.0.0.1.

    Attributes:
        request: Creates an annotation, once `prepare` has returned.
    """

    def __init__(self, port: int) -> None:
        self._address = Address("127.0.0.1", port)
        self.request = b""

    async def prepare(self) -> None:
        """Register, log in, upload a document, and prepare the request that creates an annotation on it."""
        credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
        await self._call("/v1/users", credentials)
        token = (await self._call("/v1/sessions", credentials))["token"]
        document = await self._call("/v1/documents", {"title": "Letter", "text": _TEXT}, token)
        mark = {
            "document_id": document["id"],
            "start": 0,
            "end": 11,
            "text": "Marie Curie",
            "label": "person",
            "attributes": {"certain": True, "source": "bench"},
        }
        self.request = Encoder(self._address, token).post("/v1/annotations", mark)

    async def load(self, clients: int, seconds: float) -> Round:
        """Create annotations for some seconds."""
        return await closed_loop(self._address, lambda: self.request, _CREATED, clients, seconds)

    async def _call(self, path: str, body: Mapping[str, object], token: str = "") -> dict[str, str]:
        connection = await Connection.open(self._address)
        answer = await asked(connection, Encoder(self._address, token).post(path, body), _CREATED)
        connection.abort("it was answered")
        found: dict[str, str] = json.loads(answer)
        return found


class Reader:
    """One client that reads, on a connection a call.

    Args:
        port: On 127.0.0.1.
        token: Of its session.
    """

    def __init__(self, port: int, token: str) -> None:
        self._address = Address("127.0.0.1", port)
        self._encoder = Encoder(self._address, token)

    async def read(self, path: str, times: int) -> bytes:
        """GET a path some times, one after the other; returns the last answer's body."""
        connection = await Connection.open(self._address)
        request, body = self._encoder.get(path), b""
        for _ in range(times):
            body = await asked(connection, request, _OK)
        connection.abort("the load has ended")
        return body

    async def json(self, path: str) -> Any:
        """GET a path and return what the answer holds."""
        return json.loads(await self.read(path, 1))


async def closed_loop(
    address: Address, request: Callable[[], bytes], status: int, clients: int, seconds: float
) -> Round:
    """Have clients ask one thing after the other for some seconds, each at least once.

    Args:
        address: Of the server.
        request: Gives the next request.
        status: That every answer must have.
        clients: At the same time.
        seconds: Until no more is asked.
    """
    latencies: list[float] = []
    connections = [await Connection.open(address) for _ in range(clients)]
    begin = time.perf_counter()

    async def client(number: int) -> None:
        now, closes, is_first = time.perf_counter(), False, True
        # A machine that was held up for longer than a short round lasts has an answer to tell of all the same.
        while is_first or now < begin + seconds:
            is_first = False
            if closes:
                # Some servers end a connection with each answer; then connecting is part of what a request takes.
                connections[number] = await Connection.open(address)
            closes = (await answered(connections[number], request(), status)).closes
            now, sent = time.perf_counter(), now
            latencies.append(now - sent)

    await asyncio.gather(*map(client, range(clients)))
    took = time.perf_counter() - begin
    for connection in connections:
        connection.abort("the load has ended")
    return Round(len(latencies), took, latencies)


async def asked(connection: Connection, request: bytes, status: int) -> bytes:
    """Send a request; returns the body of its answer. Raises as `answered`."""
    return (await answered(connection, request, status)).body


async def answered(connection: Connection, request: bytes, status: int) -> Answer:
    """Send a request; returns its answer.

    Raises:
        LostError: There was none.
        RuntimeError: It is another one than was expected.
    """
    answer = await connection.ask(request)
    if answer.status != status:
        raise RuntimeError(f"expected {status}, found {answer.status}: {answer.body.decode(errors='replace')}")
    return answer
