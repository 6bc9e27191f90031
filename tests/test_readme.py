"""The README's session is run as it stands, and answers what it says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_server import Server

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a server on an empty directory."""
    server = Server(tmp_path / "data")
    yield server
    server.process.kill()
    server.process.wait()


def session() -> list[tuple[str, str]]:
    """Return the commands of the README's console block, each with the answer below it."""
    (block,) = re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL)
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def test_the_session_answers_what_the_readme_says(server: Server, tmp_path: Path) -> None:
    """Each ellipsis stands for anything; what is written out is there, in this order."""
    commands = session()
    assert len(commands) >= 6
    for command, expected in commands:
        environment = {**os.environ, "URL": server.url}
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        assert re.fullmatch(pattern, done.stdout), (command, done.stdout)
