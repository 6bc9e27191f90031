"""The command line, besides `serve`."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.settings import load
from tests.test_server import PASSWORD, Server


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `annolog`."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def test_config_prints_what_is_in_force_and_where_it_came_from(tmp_path: Path) -> None:
    """As TOML that could be given back."""
    own = tmp_path / "own.toml"
    own.write_text("[server]\nport = 1\n[limits]\npage_size_max = 7\n")
    done = run("config", "--config", str(own), ANNOLOG_SERVER__PORT="2")
    assert done.returncode == 0, done.stderr
    printed = tomllib.loads(done.stdout)
    assert printed["server"]["port"] == 2
    assert printed["limits"]["page_size_max"] == 7
    assert "port = 2  # the environment" in done.stdout
    assert f"page_size_max = 7  # {own}" in done.stdout
    assert 'host = "127.0.0.1"  # default' in done.stdout
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    assert load(again) == load(own, {"ANNOLOG_SERVER__PORT": "2"})


def test_config_refuses_what_serve_refuses(tmp_path: Path) -> None:
    """With the same exit code."""
    own = tmp_path / "own.toml"
    own.write_text("[server]\nprot = 1\n")
    done = run("config", "--config", str(own))
    assert done.returncode == 2
    assert "The nearest is 'port'" in done.stderr


def users(directory: Path, *arguments: str, password: str = PASSWORD) -> list[dict[str, Any]]:
    """Run `annolog user` and return the users that it shows."""
    done = run("user", *arguments, "--data-dir", str(directory), ANNOLOG_PASSWORD=password)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=[True, False], ids=["running", "stopped"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a data directory, with a server on it and without."""
    directory = tmp_path / "data"
    server = Server(directory) if request.param else None
    yield directory
    if server is not None:
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert not (directory / "control.sock").exists()


def test_users_are_added_listed_and_changed(directory: Path) -> None:
    """Whether the server runs or not; who logs in has the role and the password that were set."""
    added = users(directory, "add", "Ada@example.org", "--name", "Ada", "--role", "admin")
    assert [(user["email"], user["role"]) for user in added] == [("ada@example.org", "admin")]
    users(directory, "add", "bob@example.org")
    assert users(directory, "role", "bob@example.org", "admin")[0]["role"] == "admin"
    users(directory, "reset-password", "bob@example.org", password="another horse battery")
    listed = users(directory, "list")
    assert [user["email"] for user in listed] == ["ada@example.org", "bob@example.org"]
    assert "another horse battery" not in str(listed)


def test_what_is_refused_ends_with_1_and_a_reason(directory: Path) -> None:
    """An address that is taken, and one that nobody has."""
    users(directory, "add", "ada@example.org")
    environment = {"ANNOLOG_PASSWORD": PASSWORD}
    for arguments, reason in (
        (("add", "ada@example.org"), "is registered already"),
        (("role", "x@example.org", "admin"), "no user"),
        (("add", "nobody"), "'nobody' cannot be added"),
    ):
        done = run("user", *arguments, "--data-dir", str(directory), **environment)
        assert done.returncode == 1
        assert reason in done.stderr
    short = run("user", "add", "c@example.org", "--data-dir", str(directory), ANNOLOG_PASSWORD="short")
    assert short.returncode == 2
    assert "expected 8 at least" in short.stderr


def test_a_password_that_was_reset_is_the_one_that_logs_in(tmp_path: Path) -> None:
    """At once, while the server runs; the sessions before it have ended."""
    server = Server(tmp_path / "data")
    try:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        users(server.directory, "add", "ada@example.org")
        token = server.call("POST", "/v1/sessions", credentials)[1]["token"]
        users(server.directory, "reset-password", "ada@example.org", password="another horse battery")
        assert server.call("GET", "/v1/me", token=token)[0] == 401
        assert server.call("POST", "/v1/sessions", credentials)[0] == 401
        credentials["password"] = "another horse battery"
        assert server.call("POST", "/v1/sessions", credentials)[0] == 201
    finally:
        server.process.kill()
        server.process.wait()


