"""A compaction of a million entities while clients write: what they notice of it."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.load import Target
from bench.process import SideProcess
from bench.scale.callbacks import Longest

CLIENTS, CAPACITY_SECONDS, REST_SECONDS, EDGE_SECONDS, SHARE = 64, 5.0, 45.0, 1.0, 0.5
Span = tuple[float, float]


def measure(directory: Path, rounds: int, rest_seconds: float = REST_SECONDS) -> dict[str, Any]:
    """Return the latencies of creates in an open loop at half of what the server can do, in compactions and rests.

    What the callbacks of the event loop use is measured in rounds of their own: watching them takes the server a tenth
    of its time, and clients would notice.

    Args:
        directory: A data directory.
        rounds: How many compactions, each after a rest; of those that are watched half as many.
        rest_seconds: How long a rest is; the first second of it belongs to neither side.
    """
    side = SideProcess("watched", str(directory))
    try:
        rate = asyncio.run(_capacity(side.port, min(CAPACITY_SECONDS, rest_seconds))) * SHARE
        command = [sys.executable, "-m", "bench.scale.open_loop", str(side.port), str(rate)]
        loader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        spans: dict[str, list[Span]] = {"compacting": [], "quiet": []}
        time.sleep(rest_seconds)
        for _ in range(rounds):
            begin = time.monotonic() + EDGE_SECONDS
            time.sleep(rest_seconds)
            spans["quiet"].append((begin, time.monotonic()))
            spans["compacting"].append(side.ask("compact"))
        callbacks = _callbacks(side, (rounds + 1) // 2, rest_seconds)
        told, _ = loader.communicate()
    finally:
        side.close()
    found = [(float(due), float(seconds)) for due, seconds in map(str.split, told.splitlines())]
    latencies = {name: [_percentiles(found, span) for span in one] for name, one in spans.items()}
    pairs = zip(latencies["compacting"], latencies["quiet"], strict=True)
    return {
        "rate": rate,
        "seconds": [end - begin for begin, end in spans["compacting"]],
        "callbacks": callbacks,
        "latencies_ms": latencies,
        "p99_ratio": statistics.median(one["p99"] / other["p99"] for one, other in pairs),
    }


def _callbacks(side: SideProcess, rounds: int, rest_seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Return the longest callback of each rest and each compaction."""
    found: dict[str, list[dict[str, Any]]] = {"compacting": [], "quiet": []}
    side.ask("callbacks")
    for _ in range(rounds):
        time.sleep(rest_seconds)
        found["quiet"].append(Longest(*side.ask("callbacks"))._asdict())
        side.ask("compact")
        found["compacting"].append(Longest(*side.ask("callbacks"))._asdict())
    return found


async def _capacity(port: int, seconds: float) -> float:
    target = Target(port)
    await target.prepare()
    found = await target.load(CLIENTS, seconds)
    return found.requests / found.seconds


def _percentiles(found: list[tuple[float, float]], span: Span) -> dict[str, float]:
    """Return percentiles, in milliseconds, of the requests that were due within a span."""
    within = sorted(seconds * 1e3 for due, seconds in found if span[0] <= due < span[1])
    places = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    figures = {name: within[int(len(within) * place)] for name, place in places.items()}
    return {"requests": len(within), **figures, "max": within[-1]}
