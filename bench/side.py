"""One side of a benchmark as a process: the real application, over a durable log or over none.

Run as ``python -m bench.side durable DIRECTORY``, ``memory``, ``one-sync DIRECTORY`` (nothing is stored, but each
record costs a sync) or ``watched DIRECTORY``. It prints its port when it is ready, then answers each line that it reads
with a line of JSON:

- ``cpu``: the CPU seconds that it and the processes it started have used.
- ``compact``: when a compaction began and ended, on the machine's monotonic clock (watched).
- ``callbacks``: those that used most CPU time since the last time (watched; `bench.scale.callbacks.Longest`). From the
  first time on all are watched, which costs a request a tenth of its time.

The durable side compacts as a server does, the watched one only when it is told to.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.memory_log import MemoryLog, OneSyncLog
from bench.scale.callbacks import Callbacks, Longest
from service import clock
from service.app import make_app, make_runner, make_services
from service.engine import Engine
from service.kinds import KINDS
from service.seams import Log
from service.settings import load
from service.state.state import State, index_fields
from wal.compactor import Compactor
from wal.opening import open_log

Answers = dict[str, Callable[[], Awaitable[Any]]]


async def run(side: str, directory: Path | None) -> None:
    """Serve until standard input ends."""
    settings = load(flags={"passwords": {"memory_kib": 8, "passes": 1}})
    state = State(KINDS)
    log: Log = MemoryLog()
    compacting: asyncio.Task[None] | None = None
    answers: Answers = {"cpu": _cpu}
    if directory is not None and side == "one-sync":
        log = OneSyncLog(directory.with_suffix(".one-sync"))
    elif directory is not None:
        log, report = await open_log(directory, settings.log, state)
        compactor = Compactor(log, directory, settings.compaction, index_fields(KINDS), epoch=report.epoch)
        if side == "durable":
            compacting = asyncio.create_task(compactor.run())
        else:
            answers |= _watching(compactor)
    services = make_services(settings, dict)
    services.gate.open(Engine(state, log, clock.now, settings.limits))
    gc.collect()
    gc.freeze()
    runner = make_runner(make_app(services))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _say(runner.addresses[0][1])
    while asked := (await asyncio.to_thread(sys.stdin.readline)).strip():
        _say(await answers[asked]())
    if compacting is not None:
        compacting.cancel()
    await runner.cleanup()


def cpu_seconds() -> float:
    """Return the CPU time of this process, of the children that live and of those that have ended, in seconds."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            # Nanoseconds on the CPU; each child has one thread.
            total += int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9
    return total


def _watching(compactor: Compactor) -> Answers:
    watches: list[Callbacks] = []

    async def compact() -> tuple[float, float]:
        begin = time.monotonic()
        await compactor.compact()
        return begin, time.monotonic()

    async def callbacks() -> list[Longest]:
        if not watches:
            watches.append(Callbacks())
        return watches[0].take()

    return {"compact": compact, "callbacks": callbacks}


async def _cpu() -> float:
    return cpu_seconds()


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))