def test_the_control_socket_is_its_owner_s_alone_and_takes_no_rubbish(tmp_path: Path) -> None:
    """It answers with an error and goes on; one that a killed server left is replaced."""
    server = Server(tmp_path / "data")
    path = server.directory / "control.sock"
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for line in (b"rubbish\n", b"{}\n", b'{"operation":"list","more":1}\n', b"x" * 100_000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(path))
                caller.sendall(line)
                answer = caller.makefile("rb").readline()
            assert answer == b"" if len(line) > 70_000 else json.loads(answer)["error"]
        server.process.kill()
        server.process.wait()
        assert path.exists()
        server.start()
        assert users(server.directory, "list") == []
    finally:
        server.process.kill()
        server.process.wait()


def test_the_log_is_verified_and_shown_while_the_server_runs_and_afterwards(tmp_path: Path) -> None:
    """Exit code 0; damage is 4 and names the place; values are not shown."""
    server = Server(tmp_path / "data")
    try:
        body = {"email": "ada@example.org", "password": PASSWORD}
        assert server.call("POST", "/v1/users", body)[0] == 201
        running = log("verify", server.directory)
        assert running.returncode == 0, running.stderr
        assert "Sound: 1 transactions up to sequence 1 in 1 segments, 0 snapshots" in running.stdout
        shown = log("inspect", server.directory, "--records", "1")
        assert "user.created user_" in shown.stdout
        told = json.loads(log("inspect", server.directory, "--records", "1:", "--json").stdout)
        assert [change["event"] for change in told["changes"]] == ["user.created", "credential.created"]
        assert "argon2" not in shown.stdout + json.dumps(told)
    finally:
        server.process.terminate()
        server.process.wait()
    assert json.loads(log("inspect", server.directory, "--json").stdout)["segments"][0]["end"] == "shut down"
    assert "shut down" in log("inspect", server.directory).stdout
    (segment,) = (server.directory / "log").glob("*.wal")
    data = bytearray(segment.read_bytes())
    data[4200] ^= 1
    segment.write_bytes(data)
    damaged = log("verify", server.directory)
    assert damaged.returncode == 4
    assert f"{segment} is damaged at offset 4096 (sequence 1)" in damaged.stderr
    assert log("verify", tmp_path).returncode == 1
    assert log("inspect", server.directory, "--records", "x").returncode == 2


def test_the_history_of_an_entity_is_told_from_the_archive_and_the_log(tmp_path: Path) -> None:
    """While the server runs: who did what when; values on request, and only of kinds that are served."""
    server = Server(tmp_path / "data")
    environment = {**os.environ, "ANNOLOG_PASSWORD": PASSWORD}
    ask = ["compact", "--url", server.url, "--email", "ada@example.org"]
    try:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        user = server.call("POST", "/v1/users", credentials)[1]["id"]
        token = server.call("POST", "/v1/sessions", credentials)[1]["token"]
        key = server.call("POST", "/v1/documents", {"title": "secret plans", "text": "Marie"}, token)[1]["id"]
        for method, body in (("PATCH", {"title": "b"}), ("DELETE", None), ("PUT", {"title": "c"}), ("PATCH", {})):
            assert run(*ask, **environment).returncode == 0
            assert server.call(method, f"/v1/documents/{key}", body, token)[0] in {200, 201, 204}
        archive = server.directory / "archive"
        assert len(list(archive.glob("*.gz"))) > 1
        told = [
            json.loads(line) for line in log("history", server.directory, "document", key, "--json").stdout.splitlines()
        ]
        events = ["created", "updated", "deleted", "created", "updated"]
        assert [one["event"] for one in told] == [f"document.{event}" for event in events]
        assert [one["previous"] for one in told[1:]] == [
            told[0]["sequence"],
            told[1]["sequence"],
            0,
            told[3]["sequence"],
        ]
        assert {one["actor"] for one in told} == {user}
        lines = log("history", server.directory, "document", key).stdout
        assert [line.split("  ")[0] for line in lines.splitlines()] == [str(one["sequence"]) for one in told]
        assert "secret" not in lines + json.dumps(told)
        shown = log("history", server.directory, "document", key, "--values", "--json").stdout.splitlines()
        values = [json.loads(line) for line in shown]
        assert [one["value"] and one["value"]["title"] for one in values] == ["secret plans", "b", None, "c", "c"]
        assert values[2]["before"]["title"] == "b"
        assert "secret plans" in log("history", server.directory, "document", key, "--values").stdout
    finally:
        server.process.terminate()
        server.process.wait()
    hashes = log("history", server.directory, "credential", user)
    assert (hashes.returncode, "credential.created" in hashes.stdout, "argon2" in hashes.stdout) == (0, True, False)
    refused = log("history", server.directory, "credential", user, "--values")
    assert refused.returncode == 2
    assert "a credential is never served, nor shown" in refused.stderr
    assert log("history", server.directory, "nothing", user).returncode == 2
    nobody = log("history", server.directory, "user", "user_x")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "no change of user user_x is retained" in nobody.stderr
    (index, *_) = sorted(archive.glob("*.index"))
    index.write_bytes(index.read_bytes()[:-1])
    for command in (("verify",), ("history", "document", key)):
        damaged = log(command[0], server.directory, *command[1:])
        assert (damaged.returncode, f"{index} is damaged" in damaged.stderr) == (4, True)
    index.unlink()
    assert "1 archived segments have no index" in log("verify", server.directory).stdout
    again = log("history", server.directory, "document", key)
    assert (again.returncode, again.stdout) == (0, lines)
    assert f"{index.with_suffix('.gz')} has no index and is read whole" in again.stderr


