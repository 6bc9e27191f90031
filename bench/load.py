"""The load: clients on keep-alive connections that each create one annotation after the other.

Requests are prepared bytes on raw sockets, so that most of the two cores is the server's. Every answer must be 201.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import NamedTuple

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
        credentials = {"email": "bench@example.org", "password": "correct horse battery"}
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

    async def _client(self, end: float) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        answered = 0
        while time.perf_counter() < end:
            writer.write(self._request)
            await _answer(reader)
            answered += 1
        writer.close()
        await writer.wait_closed()
        return answered

    async def _call(self, path: str, body: Mapping[str, object], token: str = "") -> dict[str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_encode(path, body, token))
        answer: dict[str, str] = json.loads(await _answer(reader))
        writer.close()
        await writer.wait_closed()
        return answer


def _encode(path: str, body: Mapping[str, object], token: str) -> bytes:
    content = json.dumps(body).encode()
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{authorization}"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.partition(b"Content-Length: ")
    body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if not head.startswith(b"HTTP/1.1 201 "):
        raise RuntimeError(f"expected 201, found {head.splitlines()[0].decode()}: {body.decode()}")
    return body
