"""A server that answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from service.load.connection import Address

Respond = Callable[[int], Awaitable[bytes]]
"""Gets the number of the request, from 1; gives the answer's bytes, and none to close the connection."""


def answer(status: int, body: bytes = b"{}", fields: str = "") -> bytes:
    """Return an answer as bytes."""
    return f"HTTP/1.1 {status} X\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def scripted(respond: Respond) -> AsyncIterator[Address]:
    """Serve GET requests on a free port, and give its address."""
    number = 0
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number += 1
                given = await respond(number)
                if not given:
                    return
                writer.write(given)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
