"""Starting with a million entities, and the memory that they take, against Redis with the same ones."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.scale.dataset import build
from bench.scale.redis import Redis
from bench.scale.state import resident
from bench.server import ServerProcess


def measure(directory: Path, log_only: Path, size: int, work: Path, rounds: int, *, with_redis: bool) -> dict[str, Any]:
    """Return the figures of starts, interleaved: both sides read from the disk, not from the page cache.

    Args:
        directory: A data directory whose entities are in a snapshot.
        log_only: One with the same in its log.
        size: How many annotations.
        work: For Redis' files.
        rounds: Starts of each side.
        with_redis: Compare with it.
    """
    redis = Redis(work) if with_redis else None
    if redis is not None:
        redis.fill(build(size))
    sides: dict[str, list[dict[str, float]]] = {"annolog": [], "redis": []}
    for _ in range(rounds):
        sides["annolog"].append(_start(directory))
        if redis is not None:
            sides["redis"].append(_start_redis(redis))
    figures: dict[str, Any] = {"sides": sides, "replay": _start(log_only), "parts": parts(directory)}
    if redis is not None:
        figures["redis"] = redis.version
        for name in ("ready_seconds", "load_seconds", "resident_bytes"):
            medians = [statistics.median(one[name] for one in sides[side]) for side in ("annolog", "redis")]
            figures[f"{name}_ratio"] = medians[0] / medians[1]
    return figures


def _start(directory: Path) -> dict[str, float]:
    # Its recovery drops the files that it reads from the page cache itself.
    server = ServerProcess(directory)
    try:
        found = re.search(r'"seconds": ([\d.]+)', server.output())
        if found is None:
            raise RuntimeError(f"The server does not say how long it took: {server.output()}")
        size = sum(map(resident, (server.pid, *_children(server.pid))))
        return {"ready_seconds": server.ready_seconds, "load_seconds": float(found[1]), "resident_bytes": size}
    finally:
        server.stop()


def _start_redis(redis: Redis) -> dict[str, float]:
    ready, load = redis.start(cold=True)
    try:
        return {"ready_seconds": ready, "load_seconds": load, "resident_bytes": resident(redis.pid)}
    finally:
        redis.stop()


def _children(process: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        found += map(int, children.read_text().split())
    return found


def parts(directory: Path) -> dict[str, int]:
    """Return the bytes that a loaded state takes, by part, in a process of their own."""
    command = [sys.executable, "-m", "bench.scale.parts", str(directory)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return {name: int(size) for name, size in (line.rsplit(" ", 1) for line in told.splitlines())}
