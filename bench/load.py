"""The load: clients on keep-alive connections that each create one annotation after the other.

Requests are prepared bytes on raw sockets, so that most of the two cores is the server's. Every answer must be 201.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

_TEXT = "Marie Curie met Albert Einstein in Geneva. " * 20


class Round(NamedTuple):
    """What one round gave.

    Attributes:
        requests: That were answered with 201.
        seconds: It took.
    """

    requests: int
    seconds: float


class Target:
    """A server that is loaded, with a user and a document.

    Args:
        port: On 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._request = b""

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
        self._request = _encode("/v1/annotations", mark, token)

    async def load(self, clients: int, seconds: float) -> Round:
        """Create annotations for some seconds."""
        begin = time.perf_counter()
        counts = await asyncio.gather(*(self._client(begin + seconds) for _ in range(clients)))
        return Round(sum(counts), time.perf_counter() - begin)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
        """Open a connection; what it gives creates an annotation and returns the answer's body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def create() -> bytes:
            writer.write(self._request)
            return await _answer(reader)

        yield create
        writer.close()
        await writer.wait_closed()

    async def _client(self, end: float) -> int:
        answered = 0
        async with self.connection() as create:
            while time.perf_counter() < end:
                await create()
                answered += 1
        return answered

    async def _call(self, path: str, body: Mapping[str, object], token: str = "") -> dict[str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_encode(path, body, token))
        answer: dict[str, str] = json.loads(await _answer(reader))
        writer.close()
        await writer.wait_closed()
        return answer


class Reader:
    """One client that reads, on a connection a call.

    Args:
        port: On 127.0.0.1.
        token: Of its session.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token

    async def read(self, path: str, times: int) -> bytes:
        """GET a path some times, one after the other; returns the last answer's body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        body = b""
        for _ in range(times):
            writer.write(head.encode())
            body = await _answer(reader, 200)
        writer.close()
        await writer.wait_closed()
        return body

    async def json(self, path: str) -> Any:
        """GET a path and return what the answer holds."""
        return json.loads(await self.read(path, 1))


def _encode(path: str, body: Mapping[str, object], token: str) -> bytes:
    content = json.dumps(body).encode()
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{authorization}"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _answer(reader: asyncio.StreamReader, expected: int = 201) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.partition(b"Content-Length: ")
    body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if not head.startswith(b"HTTP/1.1 %d " % expected):
        raise RuntimeError(f"expected {expected}, found {head.splitlines()[0].decode()}: {body.decode()}")
    return body
