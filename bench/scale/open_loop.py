"""An open loop of durable creates: they are due at a steady rate, whatever the server does, so waiting is counted.

Run as ``python -m bench.scale.open_loop PORT RATE``. When its standard input ends it prints two numbers a request: when
it was due, on the machine's monotonic clock, and the seconds from then to its answer.

It shares two processors with the server, so it works on bare sockets: 39 µs a create, where a loop with a task for each
connection takes 86.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import threading
import time
from collections import deque

from bench.load import Target
from service.load.answer import AnswerReader

CONNECTIONS = 64
_CREATED = 201
_RECEIVED_BYTES = 64 * 1024
_WAIT_SECONDS_MAX = 0.1


class OpenLoop:
    """Sends one request whenever one is due, on a connection that is free, or as soon as one is.

    Args:
        port: Of the server, on 127.0.0.1.
        request: What to send.

    Attributes:
        found: When each request was due, and how long it took from then, in seconds.
    """

    def __init__(self, port: int, request: bytes) -> None:
        self.found: list[tuple[float, float]] = []
        self._request = request
        self._ready = select.epoll()
        self._open = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self._free = deque(self._open)
        self._by_number = {one.fileno(): (one, AnswerReader()) for one in self._open}
        self._asked: dict[int, float] = {}
        for one in self._open:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self._ready.register(one, select.EPOLLIN)

    def run(self, rate: float, ended: threading.Event) -> None:
        """Send until `ended` is set, then wait for the last answers.

        Args:
            rate: Requests a second.
            ended: No more are due.

        Raises:
            RuntimeError: An answer is not the expected one, or there is none.
            OSError: A connection broke.
        """
        begin, sent = time.monotonic(), 0
        while self._asked or not ended.is_set():
            due = begin + sent / rate
            while due <= time.monotonic() and self._free and not ended.is_set():
                self._send(due)
                sent += 1
                due = begin + sent / rate
            self._receive(due - time.monotonic() if self._free else _WAIT_SECONDS_MAX)

    def close(self) -> None:
        """Close the connections."""
        self._ready.close()
        for one in self._open:
            one.close()

    def _send(self, due: float) -> None:
        one = self._free.popleft()
        if one.send(self._request) < len(self._request):
            raise RuntimeError("a connection took only a part of a request")
        self._asked[one.fileno()] = due

    def _receive(self, seconds: float) -> None:
        """Take what has arrived, or arrives within some seconds."""
        # `poll` alone waits in whole milliseconds.
        if not select.select([self._ready], [], [], min(max(seconds, 0.0), _WAIT_SECONDS_MAX))[0]:
            return
        for number, _ in self._ready.poll(0):
            one, reader = self._by_number[number]
            data = one.recv(_RECEIVED_BYTES)
            if not data:
                raise RuntimeError("the server closed a connection")
            answer = reader.feed(data)
            if answer is None:
                continue
            if answer.status != _CREATED:
                raise RuntimeError(f"expected {_CREATED}, found {answer.status}: {answer.body!r}")
            due = self._asked.pop(number)
            self.found.append((due, time.monotonic() - due))
            self._free.append(one)


def main() -> None:
    """Run it and print what it found."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    port, rate = int(sys.argv[1]), float(sys.argv[2])
    target = Target(port)
    asyncio.run(target.prepare())
    loop = OpenLoop(port, target.request)
    loop.run(rate, ended)
    loop.close()
    sys.stdout.writelines(f"{at:.6f} {seconds:.6f}\n" for at, seconds in loop.found)


if __name__ == "__main__":
    main()
