"""Raw bytes to the real process: each case is answered as its row says, and harms nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.raw import exchange, framing, lines
from tests.raw.case import BODY_BYTES, HEADER_LINE_BYTES, HEADERS_MAX, Case
from tests.raw.client import attempt
from tests.test_server import PASSWORD, Server

CASES: tuple[Case, ...] = (
    *framing.LENGTHS,
    *framing.CODINGS,
    *framing.CHUNKS,
    *framing.FIELDS,
    *lines.TARGETS,
    *lines.HOSTS,
    *lines.METHODS,
    *lines.VERSIONS,
    *exchange.BODIES,
    *exchange.EXPECTATIONS,
    *exchange.CONNECTIONS,
)
LIMITS = {
    "ANNOLOG_LIMITS__BODY_BYTES": str(BODY_BYTES),
    "ANNOLOG_LIMITS__HEADER_LINE_BYTES": str(HEADER_LINE_BYTES),
    "ANNOLOG_LIMITS__HEADERS_MAX": str(HEADERS_MAX),
    "ANNOLOG_LIMITS__BODY_SECONDS": "0.6",
    "ANNOLOG_LIMITS__KEEPALIVE_SECONDS": "0.6",
    "ANNOLOG_LOG__SEGMENT_BYTES": "8388608",
    "ANNOLOG_LOG__RECORD_BYTES_MAX": "7340032",
    "ANNOLOG_PASSWORDS__MEMORY_KIB": "64",
}


class Target(Server):
    """A server with one user."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, environment=LIMITS)
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        assert self.call("POST", "/v1/users", credentials)[0] == 201
        self.token = str(self.call("POST", "/v1/sessions", credentials)[1]["token"])

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def documents(self) -> int:
        """Return how many there are, on a connection of its own."""
        status, listed = self.call("GET", "/v1/documents?count=true&limit=1", token=self.token)
        assert status == 200
        return int(listed["total"])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return the server; at the end it is still alive and has logged no error."""
    server = Target(tmp_path_factory.mktemp("raw") / "data")
    yield server
    alive = server.process.poll() is None
    server.process.kill()
    server.process.wait()
    logged = server.directory.with_suffix(".log").read_text()
    assert alive, logged
    assert '"level": "error"' not in logged, logged


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_raw_request_is_answered_as_its_row_says(target: Target, case: Case) -> None:
    """Status by status; refusals are problems; the connection goes on or ends; others notice nothing."""
    before = target.documents()
    answers, stays = attempt(target.address, case, target.token)
    assert tuple(answer.status for answer in answers) == case.statuses, (case.why, [a.body for a in answers])
    assert [answer.body for answer in answers if answer.status >= 400 and not answer.is_problem] == []
    assert stays == case.stays, case.why
    least, most = case.created
    assert least <= target.documents() - before <= most


def test_there_are_as_many_cases_as_are_claimed() -> None:
    """And no name twice."""
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
