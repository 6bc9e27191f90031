"""The open loop counts waiting from when a request was due, and takes nothing but the answer that it expects."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest

from bench.scale.open_loop import CONNECTIONS, OpenLoop

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(*parts: bytes, pause: float = 0.0) -> Iterator[int]:
    """Answer each request on each connection with some bytes, a pause before each part; gives the port.

    Without parts a connection is closed at its first request.
    """

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(len(REQUEST), socket.MSG_WAITALL):
                if not parts:
                    return
                for part in parts:
                    time.sleep(pause)
                    connection.sendall(part)

    def accept() -> None:
        # It ends with the test, which may not want all of them.
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def run(loop: OpenLoop, rate: float, seconds: float) -> None:
    """Run a loop for some seconds."""
    ended = threading.Event()
    timer = threading.Timer(seconds, ended.set)
    timer.start()
    try:
        loop.run(rate, ended)
    finally:
        timer.cancel()
        loop.close()


def test_requests_are_due_at_the_rate_and_each_is_answered() -> None:
    """At steady distances, in the order in which they were due; an answer may come in parts."""
    with answering(CREATED[:20], CREATED[20:]) as port:
        loop = OpenLoop(port, REQUEST)
        run(loop, 200, 0.5)
    due = sorted(at for at, _ in loop.found)
    assert len(due) >= 20
    distances = [after - before for before, after in pairwise(due)]
    assert distances == pytest.approx([1 / 200] * len(distances))
    assert min(seconds for _, seconds in loop.found) > 0


def test_who_waits_for_a_connection_waits_from_when_it_was_due() -> None:
    """With all connections taken by a slow server, requests queue, and that counts."""
    with answering(CREATED, pause=0.2) as port:
        loop = OpenLoop(port, REQUEST)
        run(loop, 2 * CONNECTIONS / 0.2, 1.0)
    # Twice as many are due as can be answered: at the end half of the time is what they are late.
    assert max(seconds for _, seconds in loop.found) > 0.5
    assert len(loop.found) > 2 * CONNECTIONS


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        pytest.param([b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], "expected 201, found 503", id="another answer"),
        pytest.param([], "closed a connection", id="none"),
    ],
)
def test_anything_else_ends_it(parts: list[bytes], told: str) -> None:
    """It is told, and nothing is counted."""
    with answering(*parts) as port:
        loop = OpenLoop(port, REQUEST)
        with pytest.raises(RuntimeError, match=told):
            run(loop, 100, 5)
    assert loop.found == []
