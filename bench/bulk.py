"""Bulk loads: Annolog over HTTP beside databases that are filled in process, with the same fields and look-ups.

A part of `bench.compare`. Each side stores the same marks round after round, and a round ends when all of it is as
durable as the side's setting says.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec

from bench.peers.annolog import Annolog
from bench.peers.cluster import ACCOUNT, Cluster
from bench.peers.side import MARK, Side, free_port
from service.load.connection import Connection

LINES = 20_000
DOCUMENTS, LABELS = 400, 30
TOGETHER = 1_000
"""Rows of a commit, of a pipeline."""
_READY_SECONDS = 30.0
_LOOKED_UP = ("document_id", "label", "type", "status", "author_id", "extraction_id", "verdict")
"""The members of an annotation with a single value that Annolog looks up by."""
_COLUMNS = ("id", *_LOOKED_UP, "first", "last", "quote", "attributes", "created_at", "version")
Row = tuple[Any, ...]


class Fillable(Protocol):
    """A side of a bulk load."""

    async def load(self) -> float:
        """Store `LINES` marks more; returns the seconds until all are durable."""
        ...

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        ...


async def filled(side: Fillable) -> dict[str, float]:
    """Load a side once; returns marks a second, how long the load took, and the CPU time a mark."""
    before = side.cpu_seconds()
    seconds = await side.load()
    cpu_us = (side.cpu_seconds() - before) / LINES * 1e6
    return {
        "requests": LINES,
        "rate": LINES / seconds,
        "p50_ms": seconds * 1e3,
        "p99_ms": seconds * 1e3,
        "cpu_us": cpu_us,
    }


def rows(count: int) -> Iterator[Row]:
    """Yield what a table holds of so many new marks."""
    attributes, now = json.dumps(MARK["attributes"]), time.time()
    for number in range(count):
        looked_up = (document_of(number), label_of(number), "span", "accepted", "user_bench", None, None)
        yield (uuid.uuid4().hex, *looked_up, MARK["start"], MARK["end"], MARK["text"], attributes, now, 1)


def batches() -> Iterator[list[Row]]:
    """Yield the rows of a load, as many together as are committed together."""
    source = rows(LINES)
    while batch := list(itertools.islice(source, TOGETHER)):
        yield batch


def document_of(number: int) -> str:
    """Return the name of the document that a mark is on."""
    return f"document-{number % DOCUMENTS}"


def label_of(number: int) -> str:
    """Return the label of a mark."""
    return f"label-{number % LABELS}"


def schema() -> list[str]:
    """Return the statements that make the table and its indexes, for every database that speaks SQL."""
    columns = ", ".join(f"{name} TEXT" for name in (*_LOOKED_UP, "quote", "attributes"))
    table = f"id TEXT PRIMARY KEY, {columns}, first INTEGER, last INTEGER, created_at DOUBLE PRECISION, version INTEGER"
    indexes = [f"CREATE INDEX by_{name} ON annotations ({name})" for name in _LOOKED_UP]
    return [f"CREATE TABLE annotations ({table})", *indexes]


class Loaded:
    """Mixed into a side that is filled in process: its own processor time counts as that of the side."""

    _spent = 0.0

    async def timed(self, work: Callable[[], Any]) -> float:
        """Do some work on a thread, and return the seconds that it took."""
        begin, cpu = time.perf_counter(), time.process_time()
        await asyncio.to_thread(work)
        self._spent += time.process_time() - cpu
        return time.perf_counter() - begin


class AnnologBulk(Annolog):
    """Annolog, by `POST /v1/bulk`."""

    name: ClassVar[str] = "annolog, POST /v1/bulk"
    durability: ClassVar[str] = (
        "what is told of a line after fdatasync of its chunk; access, spans and versions checked"
    )

    async def fill(self) -> None:
        """Make the documents, and the lines."""
        text = {"title": "Letter", "text": "Marie Curie met Albert Einstein in Geneva. " * 20}
        made = [await self.ask(self.encoder.post("/v1/documents", text), 201) for _ in range(DOCUMENTS)]
        ids = [one["id"] for one in made]
        values = ({"document_id": ids[n % DOCUMENTS], **MARK, "label": label_of(n)} for n in range(LINES))
        lines = ({"op": "create", "kind": "annotation", "value": value} for value in values)
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        self._request = self.encoder.post("/v1/bulk", body, "application/x-ndjson")

    async def load(self) -> float:
        """Send all lines, and return the seconds until the last one was told of.

        Raises:
            RuntimeError: Not all of them were carried out.
        """
        begin = time.perf_counter()
        connection = await Connection.open(self.address)
        answer = await connection.ask(self._request)
        seconds = time.perf_counter() - begin
        connection.abort("it was answered")
        if b'"done":true,"lines":%d,"failed":0' % LINES not in answer.body:
            raise RuntimeError(f"not all lines were carried out: {answer.body[-2000:].decode(errors='replace')}")
        return seconds


class Sqlite(Loaded, Side):
    """SQLite in process."""

    name: ClassVar[str] = "SQLite in process"
    durability: ClassVar[str] = f"WAL, synchronous=FULL, {TOGETHER:,} rows a commit, {len(_LOOKED_UP)} indexes"

    async def start(self) -> None:
        """Make the file."""
        self._connection = sqlite3.connect(self.folder / "annotations.db", check_same_thread=False)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", *schema()):
            self._connection.execute(statement)

    async def load(self) -> float:
        """Insert rows; returns the seconds it took."""
        return await self.timed(self._insert)

    def _insert(self) -> None:
        insert = f"INSERT INTO annotations VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
        for batch in batches():
            with self._connection:
                self._connection.executemany(insert, batch)

    def cpu_seconds(self) -> float:
        """Return what its calls have used."""
        return self._spent

    def stop(self) -> None:
        """Close the file."""
        self._connection.close()


class PostgresCopy(Cluster):
    """PostgreSQL, by COPY."""

    name: ClassVar[str] = "PostgreSQL, COPY"
    durability: ClassVar[str] = f"fsync=on, synchronous_commit=on, one COPY a load, {len(_LOOKED_UP)} indexes"
    modules: ClassVar[tuple[tuple[str, str], ...]] = (("asyncpg", "asyncpg"),)
    _connection: Any = None

    async def start_app(self, data: Path) -> None:
        """Connect from this process."""
        import asyncpg  # noqa: PLC0415 - one peer's alone

        self._spent = 0.0
        self._connection = await asyncpg.connect(host=str(data), user=ACCOUNT, database="postgres")
        for statement in schema():
            await self._connection.execute(statement)

    def stop(self) -> None:
        """Disconnect first: PostgreSQL does not end while somebody is connected."""
        if self._connection is not None:
            self._connection.terminate()
        super().stop()

    async def load(self) -> float:
        """Copy rows; returns the seconds it took."""
        begin, cpu = time.perf_counter(), time.process_time()
        await self._connection.copy_records_to_table("annotations", records=rows(LINES), columns=_COLUMNS)
        self._spent += time.process_time() - cpu
        return time.perf_counter() - begin

    def cpu_seconds(self) -> float:
        """Return what the server and this process's calls have used."""
        return super().cpu_seconds() + self._spent


