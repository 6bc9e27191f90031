"""Runs the service for tests: in this process over a temporary directory, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestClient
from multidict import CIMultiDict, CIMultiDictProxy

from service.app import make_app, make_runner, make_services
from service.clock import now
from service.engine import Engine
from service.http.call import SERVICES, Services
from service.http.call import Engine as EngineSeam
from service.kinds import KINDS
from service.seams import Clock
from service.settings import Settings, load
from service.state.state import State
from tests.contract.conformance import described
from wal.opening import open_log

PASSWORD = "correct horse battery staple"
READY_SECONDS = 30
# Small, so that a test does not fill 64 MiB with zeros, nor wait for a hash that is meant to be slow.
QUICK: dict[str, dict[str, Any]] = {
    "log": {"segment_bytes": 8 * 1024 * 1024, "record_bytes_max": 7 * 1024 * 1024, "fill_pause_ms": 0.0},
    "passwords": {"memory_kib": 64, "passes": 1},
}

Client = TestClient[web.Request, None]
_LISTENING = re.compile(r"^(?=.*listening).*?(http://[^\s\"']+)", re.MULTILINE)


class AppServer(BaseTestServer):
    """The application in this process, with the limits of connections that the real one has."""

    def __init__(self, app: web.Application) -> None:
        super().__init__()
        self.app = app

    async def _make_runner(self, **_options: Any) -> web.AppRunner:
        return make_runner(self.app)


def quick_settings(flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Return settings for tests, with those of `flags` over them."""
    sections = {**QUICK, **(flags or {})}
    return load(flags={name: {**QUICK.get(name, {}), **values} for name, values in sections.items()})


@asynccontextmanager
async def serve(
    engine: EngineSeam | None, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncIterator[Client]:
    """Give a client of the application over an engine; None: the log is still being replayed."""
    services = make_services(quick_settings(flags), lambda: {"sequence": 7, "entities": {"user": 1}})
    if engine is not None:
        services.gate.open(engine)
    async with serve_services(services) as client:
        yield client


@asynccontextmanager
async def serve_services(services: Services) -> AsyncIterator[Client]:
    """Give a client of the application with these services."""
    client: Client = TestClient(AppServer(make_app(services)))
    await client.start_server()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_engine(
    directory: Path, flags: Mapping[str, Mapping[str, Any]] | None = None, clock: Clock = now
) -> AsyncIterator[Engine]:
    """Give the real engine over a data directory, and close its log."""
    state = State(KINDS)
    settings = quick_settings(flags)
    log, _ = await open_log(directory, settings.log, state)
    try:
        yield Engine(state, log, clock, settings.limits)
    finally:
        await log.close()


@asynccontextmanager
async def open_app(
    directory: Path, flags: Mapping[str, Mapping[str, Any]] | None = None, clock: Clock = now
) -> AsyncIterator[Client]:
    """Give a client of the application over a data directory; `clock` is the engine's."""
    flags = {**(flags or {}), "data": {"directory": str(directory)}}
    async with open_engine(directory, flags, clock) as engine, serve(engine, flags) as client:
        yield client


@dataclass(frozen=True)
class Answer:
    """A response that was read."""

    status: int
    headers: CIMultiDictProxy[str]
    data: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.data)

    @property
    def problem(self) -> str:
        """The problem's name, checked to be a whole problem."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.data)
        body = self.json
        assert body["status"] == self.status
        assert body["title"]
        assert body["detail"]
        return str(body["type"].removeprefix("/problems/"))


class Member:
    """A user of the API; without a token, anybody.

    Attributes:
        id: The user's.
        token: Of their session.
    """

    def __init__(self, client: Client, token: str = "", user_id: str = "") -> None:
        self.client = client
        self.token = token
        self.id = user_id

    async def call(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its response.

        Args:
            method: Of HTTP.
            path: With its query.
            value: The body, as JSON.
            data: The body, as bytes.
            headers: Over those for the token and for JSON.
        """
        own: CIMultiDict[str] = CIMultiDict()
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        if value is not None:
            data = msgspec.json.encode(value)
        if data is not None:
            own["Content-Type"] = "application/json"
        own.update(headers or {})
        # As a file, because aiohttp warns of large bytes.
        body = None if data is None else io.BytesIO(data)
        async with self.client.request(method, path, data=body, headers=own) as response:
            answer = Answer(response.status, response.headers, await response.read())
        if _is_real(self.client):
            described().check(method, path, answer.status, answer.headers, answer.data)
        return answer

    async def create(self, path: str, value: Any = None, **members: Any) -> dict[str, Any]:
        """Create an entity, which must succeed, and return it."""
        answer = await self.call("POST", path, members if value is None else value)
        assert answer.status == 201, answer.data
        entity: dict[str, Any] = answer.json
        return entity

    async def join(self, email: str) -> Member:
        """Register somebody and log them in."""
        user = await self.create("/v1/users", email=email, name=email.partition("@")[0], password=PASSWORD)
        session = await self.create("/v1/sessions", email=email, password=PASSWORD)
        return Member(self.client, session["token"], user["id"])


def _is_real(client: Client) -> bool:
    """Tell if a client's application answers from the real engine, and so as the description tells."""
    server = client.server
    return isinstance(server, AppServer) and isinstance(server.app[SERVICES].gate._engine, Engine)


class Process:
    """`annolog serve` as a process of its own, over a data directory that outlives it.

    Args:
        directory: Of the data.
        options: Further arguments of `annolog serve`.
        environment: Further variables.

    Attributes:
        url: Where it listens, once it is started.
    """

    def __init__(self, directory: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.url = ""
        self._options = options
        quick = {
            f"ANNOLOG_{section}__{key}".upper(): str(value)
            for section, values in QUICK.items()
            for key, value in values.items()
        }
        self._environment = {**os.environ, **quick, **(environment or {})}
        self._stdout = directory.with_name(f"{directory.name}.stdout")
        self._stderr = directory.with_name(f"{directory.name}.stderr")
        self._stderr_begins = 0
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> Self:
        """Start it and return once it is ready."""
        self.spawn()
        async with asyncio.timeout(READY_SECONDS):
            while not self._is_ready():
                assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.stderr}"
                await asyncio.sleep(0.02)
        return self

    def spawn(self) -> None:
        """Start it, and do not wait."""
        command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(self.directory)]
        self._stderr_begins = self._stderr.stat().st_size if self._stderr.exists() else 0
        with self._stdout.open("wb") as stdout, self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                [*command, *self._options], stdout=stdout, stderr=stderr, env=self._environment
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    @property
    def stderr(self) -> str:
        """What all processes of this directory have logged."""
        return self._stderr.read_text(errors="replace")

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self, seconds: float = READY_SECONDS) -> int:
        """Wait for its end and return its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end: {self.stderr}"
            await asyncio.sleep(0.02)
        return self.process.returncode

    async def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        await self.start()

    def close(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _is_ready(self) -> bool:
        with self._stderr.open(errors="replace") as stderr:
            stderr.seek(self._stderr_begins)
            found = _LISTENING.search(stderr.read() + self._stdout.read_text())
        self.url = found[1] if found else ""
        return bool(self.url)
