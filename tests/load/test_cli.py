"""`annolog load` against the real server: what it tells, leaves behind, and ends with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.client import Client
from service.load import cli
from service.load.measure import OWN
from service.load.server_figures import ONLY_ADMINISTRATORS
from tests.harness import PASSWORD, Process

COMMAND = [sys.executable, "-m", "service.cli", "load"]
SHORT = ("--duration", "1", "--clients", "4")


async def run(*options: str, password: str | None = None) -> tuple[int, str]:
    """Run the command; returns its exit code and what it printed."""
    process = await start(*options, password=password)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def start(*options: str, password: str | None = None) -> asyncio.subprocess.Process:
    """Start the command."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANNOLOG_")}
    if password is not None:
        environment["ANNOLOG_PASSWORD"] = password
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *options,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )


async def join(url: str, email: str) -> str:
    """Register and log in; returns the token."""
    async with Client(url) as client:
        await client.register(email, PASSWORD)
        return (await client.login(email, PASSWORD)).token


async def test_a_server_of_its_own_is_measured_and_ended(tmp_path: Path) -> None:
    """All kinds of requests, an open loop, both reports, and the server's own figures."""
    code, output = await run("--duration", "2.5", "--clients", "8", "--rate", "100", "--report", str(tmp_path))
    assert code == 0, output
    found = json.loads((tmp_path / "load.json").read_text())
    assert found["latency"].keys() == {"get", "list", "create", "all"}
    assert found["answered"] == found["sent"] == found["due"] == 250
    told = [one["server"] for one in found["intervals"] if one["server"]]
    assert told[0]["batch_records"] >= 1
    assert 0 < told[0]["sync_ms"] < 1000
    assert told[0]["records_a_second"] > 5
    assert "lag_ms_max" in told[0]
    assert "<polyline" in (tmp_path / "load.html").read_text()
    assert found["url"] == OWN


async def test_what_was_made_on_a_server_is_removed(server: Process) -> None:
    """Unless it is to be kept; a login of its own ends too."""
    await server.start()
    token = await join(server.url, "admin@example.org")
    options = (*SHORT, "--url", server.url, "--email", "admin@example.org")
    async with Client(server.url, token=token) as client:
        code, output = await run(*options, password=PASSWORD)
        assert code == 0, output
        assert await client.documents.count() == await client.annotations.count() == 0
        assert len(await client.sessions()) == 1
        code, output = await run(*options, "--keep", password=PASSWORD)
        assert code == 0, output
        assert await client.documents.count() > 0
    assert await server.stop() == 0


async def test_a_member_with_a_token_loads_without_the_figures_of_the_server(server: Process, tmp_path: Path) -> None:
    """They are for administrators, and the report says so."""
    await server.start()
    await join(server.url, "admin@example.org")
    token = tmp_path / "token"
    token.write_text(await join(server.url, "anna@example.org") + "\n")
    code, output = await run(*SHORT, "--mix", "create", "--url", server.url, "--token-file", str(token))
    assert code == 0, output
    assert ONLY_ADMINISTRATORS in output
    assert await server.stop() == 0


async def test_who_is_not_known_is_not_authorised(server: Process, tmp_path: Path) -> None:
    """By password and by token; neither is printed."""
    await server.start()
    email = ("--email", "nobody@example.org")
    code, output = await run(*SHORT, "--url", server.url, *email, password="a wrong password")
    assert code == cli.EXIT_UNAUTHORISED
    assert "wrong-credentials" in output
    token = tmp_path / "token"
    token.write_text("not-a-token")
    code, output = await run(*SHORT, "--url", server.url, "--token-file", str(token))
    assert code == cli.EXIT_UNAUTHORISED
    assert "not-a-token" not in output
    assert await server.stop() == 0


async def test_nobody_there_is_exit_code_3() -> None:
    """At once, with the address."""
    code, output = await run(*SHORT, "--url", "http://127.0.0.1:1", "--email", "a@example.org", password="x" * 10)
    assert code == cli.EXIT_UNREACHABLE
    assert "127.0.0.1:1" in output


async def test_a_rate_that_cannot_be_reached_is_exit_code_5() -> None:
    """And how much of it was sent."""
    code, output = await run("--duration", "0.5", "--clients", "1", "--mix", "create", "--rate", "500000")
    assert code == cli.EXIT_RATE
    assert "The rate was not reached" in output


async def test_a_server_that_is_killed_is_exit_code_3(server: Process) -> None:
    """The load gives it up, reports what was there, and removes nothing."""
    await server.start()
    await join(server.url, "admin@example.org")
    options = ("--url", server.url, "--email", "admin@example.org", "--clients", "2", "--duration", "60")
    loading = await start(*options, "--mix", "create", password=PASSWORD)
    async with Client(server.url) as client:
        await client.login("admin@example.org", PASSWORD)
        while not await client.annotations.count():
            await asyncio.sleep(0.05)
    server.kill()
    output, _ = await loading.communicate()
    assert loading.returncode == cli.EXIT_UNREACHABLE, output
    assert b"given up" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_load_tells_what_it_has(server: Process, number: signal.Signals) -> None:
    """And removes what it made."""
    await server.start()
    await join(server.url, "admin@example.org")
    options = ("--url", server.url, "--email", "admin@example.org", "--clients", "2", "--duration", "60")
    loading = await start(*options, "--mix", "create", password=PASSWORD)
    async with Client(server.url) as client:
        await client.login("admin@example.org", PASSWORD)
        while not await client.annotations.count():
            await asyncio.sleep(0.05)
        loading.send_signal(number)
        output, _ = await loading.communicate()
        assert await client.documents.count() == 0
    assert loading.returncode == cli.EXIT_INTERRUPTED, output
    assert b"interrupted after" in output
    assert await server.stop() == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--mix", "puts"), "no part of a mix"),
        (("--url", "example.org"), "no address"),
        (("--url", "http://a:b@127.0.0.1"), "must not hold"),
        (("--clients", "0"), "1<=x<=500"),
        (("--clients", "501"), "1<=x<=500"),
        (("--rate", "0"), "0.01<=x"),
        (("--duration", "0"), "0.1<=x"),
        (("--token-file", "nowhere"), "does not exist"),
        (("--password", "x"), "No such option"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: tuple[str, ...], says: str) -> None:
    """With exit code 2."""
    done = CliRunner().invoke(cli.load_command, options)
    assert done.exit_code == cli.EXIT_USAGE
    assert says in done.output


@pytest.mark.parametrize("content", ["", "  \n", "two words", "two\nlines", "naïve"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    """It would be sent as a header field; what it holds is not printed."""
    path = tmp_path / "token"
    path.write_text(content)
    done = CliRunner().invoke(cli.load_command, ["--url", "http://127.0.0.1:1", "--token-file", str(path)])
    assert done.exit_code == cli.EXIT_USAGE
    assert not content.strip() or content not in done.output
