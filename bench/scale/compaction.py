"""A compaction of a million entities while clients write: what they notice of it."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.load import Target
from bench.process import SideProcess
from bench.scale.callbacks import Longest
from bench.scale.host import HostWatch, Span, within

CLIENTS, CAPACITY_SECONDS, EDGE_SECONDS, SHARE = 64, 5.0, 1.0, 0.5
REST_SECONDS = 60.0
Found = list[tuple[float, float]]


def measure(make: Callable[[], Path], rounds: int, rest_seconds: float = REST_SECONDS) -> dict[str, Any]:
    """Return the latencies of creates in an open loop at half of what the server can do, in compactions and rests.

    Each round has a directory and a server of its own, so that each compacts as much. What the callbacks of the event
    loop use is measured in rounds of their own: watching them takes the server a tenth of its time, and clients would
    notice.

    Args:
        make: Makes a data directory anew.
        rounds: How many compactions, each after a rest; of those that are watched half as many.
        rest_seconds: How long a rest is; the first second of it belongs to neither side.
    """
    rate = _capacity(make(), min(CAPACITY_SECONDS, rest_seconds)) * SHARE
    spans: dict[str, list[Span]] = {"compacting": [], "quiet": []}
    latencies: dict[str, list[dict[str, float]]] = {"compacting": [], "quiet": []}
    for _ in range(rounds):
        with _loaded(make(), rate) as (side, found):
            time.sleep(rest_seconds)
            begin = time.monotonic() + EDGE_SECONDS
            time.sleep(rest_seconds)
            spans["quiet"].append((begin, time.monotonic()))
            spans["compacting"].append(side.ask("compact"))
        for name, one in spans.items():
            latencies[name].append(_percentiles(found, one[-1]))
    pairs = zip(latencies["compacting"], latencies["quiet"], strict=True)
    return {
        "rate": rate,
        "seconds": [end - begin for begin, end in spans["compacting"]],
        "callbacks": [_callbacks(make(), rate, rest_seconds) for _ in range((rounds + 1) // 2)],
        "latencies_ms": latencies,
        "p99_ratio": statistics.median(one["p99"] / other["p99"] for one, other in pairs),
    }


def _callbacks(directory: Path, rate: float, rest_seconds: float) -> dict[str, Any]:
    """Return the longest callbacks of a rest and of a compaction, and whether it is known what the host took of them.

    Each is told with the milliseconds in which its processor was held, and with what is left of its CPU time.
    """
    with _loaded(directory, rate) as (side, _):
        time.sleep(rest_seconds)
        side.ask("callbacks")
        watch = HostWatch()
        time.sleep(rest_seconds)
        quiet = side.ask("callbacks")
        side.ask("compact")
        compacting = side.ask("callbacks")
        held = watch.stop()
    longest = {"quiet": quiet, "compacting": compacting}
    told = {name: [_own(Longest(*one), held) for one in callbacks] for name, callbacks in longest.items()}
    return {"host_known": watch.permitted, **told}


def _own(callback: Longest, held: dict[int, list[Span]]) -> dict[str, Any]:
    span = callback.begin, callback.begin + callback.wall_ms / 1e3
    held_ms = within(held[callback.processor], *span) * 1e3
    return callback._asdict() | {"held_ms": held_ms, "own_ms": max(0.0, callback.cpu_ms - held_ms)}


@contextmanager
def _loaded(directory: Path, rate: float) -> Iterator[tuple[SideProcess, Found]]:
    """Serve a directory while an open loop creates; when that has ended, tell when each was due and its seconds."""
    found: Found = []
    side = SideProcess("watched", str(directory))
    try:
        command = [sys.executable, "-m", "bench.scale.open_loop", str(side.port), str(rate)]
        loader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield side, found
        finally:
            told, _ = loader.communicate()
        found += [(float(due), float(seconds)) for due, seconds in map(str.split, told.splitlines())]
    finally:
        side.close()


def _capacity(directory: Path, seconds: float) -> float:
    async def load(port: int) -> float:
        target = Target(port)
        await target.prepare()
        found = await target.load(CLIENTS, seconds)
        return found.requests / found.seconds

    side = SideProcess("watched", str(directory))
    try:
        return asyncio.run(load(side.port))
    finally:
        side.close()


def _percentiles(found: Found, span: Span) -> dict[str, float]:
    """Return percentiles, in milliseconds, of the requests that were due within a span."""
    within_it = sorted(seconds * 1e3 for due, seconds in found if span[0] <= due < span[1])
    places = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    figures = {name: within_it[int(len(within_it) * place)] for name, place in places.items()}
    return {"requests": len(within_it), **figures, "max": within_it[-1]}
