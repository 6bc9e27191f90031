"""Runs schemathesis, with all its checks, against the server as a process."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import msgspec

from tests.contract.hooks import ADMIN
from tests.harness import Process

ROOT = Path(__file__).parent.parent.parent
CONFIG = Path(__file__).with_name("schemathesis.toml")
# It logs in for each request, and registers many.
_LIMITS = {
    "ANNOLOG_LIMITS__FAILED_LOGINS_ADDRESS_MAX": "1000000000",
    "ANNOLOG_LIMITS__FAILED_LOGINS_MAX": "1000000000",
    "ANNOLOG_LIMITS__REGISTRATIONS_ADDRESS_MAX": "1000000000",
}
_CASES = re.compile(r"^ *(\d+) generated", re.MULTILINE)
_FAILURES = re.compile(r"^=+ (ERRORS|FAILURES) =+$", re.MULTILINE)


class Fuzzed(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        cases: Requests that were made up.
        code: 0 if nothing was found.
        findings: What schemathesis tells of them, each with how to see it again.
        logged: What the server logged of errors of its own.
    """

    cases: int
    code: int
    findings: str
    logged: str


async def fuzz(place: Path, seed: int, *options: str) -> Fuzzed:
    """Run it against a new server.

    Args:
        place: A directory for whatever is written.
        seed: Of everything that is drawn.
        options: Further ones of ``st run``.
    """
    server = Process(place / "data", environment=_LIMITS)
    await server.start()
    try:
        admin = {**ADMIN, "name": "Root"}
        async with aiohttp.ClientSession(server.url) as session, session.post("/v1/users", json=admin) as response:
            assert response.status == 201
            told = {"ANNOLOG_URL": server.url, "ANNOLOG_ADMIN_ID": (await response.json())["id"]}
        output, code = await asyncio.to_thread(_run, told, place, seed, options)
        assert server.process.poll() is None, server.stderr
        logged = "\n".join(line for line in server.stderr.splitlines() if "request failed" in line)
    finally:
        server.close()
    cases = _CASES.search(output)
    assert cases is not None, output
    findings = "" if code == 0 else output[found.start() :] if (found := _FAILURES.search(output)) else output
    return Fuzzed(int(cases[1]), code, findings, logged)


def _run(told: dict[str, str], place: Path, seed: int, options: tuple[str, ...]) -> tuple[str, int]:
    description = f"{told['ANNOLOG_URL']}/openapi.json"
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run", description]
    environment = {**os.environ, **told, "PYTHONPATH": str(ROOT)}
    given = ["--seed", str(seed), "--continue-on-failure", "--no-color", *options]
    done = subprocess.run([*command, *given], cwd=place, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, done.returncode
