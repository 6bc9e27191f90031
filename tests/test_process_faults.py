"""Real processes and their faults: a full disk, a failed sync, damage, a torn tail, and what they end with."""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_server import PASSWORD, Server
from wal.segment import SEGMENT_HEADER_BYTES

FAULTY = ("-m", "tests.faulty_server")
CREDENTIALS = {"email": "ada@example.org", "password": PASSWORD}


class Faulty(Server):
    """A server whose disk fails on demand, with a user who is logged in."""

    def __init__(self, directory: Path) -> None:
        self.faults = directory.with_name("faults")
        self.faults.mkdir()
        environment = {"FAULTS": str(self.faults), "DATA": str(directory)}
        super().__init__(directory, FAULTY, environment)
        assert self.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        self.token = self.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]

    def create(self, title: str) -> tuple[int, Any]:
        """Create a document."""
        return self.call("POST", "/v1/documents", {"title": title}, self.token)

    def titles(self) -> list[str]:
        """Return the titles of all documents."""
        listed = self.call("GET", "/v1/documents?limit=1000", token=self.token)[1]["items"]
        return [document["title"] for document in listed]


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    """Return a server whose disk fails on demand."""
    server = Faulty(tmp_path / "data")
    yield server
    server.process.kill()
    server.process.wait()


