"""What the host took from this machine: on each processor a process that is to be woken before everybody else.

What sleeps for a moment in the real-time class is late only if its processor ran nothing of this machine, or if the
kernel did something that nobody may interrupt. The technique is that of cyclictest
(https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start).

Run as ``python -m bench.scale.host PROCESSOR``. It says whether it may; when its standard input ends it prints, as
JSON, the spans in which it was kept from waking.
"""

from __future__ import annotations

import gc
import json
import os
import select
import subprocess
import sys
import time

PERIOD_SECONDS, HELD_SECONDS = 0.001, 0.0005
Span = tuple[float, float]


class HostWatch:
    """Watches every processor, from its making on.

    Attributes:
        processes: The one on each.
        permitted: Whether this user may have the real-time class; if not, nothing is watched.
    """

    def __init__(self) -> None:
        self.processes = {
            processor: subprocess.Popen(
                [sys.executable, "-m", "bench.scale.host", str(processor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for processor in sorted(os.sched_getaffinity(0))
        }
        said = [one.stdout.readline() for one in self.processes.values() if one.stdout is not None]
        self.permitted = all(json.loads(line) for line in said)

    def stop(self) -> dict[int, list[Span]]:
        """Return when each processor was held, on the machine's monotonic clock, and end the watch."""
        return {
            processor: [(begin, end) for begin, end in json.loads(one.communicate()[0])]
            for processor, one in self.processes.items()
        }


def within(held: list[Span], begin: float, end: float) -> float:
    """Return how many seconds of a span a processor was held."""
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in held)


def _watch() -> list[Span]:
    """Sleep and wake until standard input ends."""
    held: list[Span] = []
    due = time.monotonic() + PERIOD_SECONDS
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        woken = time.monotonic()
        if woken - due > HELD_SECONDS:
            held.append((due, woken))
        due = woken + PERIOD_SECONDS
    return held


def main() -> None:
    """Watch one processor."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        permitted = True
    except PermissionError:
        permitted = False
    gc.disable()
    sys.stdout.write(f"{json.dumps(permitted)}\n")
    sys.stdout.flush()
    held = _watch() if permitted else []
    sys.stdout.write(f"{json.dumps(held)}\n")


if __name__ == "__main__":
    main()
