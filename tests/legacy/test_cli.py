"""`annolog import legacy` and a start beside a snapshot: the real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.legacy.examples import PASSWORD, TEXT, entities, example, recovered, write
from tests.test_server import Server

NEW_PASSWORD = "another horse battery"
QUICK = {"ANNOLOG_PASSWORDS__MEMORY_KIB": "64", "ANNOLOG_PASSWORDS__PASSES": "1"}


def annolog(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    command = [sys.executable, "-m", "service.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **QUICK, **environment}
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a data directory that holds a snapshot and nothing else."""
    write(tmp_path / "data", example())
    return tmp_path / "data"


@pytest.fixture
def server(directory: Path) -> Iterator[Server]:
    """Return a server on what was imported."""
    done = annolog("import", "legacy", directory / "db_snapshot.json", "--data-dir", directory)
    assert done.returncode == 0, done.stderr
    server = Server(directory, environment=QUICK)
    yield server
    server.process.kill()
    server.process.wait()


def test_a_start_beside_a_snapshot_names_the_command_that_imports_it(directory: Path) -> None:
    """With exit code 7, and so do other commands that would make a log; the command works as it is printed."""
    for command in (("serve", "--port", "0", "--data-dir"), ("user", "add", "x@example.org", "--data-dir")):
        refused = annolog(*command, directory, ANNOLOG_PASSWORD=NEW_PASSWORD)
        assert refused.returncode == 7, refused.stderr
        (line,) = [line for line in refused.stderr.splitlines() if line.startswith("  annolog import legacy ")]
    assert annolog("compact", directory).returncode == 7
    assert [one.name for one in directory.iterdir()] == ["db_snapshot.json"]
    done = annolog(*line.split()[1:])
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()[1:5]] == [
        ["users", "2", "2", "0"],
        ["documents", "1", "1", "0"],
        ["extractions", "1", "1", "0"],
        ["annotations", "1", "1", "0"],
    ]


def log_in(server: Server, email: str, password: str) -> tuple[int, Any]:
    """Log in."""
    return server.call("POST", "/v1/sessions", {"email": email, "password": password})


async def test_a_login_with_the_old_password_makes_the_hash_a_new_one(server: Server) -> None:
    """Sessions go on, the next login works too, and a wrong password never does."""
    assert "Recovered: 2 users, 1 documents, 1 extractions, 1 annotations" in server.output
    assert log_in(server, "ada@example.org", "wrong")[0] == 401
    status, first = log_in(server, "ada@example.org", PASSWORD)
    assert status == 201
    assert log_in(server, "ada@example.org", "wrong")[0] == 401
    assert log_in(server, "ADA@example.org", PASSWORD)[0] == 201
    assert server.call("GET", "/v1/me", token=first["token"])[0] == 200
    (document,) = server.call("GET", "/v1/documents?external_id=d1", token=first["token"])[1]["items"]
    assert server.call("GET", f"/v1/documents/{document['id']}", token=first["token"])[1]["text"] == TEXT
    marks = server.call("GET", f"/v1/annotations?document_id={document['id']}", token=first["token"])[1]["items"]
    assert [mark["text"] for mark in marks] == ["Albert Einstein"]
    patched = server.call("PATCH", f"/v1/annotations/{marks[0]['id']}", {"label": "human"}, first["token"])
    assert (patched[0], patched[1]["origin"]) == (200, marks[0]["origin"])
    server.process.terminate()
    assert server.process.wait(20) == 0
    table = (await recovered(server.directory)).tables["credential"]
    hashes = [json.loads(value)["password_hash"] for _, value in table.items()]
    assert hashes[0].startswith("$argon2id$")
    assert hashes[1] == "!"
    server.start()
    assert log_in(server, "ada@example.org", PASSWORD)[0] == 201