def serve(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Start a server that is to end by itself."""
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(faulty: Faulty) -> None:
    """507 before anything is decided; reads go on; nothing that was taken is lost."""
    (faulty.faults / "no-space").touch()
    taken: list[str] = []
    for number in range(2000):
        status, answer = faulty.create(f"{number:0400}")
        if status != 201:
            break
        taken.append(answer["title"])
    assert (status, answer["type"]) == (507, "/problems/no-room")
    assert faulty.titles() == taken
    assert faulty.call("GET", "/readyz")[0] == 200
    (faulty.faults / "no-space").unlink()
    deadline = time.monotonic() + 20
    while faulty.create("again")[0] == 507:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    taken.append("again")
    faulty.process.kill()
    faulty.process.wait()
    faulty.start()
    assert faulty.titles() == taken


def test_a_failed_sync_leaves_the_outcome_open_and_ends_the_process(faulty: Faulty) -> None:
    """503 `outcome-unknown`, exit code 1; the restart holds what was acknowledged, and the other one whole or not."""
    assert faulty.create("first")[0] == 201
    (faulty.faults / "sync-fails").touch()
    status, answer = faulty.create("second")
    assert (status, answer["type"]) == (503, "/problems/outcome-unknown")
    assert faulty.process.wait(20) == 1
    (faulty.faults / "sync-fails").unlink()
    faulty.start()
    assert faulty.titles() in (["first"], ["first", "second"])
    assert faulty.create("third")[0] == 201


def filled(directory: Path) -> Path:
    """Fill a directory with a user and a login in two batches, kill the server, and return the tail's path."""
    server = Server(directory)
    try:
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        assert server.call("POST", "/v1/sessions", CREDENTIALS)[0] == 201
    finally:
        server.process.kill()
        server.process.wait()
    return next((directory / "log").glob("*.wal"))


def flip(path: Path, offset: int) -> bytes:
    """Flip one bit of a file and return what it holds then."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 8
    path.write_bytes(data)
    return bytes(data)


def refused(directory: Path, damaged: Path) -> str:
    """Start on a damaged directory, which is refused and changes nothing; returns what is said."""
    before = damaged.read_bytes()
    ended = serve(directory)
    assert ended.returncode == 4
    assert f"{damaged} is damaged at offset" in ended.stderr
    assert "Nothing was changed. " in ended.stderr
    assert damaged.read_bytes() == before
    return ended.stderr


def test_damage_in_the_tail_is_refused_and_names_the_place(tmp_path: Path) -> None:
    """A bit before a later batch: exit code 4."""
    tail = filled(tmp_path / "data")
    flip(tail, SEGMENT_HEADER_BYTES + 200)
    said = refused(tmp_path / "data", tail)
    assert f"at offset {SEGMENT_HEADER_BYTES} (sequence 1)" in said
    assert "Restore the directory from a cold copy" in said


SMALL_SEGMENTS = {
    "ANNOLOG_LOG__SEGMENT_BYTES": "65536",
    "ANNOLOG_LOG__RECORD_BYTES_MAX": "8192",
    "ANNOLOG_LIMITS__TEXT_BYTES": "1024",
    "ANNOLOG_LIMITS__ENTITY_BYTES": "2048",
}


def test_damage_in_a_sealed_segment_is_refused_and_names_the_place_and_is_repaired(tmp_path: Path) -> None:
    """A record in the middle of it, with a whole segment behind; the repair keeps what was before, and a copy."""
    directory = tmp_path / "data"
    server = Server(directory, environment=SMALL_SEGMENTS)
    try:
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        token = server.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
        while len(list((directory / "log").glob("*.wal"))) < 3:
            assert server.call("POST", "/v1/documents", {"title": "x" * 900}, token)[0] in (201, 507)
    finally:
        server.process.kill()
        server.process.wait()
    sealed = min((directory / "log").glob("*.wal"))
    flip(sealed, 30_000)
    said = refused(directory, sealed)
    found = re.search(r"at offset (\d+) \(sequence (\d+)\)", said)
    assert found is not None
    assert SEGMENT_HEADER_BYTES < int(found[1]) <= 30_000
    assert int(found[2]) > 1
    assert "run `annolog log repair` on it" in said
    before = {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "service.cli", "log", "repair", str(directory), "--yes"]
    repaired = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert repaired.returncode == 0, repaired.stderr
    assert f"Left for a start: every record up to sequence {int(found[2]) - 1}." in repaired.stdout
    (copy,) = tmp_path.glob("data.before-repair-*")
    assert {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    server.start()
    try:
        # The first two records are the user and the login.
        listed = server.call("GET", "/v1/documents?limit=1&count=true", token=token)[1]
        assert listed["total"] == int(found[2]) - 3
        assert server.call("POST", "/v1/documents", {"title": "again"}, token)[0] == 201
    finally:
        server.process.kill()
        server.process.wait()


def test_a_damaged_snapshot_is_refused_until_it_is_moved_aside(tmp_path: Path) -> None:
    """Then the log that was kept for this gives back the same."""
    directory = tmp_path / "data"
    server = Server(directory, environment={"ANNOLOG_COMPACTION__GROWTH_BYTES_MIN": "1"})
    try:
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        token = server.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
        created = server.call("POST", "/v1/documents", {"title": "kept"}, token)[1]
        deadline = time.monotonic() + 20
        while not list((directory / "snapshots").glob("*.snap")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        server.process.kill()
        server.process.wait()
    snapshot = max((directory / "snapshots").glob("*.snap"))
    flip(snapshot, snapshot.stat().st_size // 2)
    refused(directory, snapshot)
    snapshot.rename(tmp_path / "aside")
    server.start()
    try:
        listed = server.call("GET", "/v1/documents", token=token)[1]["items"]
        assert [document["id"] for document in listed] == [created["id"]]
    finally:
        server.process.kill()
        server.process.wait()


def test_a_torn_tail_starts_with_a_warning_that_counts_the_bytes(tmp_path: Path) -> None:
    """The last batch lost its last sector; what is cut is kept aside."""
    tail = filled(tmp_path / "data")
    content = tail.read_bytes()
    end = len(content.rstrip(b"\0"))
    cut = (end - 1) // 512 * 512
    with tail.open("r+b") as file:
        file.seek(cut)
        file.write(bytes(end - cut))
    server = Server(tmp_path / "data")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    line = next(line for line in server.output.splitlines() if "cut a torn tail" in line)
    kept = next((tmp_path / "data" / "torn").iterdir())
    assert f'"bytes": {kept.stat().st_size}' in line
    assert str(kept) in line
    assert "Recovered: 1 users, 0 documents" in server.output


def test_settings_that_cannot_be_used_end_with_exit_code_2(tmp_path: Path) -> None:
    """The nearest known name is in the message."""
    config = tmp_path / "own.toml"
    config.write_text("[server]\nprot = 1\n")
    ended = serve(tmp_path / "data", "--config", str(config))
    assert ended.returncode == 2
    assert "The nearest is 'port'" in ended.stderr


def test_an_address_in_use_ends_with_exit_code_5(tmp_path: Path) -> None:
    """And leaves the directory alone."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = serve(tmp_path / "data", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 5
    assert "address already in use" in ended.stderr
    assert not (tmp_path / "data" / "log").exists()


def test_the_start_says_what_is_protected_and_from_what_it_is_not(tmp_path: Path) -> None:
    """The directory, the durability in force, and that one disk is one disk."""
    server = Server(tmp_path / "data")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    for part in (str(tmp_path / "data"), "synced to this disk", "loss of this disk", "unencrypted"):
        assert part in server.output
    assert "No existing snapshot found, starting with an empty database" in server.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stop_under_load_keeps_what_was_acknowledged(tmp_path: Path, number: signal.Signals) -> None:
    """Eight clients create; a second signal falls into the shutdown, or into the recovery."""
    server = Server(tmp_path / "data")
    try:
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        token = server.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
        acknowledged: list[str] = []

        def create() -> None:
            for place in range(10_000):
                try:
                    status, answer = server.call("POST", "/v1/documents", {"title": f"{place}"}, token)
                except OSError:
                    return
                if status != 201:
                    assert answer["type"] == "/problems/shutting-down"
                    return
                acknowledged.append(answer["id"])

        clients = [threading.Thread(target=create) for _ in range(8)]
        for client in clients:
            client.start()
        while len(acknowledged) < 50:
            time.sleep(0.005)
        server.process.send_signal(number)
        for client in clients:
            client.join(30)
        code = server.process.wait(30)
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        # A start that is killed in its recovery changes nothing.
        for delay in (0.2, 0.35):
            with subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(server.directory)],
                stderr=subprocess.DEVNULL,
                env=os.environ,
            ) as starting:
                time.sleep(delay)
                starting.kill()
        server.start()
        listed = server.call("GET", "/v1/documents?limit=1000&count=true", token=token)[1]
        assert set(acknowledged) <= {document["id"] for document in listed["items"]}
        assert listed["total"] <= len(acknowledged) + 8
    finally:
        server.process.kill()
        server.process.wait()


