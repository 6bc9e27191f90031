"""The real process over HTTP: what was answered is there after kill -9, and it stops in order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.server import _unless_stopped

PASSWORD = "correct horse battery"


class Server:
    """A server on a free port."""

    def __init__(
        self, directory: Path, command: tuple[str, ...] | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self.directory = directory
        self._command = command or ("-m", "service.cli", "serve", "--port", "0", "--data-dir", str(directory))
        self._environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self) -> None:
        """Start, and return when it listens and is ready."""
        log = self.directory.with_suffix(".log")
        with log.open("w") as errors:
            command = [sys.executable, *self._command]
            self.process = subprocess.Popen(command, stderr=errors, stdout=errors, env=self._environment)
        found = None
        while found is None and self.process.poll() is None:
            time.sleep(0.02)
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        self.output = log.read_text()
        assert found is not None, self.output
        self.url = found[0]

    def call(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        """Return status and JSON of a request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a server on an empty directory."""
    server = Server(tmp_path / "data")
    yield server
    server.process.kill()
    server.process.wait()


def test_what_was_answered_is_there_after_kill_9(server: Server) -> None:
    """A user, a login, a document and an annotation; then a deletion, and a graceful stop."""
    credentials = {"email": "ada@example.org", "password": PASSWORD}
    assert server.call("POST", "/v1/users", {**credentials, "name": "Ada"})[0] == 201
    token = server.call("POST", "/v1/sessions", credentials)[1]["token"]
    document = server.call("POST", "/v1/documents", {"title": "t", "text": "Marie Curie"}, token)[1]
    body = {"document_id": document["id"], "start": 0, "end": 5, "text": "Marie", "label": "person"}
    status, annotation = server.call("POST", "/v1/annotations", body, token)
    assert status == 201

    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    assert "Recovered: 1 users, 1 documents, 0 extractions, 1 annotations" in server.output
    path = f"/v1/annotations/{annotation['id']}"
    assert server.call("GET", path, token=token) == (200, annotation)
    listed = server.call("GET", f"/v1/annotations?document_id={document['id']}&label=person", token=token)
    assert listed[1]["items"] == [annotation]
    assert server.call("GET", f"/v1/documents/{document['id']}", token=token)[1]["text"] == "Marie Curie"
    assert server.call("GET", path)[0] == 401
    assert server.call("POST", "/v1/annotations", {**body, "text": "Pierre"}, token)[1]["type"].endswith(
        "text-mismatch"
    )
    assert server.call("DELETE", path, token=token)[0] == 204

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    server.start()
    assert server.call("GET", path, token=token)[0] == 410


def test_a_second_server_on_the_directory_ends_with_exit_code_3(server: Server) -> None:
    """And names the holder."""
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(server.directory)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 3
    assert f"in use by process {server.process.pid} on " in second.stderr


async def test_a_stop_before_the_log_is_open_cancels_and_waits() -> None:
    """A long replay does not hold up whoever wants to stop."""
    stop, ended = asyncio.Event(), []

    async def replay() -> int:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        return 1

    running = asyncio.create_task(_unless_stopped(stop, replay()))
    await asyncio.sleep(0.01)
    stop.set()
    assert await asyncio.wait_for(running, 5) is None
    assert ended == [True]
    assert await _unless_stopped(asyncio.Event(), asyncio.sleep(0, "opened")) == "opened"
