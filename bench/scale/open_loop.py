"""An open loop of durable creates: they are due at a steady rate, whatever the server does, so waiting is counted.

Run as ``python -m bench.scale.open_loop PORT RATE``. When its standard input ends it prints two numbers a request: when
it was due, on the machine's monotonic clock, and the seconds from then to its answer.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
import sys
import threading
import time
from collections.abc import Iterator

from bench.load import Target

CONNECTIONS = 64


async def run(port: int, rate: float, ended: threading.Event) -> list[tuple[float, float]]:
    """Return when each request was due, and how long it took from then, in seconds."""
    target = Target(port)
    await target.prepare()
    due = _due(rate, ended)
    found: list[tuple[float, float]] = []

    async def client() -> None:
        async with target.connection() as create:
            # One iterator for all of them: who is free takes the next request that is due.
            for at in due:
                await asyncio.sleep(at - time.monotonic())
                await create()
                found.append((at, time.monotonic() - at))

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return found


def _due(rate: float, ended: threading.Event) -> Iterator[float]:
    begin = time.monotonic()
    for number in itertools.count():
        if ended.is_set():
            return
        yield begin + number / rate


def main() -> None:
    """Run it and print what it found."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    # Not epoll: that one waits in whole milliseconds.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        found = runner.run(run(int(sys.argv[1]), float(sys.argv[2]), ended))
    sys.stdout.writelines(f"{at:.6f} {seconds:.6f}\n" for at, seconds in found)


if __name__ == "__main__":
    main()
