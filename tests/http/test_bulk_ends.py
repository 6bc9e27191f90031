"""How a bulk load ends when it does not end by itself: the server stops, the disk is full, nobody reads."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from service.app import make_services
from service.commands import Command, Outcome
from service.http.call import Services
from service.operations import Load, Loaded
from tests.harness import Client, Member, open_engine, quick_settings, serve, serve_services
from tests.http.fake_engine import FakeEngine
from tests.http.test_bulk import NDJSON, counted, create, lines_of, load
from wal.errors import NoRoomError, OutcomeUnknownError


class FillingEngine(FakeEngine):
    """Carries out one chunk, and fails then."""

    async def submit(self, command: Command) -> Outcome:
        """Carry out a chunk, or fail."""
        assert isinstance(command, Load)
        self.commands.append(command)
        if len(self.commands) > 1 and self.error is not None:
            raise self.error
        body = msgspec.json.encode(Loaded(len(command.steps), 0, [], {}))
        return Outcome(status=200, body=body, sequence=7)


class OneByOneEngine(FakeEngine):
    """Carries out one line at a time, as if no more had room in a record."""

    async def submit(self, command: Command) -> Outcome:
        """Carry out the first line."""
        self.commands.append(command)
        return Outcome(status=200, body=msgspec.json.encode(Loaded(1, 0, [], {})), sequence=7)


async def test_of_large_lines_few_are_kept() -> None:
    """What is read ahead is limited in bytes too: however many lines arrive, none piles up."""
    engine = OneByOneEngine()
    async with serve(engine, {"limits": {"bulk_chunk_bytes": 1024, "bulk_chunk_lines": 50}}) as client:
        answer = await load(
            Member(client, "any"), lines_of(*[create("document", title="x" * 900, text="y" * 900)] * 40)
        )
    assert msgspec.json.decode(answer.data.splitlines()[-1])["lines"] == 40
    assert [len(command.steps) for command in engine.commands if isinstance(command, Load)] == [1] * 40


async def test_what_fails_while_lines_are_read_ahead_is_told_once() -> None:
    """Of the chunk that failed and of the line behind it, nothing is left behind that nobody asks for."""
    engine = FillingEngine(NoRoomError("full"))
    async with serve(engine, {"limits": {"bulk_chunk_lines": 2}}) as client:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        await load(Member(client, "any"), lines_of(*[create("document")] * 9))
        gc.collect()
    assert said == []


async def test_what_ends_a_load_is_told_in_its_last_line() -> None:
    """A full disk and an outcome that is not known have their own problems, and the chunk before them is done."""
    for error, status, name in (
        (NoRoomError("full"), 507, "no-room"),
        (OutcomeUnknownError("broken"), 503, "outcome-unknown"),
        (RuntimeError("a fault"), 500, "internal"),
    ):
        engine = FillingEngine(error)
        async with serve(engine, {"limits": {"bulk_chunk_lines": 2}}) as client:
            answer = await load(Member(client, "any"), lines_of(*[create("document")] * 9))
        assert answer.status == 200
        (last,) = [msgspec.json.decode(line) for line in answer.data.splitlines()]
        assert (last["problem"]["status"], last["problem"]["type"]) == (status, f"/problems/{name}")
        assert len(engine.commands) == 2


async def test_what_ends_a_load_before_anything_was_told_is_the_answer() -> None:
    """With its status."""
    engine = FillingEngine(NoRoomError("full"))
    engine.commands.append(Command(actor=None, operation="t"))
    async with serve(engine) as client:
        answer = await load(Member(client, "any"), lines_of(create("document")))
    assert (answer.status, answer.problem) == (507, "no-room")


async def test_a_server_that_stops_ends_loads(tmp_path: Path) -> None:
    """Between two chunks, and while it waits for lines; what was carried out stays."""
    for waits in (False, True):
        services = make_services(quick_settings({"limits": {"bulk_chunk_lines": 2}}), dict)
        async with open_engine(tmp_path / str(waits)) as engine, serve_services(services) as client:
            services.gate.open(engine)
            ada = await Member(client).join("ada@example.org")

            async def body(who: Member, services: Services, *, waits: bool) -> AsyncIterator[bytes]:
                yield lines_of(*[create("document")] * 2)
                while await counted(who, "documents") < 2:
                    await asyncio.sleep(0)
                services.gate.stop()
                if waits:
                    await asyncio.sleep(30)
                yield lines_of(*[create("document")] * 2)

            headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": NDJSON}
            lines = body(ada, services, waits=waits)
            async with client.post("/v1/bulk", data=lines, headers=headers) as response:
                last = msgspec.json.decode((await response.read()).splitlines()[-1])
            assert (last["problem"]["status"], last["problem"]["type"]) == (503, "/problems/shutting-down")


async def connected(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection that takes little before somebody reads it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((client.server.host, client.server.port))
    return await asyncio.open_connection(sock=narrow, limit=1024)


async def test_who_never_reads_loses_the_connection_and_the_key_is_free(tmp_path: Path) -> None:
    """In the time that a body has; the load is done by then, and its answer is there for who asks again."""
    flags = {"limits": {"body_seconds": 0.5, "bulk_results_bytes": 40_000_000}}
    number = 60_000
    lines = b"[1]\n" * number + lines_of(create("document"))
    async with open_engine(tmp_path, flags) as engine, serve(engine, flags) as client:
        ada = await Member(client).join("ada@example.org")
        _, writer = await connected(client)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        head = (
            f"POST /v1/bulk HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\nContent-Type: {NDJSON}\r\n"
            f"Idempotency-Key: k\r\nContent-Length: {len(lines)}\r\n\r\n"
        )
        writer.write(head.encode() + lines)
        await writer.drain()
        while (answer := await load(ada, lines, headers={"Idempotency-Key": "k"})).status == 409:
            await asyncio.sleep(0.05)
        last = msgspec.json.decode(answer.data.splitlines()[-1])
        assert (last["done"], last["lines"], last["failed"]) == (True, number + 1, number)
        assert await counted(ada, "documents") == 1
        writer.transport.abort()


async def test_who_reads_late_is_told_the_end_all_the_same(tmp_path: Path) -> None:
    """However long the load took: its time to read begins with the end."""
    flags = {"limits": {"body_seconds": 0.4, "bulk_results_bytes": 40_000_000}}
    number = 60_000
    async with open_engine(tmp_path, flags) as engine, serve(engine, flags) as client:
        ada = await Member(client).join("ada@example.org")
        reader, writer = await connected(client)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        head = (
            f"POST /v1/bulk HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\nContent-Type: {NDJSON}\r\n"
            f"Content-Length: {4 * (number + 8)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + b"[1]\n" * number)
        for _ in range(8):
            await asyncio.sleep(0.15)
            writer.write(b"[1]\n")
            await writer.drain()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        answer = await reader.read()
        writer.close()
    assert b'"done":true' in answer
    assert b'"omitted"' not in answer


async def test_a_client_may_wait_to_be_asked_for_its_lines(tmp_path: Path) -> None:
    """`Expect: 100-continue` is met when all that needs no body was checked."""
    async with open_engine(tmp_path) as engine, serve(engine) as client:
        ada = await Member(client).join("ada@example.org")
        reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
        lines = lines_of(create("document"))
        head = (
            f"POST /v1/bulk HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\nContent-Type: {NDJSON}\r\n"
            f"Expect: 100-continue\r\nContent-Length: {len(lines)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(lines)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"done":true' in answer
