"""The server itself under strace: clients create documents, an injection hits, and a restart is asked what is there."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.campaigns import strace
from tests.campaigns.injection import COMPACTION, KILL, OWN, RUN_SECONDS, WRITER, Attempt, Job
from tests.campaigns.judging import Said, broken_end
from tests.campaigns.sessions import Ended, started, told
from tests.campaigns.strace import Injection, Point

SETTINGS = {
    "ANNOLOG_LOG__SEGMENT_BYTES": "65536",
    "ANNOLOG_LOG__RECORD_BYTES_MAX": "8192",
    "ANNOLOG_LOG__RETRY_SECONDS": "0.1",
    "ANNOLOG_LIMITS__TEXT_BYTES": "1024",
    "ANNOLOG_LIMITS__ENTITY_BYTES": "2048",
    "ANNOLOG_LIMITS__STOP_SECONDS": "5",
    "ANNOLOG_COMPACTION__GROWTH_BYTES_MIN": "1",
    "ANNOLOG_COMPACTION__GROWTH_SHARE": "0.01",
    "ANNOLOG_ARCHIVE__KEEP_BYTES": "20000",
    "ANNOLOG_PASSWORDS__MEMORY_KIB": "64",
    "ANNOLOG_PASSWORDS__PASSES": "1",
}
CREDENTIALS = {"email": "ada@example.org", "password": "correct horse battery"}
_CLIENTS = 4
_CREATES = 60
_READY_SECONDS = 40.0
# Calls of which no path is known are counted from the start of Python on, which opens and writes for itself.
_CALLS = {
    OWN: (("pwrite64", 80), ("fdatasync", 25), ("fsync", 25), ("rename", 8), ("unlink", 6), ("sendmsg", 120)),
    WRITER: (("pwrite64", 120), ("fdatasync", 120), ("sendto", 120)),
    COMPACTION: (("pwrite64", 4), ("fdatasync", 2), ("write", 1)),
}
_PROGRAM = {WRITER: "writer_main", COMPACTION: "child_main"}


class Client:
    """Who talks to a server at an address, one connection a call."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self.token = token

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and JSON.

        Raises:
            OSError: There is no answer.
            http.client.HTTPException: There is half of one.
        """
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            headers = {"Content-Type": "application/json"}
            if self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def titles(self) -> list[str]:
        """Return the titles of all documents."""
        found: list[str] = []
        path = "/v1/documents?limit=1000"
        while path:
            status, page = self.call("GET", path)
            if status != http.HTTPStatus.OK:
                raise AssertionError(f"a list is answered {status}: {page}")
            found += [document["title"] for document in page["items"]]
            path = f"/v1/documents?limit=1000&cursor={page['next']}" if page["next"] else ""
        return found


class Running(NamedTuple):
    """A server that was started; `client` is None if it ended before it listened."""

    process: subprocess.Popen[bytes]
    client: Client | None


@contextmanager
def server(
    data: Path, place: Path, token: str = "", *, under: Sequence[str] = (), environment: dict[str, str] | None = None
) -> Iterator[Running]:
    """Start a server on a directory; what it says lies in `place`."""
    command = [*under, sys.executable, "-m", "tests.campaigns.serving", "serve", "--port", "0", "--data-dir", str(data)]
    with started(command, place, environment={**SETTINGS, **(environment or {})}) as process:
        deadline = time.monotonic() + _READY_SECONDS
        found = None
        while found is None and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
            found = re.search(r"http://(127\.0\.0\.1:\d+)", told(place)[1])
        yield Running(process, None if found is None else Client(found[1], token))


class Load:
    """Clients that create documents; `durable` are the titles of those that were answered 201."""

    def __init__(self, client: Client, *, creates: int = _CREATES, prefix: str = "") -> None:
        self.asked: list[str] = []
        self.durable: list[str] = []
        self.statuses: set[int] = set()
        self.stopping = threading.Event()
        self._client = client
        self._creates = creates
        self._threads = [threading.Thread(target=self._create, args=(f"{prefix}{name}",)) for name in range(_CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join()

    def _create(self, name: str) -> None:
        for number in range(self._creates):
            title = f"{name}-{number} ".ljust(300, "x")
            if self.stopping.is_set():
                return
            self.asked.append(title)
            try:
                status, _ = self._client.call("POST", "/v1/documents", {"title": title})
            except (OSError, http.client.HTTPException):
                return
            self.statuses.add(status)
            if status == http.HTTPStatus.CREATED:
                self.durable.append(title)
            elif status == http.HTTPStatus.INSUFFICIENT_STORAGE:
                time.sleep(0.05)


def prepared(place: Path) -> tuple[Path, str]:
    """Make a directory with a user who is logged in; returns it and the token."""
    place.mkdir()
    with server(place / "data", place) as running:
        if running.client is None:
            raise AssertionError(f"the server does not start: {told(place)[1]}")
        running.client.call("POST", "/v1/users", CREDENTIALS)
        token = running.client.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
    return place / "data", token


def jobs(place: Path, count: int, seed: int, effects: Sequence[tuple[str, str]]) -> list[Job]:
    """Return so many attempts at the server, drawn by a seed."""
    chance = random.Random(seed)
    template, token = prepared(place / "served")
    found: list[Job] = []
    for number in range(count):
        role = chance.choice(tuple(_CALLS))
        call, most = chance.choice(_CALLS[role])
        effect, times = chance.choice(effects)
        injection = Injection(Point(call, None, chance.randint(1, most)), effect, times)
        found.append(partial(_attempt, template, token, place / f"served-{number}", role, injection))
    return found


def _attempt(template: Path, token: str, place: Path, role: str, injection: Injection) -> tuple[str, Attempt]:
    place.mkdir()
    data, trace = place / "data", place / "trace"
    shutil.copytree(template, data, ignore=shutil.ignore_patterns("*.sock"))
    under = strace.injecting(trace, injection, data, own=role == OWN)
    environment = {}
    if role != OWN:
        environment["DRILL_LAUNCHER"] = str(strace.launcher(place / "launcher", under, _PROGRAM[role]))
    try:
        begin = time.monotonic()
        with server(data, place, token, under=under if role == OWN else (), environment=environment) as running:
            load, code = _loaded(running)
        ended = Ended(code, *told(place), time.monotonic() - begin, running.process.pid)
        asked, durable = (load.asked, load.durable) if load else ([], [])
        wrong = broken_end(ended.code, ended.errors, killed=KILL in injection.effect)
        wrong = wrong or _restarted(data, place, token, asked, durable)
        done = strace.was_carried_out(trace)
        name = f"{injection.effect} {injection.times or 'once'}, annolog serve, {role}: {injection.point}"
        return name, Attempt(ended, Said([], len(durable), []), done, wrong)
    finally:
        shutil.rmtree(place)


def _loaded(running: Running) -> tuple[Load | None, int | None]:
    load = None
    if running.client is not None:
        load = Load(running.client)
        load.join()
        # A compaction begins a second after the start.
        time.sleep(1.0)
        _terminate(running.process)
    try:
        return load, running.process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return load, None


def _terminate(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end, which may run under strace."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if process.poll() is not None:
        return
    is_strace = Path(f"/proc/{process.pid}/comm").read_text().strip() == "strace"
    for pid in [int(child) for child in children.read_text().split()] if is_strace else [process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _restarted(data: Path, place: Path, token: str, asked: Sequence[str], durable: Sequence[str]) -> str | None:
    """Return what is wrong after a restart."""
    with server(data, place, token) as running:
        if running.client is None:
            return f"the restart is refused: {told(place)[1][-800:]}"
        return wrong_titles(running.client.titles(), asked, durable)


def wrong_titles(found: Sequence[str], asked: Sequence[str], durable: Sequence[str]) -> str | None:
    """Return what is wrong with what is there: all that is durable, nothing twice, nothing that nobody asked for."""
    lost = sorted(set(durable) - set(found))
    foreign = sorted(set(found) - set(asked))
    if lost or foreign or len(set(found)) < len(found):
        return f"{len(durable)} acknowledged, {len(lost)} lost ({lost[:1]}), {len(foreign)} foreign, {len(found)} found"
    return None