def test_a_killed_writer_ends_the_server_and_loses_nothing(tmp_path: Path) -> None:
    """The out-of-memory killer may choose it: exit code 1 at once, and a right restart."""
    server = Server(tmp_path / "data")
    try:
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
        token = server.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
        assert server.call("POST", "/v1/documents", {"title": "first"}, token)[0] == 201
        tasks = Path(f"/proc/{server.process.pid}/task")
        (writer,) = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        os.kill(writer, signal.SIGKILL)
        assert server.process.wait(20) == 1
        log = server.directory.with_suffix(".log").read_text()
        assert f"process {writer}, which writes the log, has ended" in log
        server.start()
        listed = server.call("GET", "/v1/documents", token=token)[1]["items"]
        assert [document["title"] for document in listed] == ["first"]
        assert server.call("POST", "/v1/documents", {"title": "second"}, token)[0] == 201
    finally:
        server.process.kill()
        server.process.wait()


def test_a_kill_within_a_shutdown_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM under load, then SIGKILL at a random moment before the process has ended, again and again."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    server = Server(tmp_path / "data")
    assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 201
    token = server.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"]
    acknowledged: list[str] = []
    within = 0

    def create() -> None:
        while True:
            try:
                status, answer = server.call("POST", "/v1/documents", {"title": "x"}, token)
            except (OSError, http.client.HTTPException):
                return
            if status != 201:
                return
            acknowledged.append(answer["id"])

    try:
        for _ in range(8):
            clients = [threading.Thread(target=create) for _ in range(8)]
            for client in clients:
                client.start()
            enough = len(acknowledged) + 20
            while len(acknowledged) < enough:
                time.sleep(0.002)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(chance.uniform(0, 0.04))
            server.process.kill()
            within += server.process.wait(20) == -signal.SIGKILL
            for client in clients:
                client.join(30)
            server.start()
            found: set[str] = set()
            path = "/v1/documents?limit=1000"
            while path:
                page = server.call("GET", path, token=token)[1]
                found |= {document["id"] for document in page["items"]}
                path = f"/v1/documents?limit=1000&cursor={page['next']}" if page["next"] else ""
            assert set(acknowledged) <= found
            assert len(found) <= len(acknowledged) + 8 * 8
    finally:
        server.process.kill()
        server.process.wait()
    assert within > 0, "every shutdown was over before its kill"


def test_a_start_without_users_where_registration_is_closed_says_how_to_begin(tmp_path: Path) -> None:
    """A token for the first administrator; once there is one, it is not said again."""
    server = Server(tmp_path / "data", environment={"ANNOLOG_SERVER__REGISTRATION": "closed"})
    try:
        log = server.directory.with_suffix(".log")
        deadline = time.monotonic() + 20
        while "nobody can log in yet" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (token,) = re.findall(r'"token": "([^"]+)"', log.read_text())
        assert server.call("POST", "/v1/users", CREDENTIALS)[0] == 403
        status, user = server.call("POST", "/v1/users", CREDENTIALS, token)
        assert (status, user["role"]) == (201, "admin")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        server.start()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert "nobody can log in yet" not in log.read_text()
    finally:
        server.process.kill()
        server.process.wait()
