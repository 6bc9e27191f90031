"""Asks the server again and again how it is, in a process of its own, and tells what kept it waiting.

``python -m tests.fuzz.canary HOST PORT PID`` runs until its input ends, then prints what it saw as JSON. What counts as
a stall of the event loop is the time of an answer without the time in which the kernel had the server's main thread,
or this process, wait for a processor: on a busy machine that is most of it, and says nothing of the server.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from pathlib import Path

import msgspec

EVERY_SECONDS = 0.01
_REQUEST = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
_KEPT = 20


class Wait(msgspec.Struct):
    """An answer that took long. Milliseconds; `begin` is the monotonic clock in seconds.

    Attributes:
        begin: When it was asked for.
        took: Until the answer.
        stall: Of it, without the time in which there was no processor.
        ran: The server's main thread, meanwhile.
    """

    begin: float
    took: float
    stall: float
    ran: float


class Watched(msgspec.Struct):
    """What was seen: how many answers, the median of their times, and the longest waits by stall."""

    answers: int
    median: float
    longest: list[Wait]


def scheduled(pid: int) -> tuple[float, float]:
    """Return how long the main thread of a process has run and has waited for a processor, in milliseconds."""
    ran, waited, _ = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    return int(ran) / 1e6, int(waited) / 1e6


def ask(connection: socket.socket, pid: int) -> Wait:
    """Ask once."""
    before, own = scheduled(pid), scheduled(os.getpid())
    begin = time.monotonic()
    connection.sendall(_REQUEST)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(4096)
    took = (time.monotonic() - begin) * 1000
    after, own_after = scheduled(pid), scheduled(os.getpid())
    waited = after[1] - before[1] + own_after[1] - own[1]
    return Wait(begin, took, max(0.0, took - waited), after[0] - before[0])


def main(host: str, port: int, pid: int) -> None:
    """Watch until the input ends."""
    waits: list[Wait] = []
    times: list[float] = []
    with socket.create_connection((host, port), timeout=30) as connection:
        while not select.select([sys.stdin], [], [], EVERY_SECONDS)[0]:
            wait = ask(connection, pid)
            times.append(wait.took)
            waits = sorted([*waits, wait], key=lambda one: -one.stall)[:_KEPT]
    watched = Watched(len(times), sorted(times)[len(times) // 2], waits)
    sys.stdout.buffer.write(msgspec.json.encode(watched))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