def log(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `annolog log`."""
    command = [sys.executable, "-m", "service.cli", "log", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_snapshot_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    """By the server that runs, or on a directory that none uses; a held one is refused with exit code 3."""
    environment = {**os.environ, "ANNOLOG_PASSWORD": PASSWORD}

    def compact(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service.cli", "compact", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    server = Server(tmp_path / "data")
    try:
        assert server.call("POST", "/v1/users", {"email": "ada@example.org", "password": PASSWORD})[0] == 201
        asked = compact("--url", server.url, "--email", "ada@example.org")
        assert asked.returncode == 0, asked.stderr
        assert "Made a snapshot at sequence 3" in asked.stdout
        assert compact(server.directory).returncode == 3
        assert compact("--url", server.url, "--email", "eve@example.org").returncode == 1
        assert server.call("POST", "/v1/sessions", {"email": "ada@example.org", "password": PASSWORD})[0] == 201
    finally:
        server.process.terminate()
        server.process.wait()
    assert "Made a snapshot at sequence" in compact(server.directory).stdout
    assert len(list((server.directory / "snapshots").glob("*.snap"))) == 2
    assert compact().returncode == 2


def test_a_snapshot_after_which_nothing_could_be_archived_is_not_told_as_a_failed_one(tmp_path: Path) -> None:
    """It is there: the command and the server's own lines speak of the rest."""
    server = Server(tmp_path / "data")
    (server.directory / "archive").write_text("a file in the place of the directory")
    login = {"email": "ada@example.org", "password": PASSWORD}
    ask = ("compact", "--url", server.url, "--email", "ada@example.org")
    try:
        assert server.call("POST", "/v1/users", login)[0] == 201
        asked = [run(*ask, ANNOLOG_PASSWORD=PASSWORD) for _ in range(2)]
    finally:
        server.process.terminate()
        server.process.wait()
    assert [one.returncode for one in asked] == [0, 1]
    assert len(list((server.directory / "snapshots").glob("*.snap"))) == 2
    assert "annolog: The newest snapshot is in its place" in asked[1].stderr
    assert "could not all be archived or removed" in asked[1].stderr
    lines = server.directory.with_suffix(".log").read_text()
    assert "pruning failed" in lines
    assert "compaction failed" not in lines + asked[1].stderr


FULL = """
import errno, sys
from wal.file_system import RealFileSystem
from service.cli import run

class Full(RealFileSystem):
    def open(self, path, *, create=False):
        if create and path.name == "prepared.tmp":
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().open(path, create=create)

run(None, {"server": {"port": 0}, "data": {"directory": sys.argv[1]}}, Full())
"""


def test_a_start_without_room_says_what_it_needs(tmp_path: Path) -> None:
    """By the exit code for what cannot be used, with the directory and the setting."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 5
    assert f"no room on the disk of {tmp_path / 'data'}" in ended.stderr
    assert "log.segment_bytes" in ended.stderr
