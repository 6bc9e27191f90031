"""Peers that are applications of a page: what one would write in an afternoon, with the same fields and an index.

Run as ``python -m bench.peers.apps NAME PORT [FOLDER]``. None of them checks who asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.peers.cluster import ACCOUNT

ENTITIES = 100_000
_COLUMNS = ("id", "document_id", "start", "end", "text", "label", "attributes", "created_at")
_SCHEMA = (
    'CREATE TABLE IF NOT EXISTS annotations (id TEXT PRIMARY KEY, document_id TEXT NOT NULL, "start" INTEGER, '
    '"end" INTEGER, "text" TEXT, label TEXT, attributes TEXT, created_at DOUBLE PRECISION)'
)
_INDEX = "CREATE INDEX IF NOT EXISTS by_document ON annotations (document_id)"
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_POOL = 16
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def entity_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored for what was sent."""
    return {
        "id": uuid.uuid4().hex,
        "document_id": str(given["document_id"]),
        "start": int(given["start"]),
        "end": int(given["end"]),
        "text": str(given["text"]),
        "label": str(given["label"]),
        "attributes": json.dumps(given.get("attributes", {})),
        "created_at": time.time(),
    }


def bare(port: int, _folder: Path) -> None:
    """Serve with aiohttp alone: one handler a path, constant bytes, nothing looked at or stored."""
    constant = json.dumps(entity_of({"document_id": "d", "start": 0, "end": 11, "text": "Marie Curie", "label": "p"}))

    async def create(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=constant.encode(), status=201, content_type="application/json")

    async def get(_request: web.Request) -> web.Response:
        return web.Response(body=constant.encode(), content_type="application/json")

    _serve(port, create, get)


def computing(port: int, _folder: Path) -> None:
    """Serve with aiohttp alone: it goes round an empty loop as often as a request says, and answers as many bytes."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        for _ in range(int(request.query["turns"])):
            pass
        body, status = bytes(int(request.query["bytes"])), 201 if request.method == "POST" else 200
        return web.Response(body=body, status=status, content_type="application/json")

    _serve(port, answer, answer)


def fastapi(port: int, folder: Path) -> None:
    """Serve with FastAPI and uvicorn over SQLite: WAL, synchronous FULL, a connection a thread."""
    import uvicorn  # noqa: PLC0415 - one peer's alone
    from fastapi import FastAPI  # noqa: PLC0415
    from pydantic import BaseModel  # noqa: PLC0415

    class Draft(BaseModel):  # type: ignore[misc, unused-ignore]
        document_id: str
        start: int
        end: int
        text: str
        label: str
        attributes: dict[str, Any] = {}

    kept = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(kept, "connection"):
            kept.connection = sqlite3.connect(folder / "annotations.db", timeout=60)
            kept.connection.execute("PRAGMA journal_mode=WAL")
            kept.connection.execute("PRAGMA synchronous=FULL")
        found: sqlite3.Connection = kept.connection
        return found

    def create(draft: Draft) -> dict[str, Any]:
        entity = entity_of(draft.model_dump())
        marks = ", ".join("?" * len(_COLUMNS))
        with connection() as open_one:
            open_one.execute(f"INSERT INTO annotations ({_NAMES}) VALUES ({marks})", tuple(entity.values()))  # noqa: S608
        return entity

    # The names of types are looked up at run time, and this one is local.
    create.__annotations__["draft"] = Draft
    for statement in (_SCHEMA, _INDEX):
        connection().execute(statement)
    app = FastAPI()
    app.add_api_route("/annotations", create, methods=["POST"], status_code=201)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def postgres(port: int, folder: Path) -> None:
    """Serve with aiohttp and asyncpg over the PostgreSQL whose socket is in a folder."""
    import asyncpg  # noqa: PLC0415 - one peer's alone

    marks = ", ".join(f"${place}" for place in range(1, len(_COLUMNS) + 1))
    insert = f"INSERT INTO annotations ({_NAMES}) VALUES ({marks})"  # noqa: S608
    pools: list[Any] = []

    async def open_pool(_app: web.Application) -> None:
        pools.append(await asyncpg.create_pool(host=str(folder), user=ACCOUNT, database="postgres", max_size=_POOL))
        for statement in (_SCHEMA, _INDEX):
            await pools[0].execute(statement)

    async def create(request: web.Request) -> web.Response:
        entity = entity_of(await request.json())
        await pools[0].execute(insert, *entity.values())
        return web.json_response(entity, status=201)

    _serve(port, create, None, open_pool)


def json_file(port: int, folder: Path) -> None:
    """Serve with aiohttp over one JSON file of 100,000 entities, which is rewritten and synced at each change."""
    given = {"document_id": "d", "start": 0, "end": 11, "text": "Marie Curie", "label": "person"}
    entities = {entity["id"]: entity for entity in (entity_of(given) for _ in range(ENTITIES))}
    path, fresh = folder / "db_snapshot.json", folder / "db_snapshot.json.tmp"
    one_at_a_time = asyncio.Lock()

    def store() -> None:
        with fresh.open("w") as file:
            json.dump(entities, file)
            file.flush()
            os.fdatasync(file.fileno())
        fresh.replace(path)

    async def create(request: web.Request) -> web.Response:
        entity = entity_of(await request.json())
        async with one_at_a_time:
            entities[entity["id"]] = entity
            await asyncio.to_thread(store)
        return web.json_response(entity, status=201)

    _serve(port, create, None)


def _serve(
    port: int,
    create: Handler,
    get: Handler | None,
    begin: Callable[[web.Application], Awaitable[None]] | None = None,
) -> None:
    app = web.Application()
    app.router.add_post("/annotations", create)
    if get is not None:
        app.router.add_get("/annotations/{id}", get)
    if begin is not None:
        app.on_startup.append(begin)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


APPS: dict[str, Callable[[int, Path], None]] = {
    "bare": bare,
    "computing": computing,
    "fastapi": fastapi,
    "postgres": postgres,
    "json-file": json_file,
}

if __name__ == "__main__":
    APPS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
