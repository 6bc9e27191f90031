"""One side of the benchmark as a process: the real application, over a durable log or over none.

Run as ``python -m bench.side durable DIRECTORY`` or ``python -m bench.side memory``. It prints its port when it is
ready, and the CPU seconds that it has used at each line that it reads.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path

from aiohttp import web

from bench.memory_log import MemoryLog
from service import clock
from service.app import make_app, make_runner, make_services
from service.engine import Engine, Log
from service.kinds import KINDS
from service.settings import load
from service.state.state import State
from wal.recovery import open_log


async def run(side: str, directory: Path | None) -> None:
    """Serve until standard input ends."""
    settings = load(flags={"passwords": {"memory_kib": 8, "passes": 1}})
    state = State(KINDS)
    log: Log = MemoryLog()
    if side == "durable" and directory is not None:
        log, _ = await open_log(directory, settings.log, state)
    services = make_services(settings, dict)
    services.gate.open(Engine(state, log, clock.now))
    gc.collect()
    gc.freeze()
    runner = make_runner(make_app(services))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(f"{time.process_time()}\n")
        sys.stdout.flush()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))