class RedisPipeline(Loaded, Side):
    """Redis, by pipelines."""

    name: ClassVar[str] = "Redis, redis-py pipelines"
    durability: ClassVar[str] = f"appendonly, appendfsync always; {TOGETHER:,} marks a pipeline, a set for each look-up"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("redis-server", "redis-server"),)
    modules: ClassVar[tuple[tuple[str, str], ...]] = (("redis", "redis"),)

    async def start(self) -> None:
        """Start it, and connect from this process."""
        import redis  # noqa: PLC0415 - one peer's alone

        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.run(["redis-server", *options, "--appendonly", "yes", "--appendfsync", "always"])
        self._client = redis.Redis(port=port)
        begin = time.monotonic()
        while True:
            with contextlib.suppress(redis.ConnectionError):
                self._client.ping()
                return
            if time.monotonic() - begin > _READY_SECONDS:
                raise RuntimeError(f"{self.name} did not start: {self.said()}")
            await asyncio.sleep(0.02)

    async def load(self) -> float:
        """Send pipelines; returns the seconds it took."""
        return await self.timed(self._send)

    def _send(self) -> None:
        for batch in batches():
            pipeline = self._client.pipeline(transaction=False)
            for row in batch:
                members = dict(zip(_COLUMNS, row, strict=True))
                pipeline.set(f"annotation:{row[0]}", msgspec.json.encode(members))
                for name in _LOOKED_UP:
                    if members[name] is not None:
                        pipeline.sadd(f"{name}:{members[name]}", row[0])
            pipeline.execute()

    def cpu_seconds(self) -> float:
        """Return what the server and this process's calls have used."""
        return super().cpu_seconds() + self._spent
