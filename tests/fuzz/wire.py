"""One connection of the fuzzing client, which reads answers strictly."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any, NamedTuple

Address = tuple[str, int]
ANSWER_SECONDS = 10.0
IDLE_SECONDS = 5.0
_WITHOUT_BODY = (204, 304)
_CONTINUE = 100


class Answer(NamedTuple):
    """An answer that was read, with the names of its header fields in lower case."""

    version: str
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """It says that the connection ends here, or its version does: the answer to what does not parse is HTTP/1.0."""
        return self.version != "HTTP/1.1" or self.fields.get("connection", "").lower() == "close"

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Wire:
    """A connection that is opened when it is needed.

    Args:
        address: Of the server.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._used = 0.0

    async def ask(self, sent: bytes, method: str, seconds: float = ANSWER_SECONDS) -> Answer | None:
        """Send a request and return its answer; None if the connection ends without one.

        Raises:
            TimeoutError: Neither comes in time.
        """
        if time.monotonic() - self._used > IDLE_SECONDS:
            # The server closes what idles; that is no answer to what is sent now.
            await self.close()
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address, limit=1 << 20)
        answer = None
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(sent)
                answer = await _read(self._reader, method)
        except (ConnectionError, asyncio.IncompleteReadError):
            answer = None
        finally:
            self._used = time.monotonic()
            if answer is None or answer.closes:
                await self.close()
        return answer

    async def call(self, method: str, path: str, value: Any = None, token: str = "") -> Answer:
        """Send a sound request, which must be answered, and return the answer."""
        body = b"" if value is None else json.dumps(value).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Type: application/json"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n"
        answer = await self.ask(head + body, method)
        assert answer is not None, f"no answer to {method} {path}"
        return answer

    async def close(self) -> None:
        """Close, if it is open."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    status = _CONTINUE
    while status == _CONTINUE:
        top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = top.split("\r\n")[:-2]
        version, code = line.split()[:2]
        status = int(code)
    fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    if method == "HEAD" or status in _WITHOUT_BODY:
        return Answer(version, status, fields, b"")
    return Answer(version, status, fields, await _read_body(reader, fields))


async def _read_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    if fields.get("transfer-encoding") != "chunked":
        return await reader.read()
    body = b""
    while size := int((await reader.readuntil(b"\r\n")), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
