"""Hostile input to the real process, each answered with its own problem; afterwards a kill, and nothing is lost."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_server import PASSWORD, Server

TEXT = "Marie Curie"
QUICK = {"ANNOLOG_LIMITS__BODY_SECONDS": "0.5", "ANNOLOG_LIMITS__KEEPALIVE_SECONDS": "0.5"}


class Victim(Server):
    """A server with two users, of whom the first has a document with an annotation."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, environment=QUICK)
        self.tokens = []
        for email in ("ada@example.org", "bob@example.org"):
            credentials = {"email": email, "password": PASSWORD}
            assert self.call("POST", "/v1/users", credentials)[0] == 201
            self.tokens.append(str(self.call("POST", "/v1/sessions", credentials)[1]["token"]))
        self.document = self.call("POST", "/v1/documents", {"title": "t", "text": TEXT}, self.tokens[0])[1]
        body = {"document_id": self.document["id"], "start": 0, "end": 5, "label": "person"}
        self.mark = self.call("POST", "/v1/annotations", body, self.tokens[0])[1]

    def raw(self, sent: bytes) -> tuple[int, str]:
        """Send bytes; returns status and problem of the answer, 0 if the connection ended without one."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
            answer = b""
            while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
        if not answer:
            return 0, ""
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), str(json.loads(body)["type"]).rpartition("/")[2]

    def request(
        self, method: str, path: str, body: bytes = b"", *, user: int = 0, headers: tuple[str, ...] = ()
    ) -> bytes:
        """Return the bytes of a request."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {self.tokens[user]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def marks(self) -> Any:
        """Return all annotations."""
        return self.call("GET", "/v1/annotations?count=true", token=self.tokens[0])[1]


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    """Return the server."""
    victim = Victim(tmp_path / "data")
    yield victim
    victim.process.kill()
    victim.process.wait()


def bodies(document_id: str) -> list[tuple[bytes, tuple[int, str]]]:
    """Return bodies for a new annotation, and how each is answered."""
    head = b'{"document_id":"%s",' % document_id.encode()
    nested = b"[" * 100_000 + b"]" * 100_000
    return [
        (head, (400, "malformed")),
        (head + b'"attributes":{"a":' + nested + b"}}", (400, "malformed")),
        (head + b'"start":%d,"end":%d}' % (2**70, 2**70 + 1), (422, "invalid")),
        (head + b'"start":NaN,"end":1}', (400, "malformed")),
        (head + b'"label":"\\ud800"}', (400, "malformed")),
        (head + b'"label":"\xff"}', (400, "malformed")),
        (head + b'"start":"0","end":1}', (422, "invalid")),
        (head + b'"start":0,"end":1,"colour":"red"}', (422, "invalid")),
        (head + b'"start":0,"end":%d}' % (len(TEXT) + 1), (422, "invalid")),
        (head + b'"start":0,"end":5,"text":"Maria"}', (422, "text-mismatch")),
        (head + b'"start":0,"end":5,"owner_id":"x"}', (422, "invalid")),
        (b"[]", (422, "invalid")),
    ]


def test_each_hostile_body_has_its_problem_and_nothing_is_lost(victim: Victim) -> None:
    """Then the process is killed, and what was there is there."""
    before = victim.marks()
    for body, answer in bodies(victim.document["id"]):
        assert victim.raw(victim.request("POST", "/v1/annotations", body)) == answer, body[:200]
    after_all(victim, before)


def test_each_hostile_request_has_its_problem_and_nothing_is_lost(victim: Victim) -> None:
    """Sizes, cursors, conditions, keys, other people's tokens and ids, and what is no HTTP."""
    before = victim.marks()
    mark, path = victim.mark["id"], f"/v1/annotations/{victim.mark['id']}"
    stale = victim.request("PATCH", path, b'{"label":"x"}', headers=('If-Match: "7"',))
    keyed = ("Idempotency-Key: once",)
    first = victim.request("POST", "/v1/documents", b'{"title":"a"}', user=1, headers=keyed)
    other = victim.request("POST", "/v1/documents", b'{"title":"b"}', user=1, headers=keyed)
    taken = json.dumps({"email": "ada@example.org", "password": PASSWORD}).encode()
    large = victim.request("POST", "/v1/documents").replace(b"Content-Length: 0", b"Content-Length: 52428800")
    conflicting = victim.request("POST", "/v1/documents", b"{}", headers=("Content-Length: 3",))
    cases = [
        (large + b"x" * 65536, (413, "too-large")),
        (victim.request("POST", "/v1/users", taken), (409, "taken")),
        (victim.request("GET", "/v1/annotations?cursor=rubbish"), (400, "malformed")),
        (stale, (412, "precondition-failed")),
        (other, (422, "idempotency-key-reused")),
        (victim.request("GET", path, user=1), (404, "not-found")),
        (victim.request("DELETE", path, user=1), (404, "not-found")),
        (victim.request("DELETE", f"/v1/documents/{victim.document['id']}", user=1), (404, "not-found")),
        (victim.request("GET", path).replace(victim.tokens[0].encode(), b"of-nobody"), (401, "unauthenticated")),
        (conflicting, (400, "malformed")),
        (victim.request("GET", f"/v1/annotations/{mark}x"), (404, "not-found")),
    ]
    victim.call("POST", "/v1/documents", {"title": "a"}, victim.tokens[1])
    with socket.create_connection((victim.url.split(":")[1][2:], int(victim.url.split(":")[2])), timeout=10) as one:
        one.sendall(first)
        assert one.recv(65536).startswith(b"HTTP/1.1 201 ")
    for sent, answer in cases:
        assert victim.raw(sent) == answer, sent[:300]
    after_all(victim, before)


def test_slow_clients_are_let_go_and_nothing_is_lost(victim: Victim) -> None:
    """A header that never ends, and a body that never comes."""
    before = victim.marks()
    begin = time.monotonic()
    assert victim.raw(b"POST /v1/documents HTTP/1.1\r\nHost: a\r\nX-Slow:") == (0, "")
    slow = victim.request("POST", "/v1/documents").replace(b"Content-Length: 0", b"Content-Length: 9") + b"{"
    assert victim.raw(slow) == (408, "too-slow")
    assert time.monotonic() - begin < 8
    after_all(victim, before)


def after_all(victim: Victim, before: Any) -> None:
    """The server lives; it is killed and started again, and holds what it held."""
    assert victim.marks() == before
    victim.process.kill()
    victim.process.wait()
    victim.start()
    assert victim.marks() == before
    path = f"/v1/documents/{victim.document['id']}"
    assert victim.call("GET", path, token=victim.tokens[0])[1]["text"] == TEXT
