"""A client that sends bytes as they are and reads answers strictly."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import NamedTuple

from tests.raw.case import OWN_TOKEN, Case, Ending

PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 8.0
SENTINEL = "sentinel"
_CONTINUE = 100
_PIECE = 65536


class Answer(NamedTuple):
    """An answer that was read, with the names of its header fields in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def is_problem(self) -> bool:
        """It is a whole problem document of its status (RFC 9457)."""
        if self.fields.get("content-type") != "application/problem+json":
            return False
        problem = json.loads(self.body)
        return bool(problem["type"].startswith("/problems/")) and problem["status"] == self.status


class RawClient:
    """One connection.

    Args:
        address: Of the server.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE_SECONDS)
        self._rest = b""

    def send(self, *parts: bytes) -> None:
        """Send bytes, with a pause between two parts. A server that refused early may have closed."""
        for number, part in enumerate(parts):
            if number:
                time.sleep(PAUSE_SECONDS)
            try:
                self._socket.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                return

    def end(self, ending: Ending) -> bool:
        """End the client's side, or not; tells if anything can be read after that."""
        if ending is Ending.HALF:
            self._socket.shutdown(socket.SHUT_WR)
        elif ending is Ending.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return ending not in (Ending.CLOSE, Ending.RESET)

    def read(self) -> Answer | None:
        """Read an answer; None at the end of the connection.

        Raises:
            TimeoutError: Neither comes.
        """
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return None
        top, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *lines = top.decode("latin-1").split("\r\n")
        version, status = line.split()[:2]
        assert version in ("HTTP/1.1", "HTTP/1.0", "HTTP/0.9"), line
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        length = int(fields.get("content-length", "0"))
        while len(self._rest) < length:
            assert self._more(), f"the answer ends within its body: {line}"
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(int(status), fields, body)

    def close(self) -> None:
        """Close."""
        self._socket.close()

    def _more(self) -> bool:
        try:
            piece = self._socket.recv(_PIECE)
        except ConnectionResetError:
            piece = b""
        self._rest += piece
        return bool(piece)


def attempt(address: tuple[str, int], case: Case, token: str) -> tuple[list[Answer], bool]:
    """Be the client of a case; returns what it was answered, and if the connection could be used on.

    It can if a request that follows, which nobody else makes, gets the very next answer.
    """
    assert len(token) == len(OWN_TOKEN), "lengths were counted with the other one"
    client = RawClient(address)
    answers: list[Answer] = []
    try:
        client.send(*(part.replace(OWN_TOKEN.encode(), token.encode()) for part in case.sent))
        if not client.end(case.ending):
            return [], False
        while len(answers) < len(case.statuses):
            answer = client.read()
            if answer is None:
                return answers, False
            answers.append(answer)
        if case.ending is Ending.AFTER:
            client.end(Ending.HALF)
        if case.stays:
            client.send(f"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-ID: {SENTINEL}\r\n\r\n".encode())
        answer = client.read()
        if answer is not None and answer.fields.get("x-request-id") != SENTINEL:
            answers.append(answer)
        return answers, answer is not None
    finally:
        client.close()