def test_who_has_no_usable_hash_is_let_in_by_a_reset(server: Server) -> None:
    """One command, which enables them too; no password works before."""
    for password in (PASSWORD, "pbkdf2$x", "!", ""):
        assert log_in(server, "bob@example.org", password)[0] == 401
    reset = annolog(
        "user", "reset-password", "bob@example.org", "--data-dir", server.directory, ANNOLOG_PASSWORD=NEW_PASSWORD
    )
    assert reset.returncode == 0, reset.stderr
    assert json.loads(reset.stdout)["disabled"] is False
    assert log_in(server, "bob@example.org", NEW_PASSWORD)[0] == 201


async def test_what_cannot_be_taken_over_ends_with_1_and_a_list(directory: Path, tmp_path: Path) -> None:
    """Or with 0 and the list, if it is to be left out; the report holds it as JSON."""
    content = example()
    content["annotations"]["a\x1b[2J"] = {"document_id": "d1", "start": 0, "end": 99}
    path = write(directory, content)
    report = tmp_path / "report.json"
    refused = annolog("import", "legacy", path, "--data-dir", directory, "--report", report)
    assert refused.returncode == 1
    assert "left out: annotations/a\\x1b[2J: " in refused.stderr
    assert "99 found, but the text has 32 code points" in refused.stderr
    assert "nothing was imported" in refused.stderr
    assert not (directory / "log").exists()
    told = json.loads(report.read_text())
    assert (told["imported"], len(told["left_out"])) == (False, 1)
    done = annolog("import", "legacy", path, "--data-dir", directory, "--report", report, "--skip-invalid")
    assert done.returncode == 0, done.stderr
    assert "left out: annotations/a\\x1b[2J: " in done.stderr
    told = json.loads(report.read_text())
    assert told["kinds"]["annotations"] == {"found": 2, "imported": 1, "left_out": 1}
    assert told["left_out"][0]["kind"] == "annotation"
    assert len(entities(await recovered(directory), "annotation")) == 1


def test_every_refusal_has_its_exit_code(server: Server, tmp_path: Path) -> None:
    """A held directory, one with a log, a file that is none, and what cannot be used."""
    path = server.directory / "db_snapshot.json"
    held = annolog("import", "legacy", path, "--data-dir", server.directory)
    assert (held.returncode, "in use by process" in held.stderr) == (3, True)
    server.process.terminate()
    server.process.wait(20)
    occupied = annolog("import", "legacy", path, "--data-dir", server.directory)
    assert occupied.returncode == 1
    assert "found log/" in occupied.stderr
    other = tmp_path / "other"
    assert annolog("import", "legacy", tmp_path, "--data-dir", other).returncode == 1
    assert annolog("import", "legacy", path, "--data-dir", other, "--zone", "Nowhere/Land").returncode == 2
    assert annolog("import", "legacy", path, "--data-dir", other, "--report", tmp_path / "no" / "r").returncode == 2
    before = path.read_bytes()
    assert annolog("import", "legacy", path, "--data-dir", other, "--report", path).returncode == 2
    assert path.read_bytes() == before
    assert annolog("import", "legacy", path, "--data-dir", path / "below").returncode == 5
    assert not other.exists()


def test_ten_thousand_entities_are_imported_in_a_few_seconds(tmp_path: Path) -> None:
    """The time grows with the number."""
    content = example()
    for number in range(10_000):
        span = {"document_id": "d1", "start": number % 16, "end": number % 16 + 4, "created_at": 1_710_000_000 + number}
        content["annotations"][f"x{number}"] = span
    path = write(tmp_path / "data", content)
    done = annolog("import", "legacy", path, "--data-dir", path.parent, ANNOLOG_LOG__FILL_PAUSE_MS="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[4].split() == ["annotations", "10001", "10001", "0"]


def test_a_report_that_cannot_be_written_does_not_hide_what_was_done(directory: Path) -> None:
    """What came of the import is told all the same, and what went wrong in one line, exit code 5."""
    done = annolog("import", "legacy", directory / "db_snapshot.json", "--data-dir", directory, "--report", "/dev/full")
    assert done.returncode == 5
    assert f"{directory} holds them now" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("annolog: /dev/full cannot be written: No space left on device.")
