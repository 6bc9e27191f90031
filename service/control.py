"""The control socket: how a command on the same machine reaches the server that holds the data directory.

A line of JSON in, a line of JSON out. Who may open the socket is who may read the data directory: its owner alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import structlog

from service.errors import DomainError
from service.ids import IdSource
from service.operators import Engine, UserRequest, carry_out
from service.passwords import BusyError, Passwords
from wal.errors import WalError

SOCKET_NAME = "control.sock"
_MODE = 0o600
_LINE_BYTES_MAX = 64 * 1024
_logger = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a request: the users that it is about, or why it was refused."""

    users: list[msgspec.Raw] = []
    error: str = ""


@contextlib.asynccontextmanager
async def listening(directory: Path, engine: Engine, passwords: Passwords, ids: IdSource) -> AsyncIterator[None]:
    """Answer on the socket of a data directory that this process holds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(await _answer(engine, passwords, ids, await reader.readline())) + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError) as error:
            # Gone, or a line without end: nobody is left to tell.
            _logger.warning("a caller of the control socket was not answered", cause=str(error))
        finally:
            writer.close()

    path = directory / SOCKET_NAME
    # What a killed process left: the lock says that nobody listens there.
    await asyncio.to_thread(path.unlink, missing_ok=True)
    try:
        server = await asyncio.start_unix_server(answer, path, limit=_LINE_BYTES_MAX)
    except OSError as error:
        # Its path may be too long; everything but `annolog user` works without.
        _logger.warning("there is no control socket", path=str(path), cause=str(error))
        yield
        return
    await asyncio.to_thread(path.chmod, _MODE)
    try:
        yield
    finally:
        server.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def ask(directory: Path, request: UserRequest) -> Answer | None:
    """Ask the server that holds a directory; None if none listens.

    Raises:
        ConnectionError: It ended before it answered.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(directory / SOCKET_NAME)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        line = await reader.read()
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise ConnectionError("The server ended before it answered. Look with `annolog user list` what came of it.")
    return msgspec.json.decode(line, type=Answer)


async def _answer(engine: Engine, passwords: Passwords, ids: IdSource, line: bytes) -> Answer:
    try:
        request = msgspec.json.decode(line, type=UserRequest)
        return Answer(users=await carry_out(engine, passwords, ids, request))
    except (msgspec.DecodeError, DomainError, WalError, BusyError) as error:
        return Answer(error=str(error))
