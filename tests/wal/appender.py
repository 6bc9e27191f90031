"""A process that appends to a log until it is killed, and prints each key once it is durable.

Run as ``python -m tests.wal.appender DIRECTORY``.
"""

import asyncio
import sys
from pathlib import Path

from tests.wal.model import DictState, put
from wal.errors import NoRoomError
from wal.log import Log
from wal.recovery import open_log
from wal.settings import LogSettings

SETTINGS = LogSettings(segment_bytes=64 * 1024, record_bytes_max=4096, fill_pause_ms=0)


async def client(log: Log, state: DictState, name: int) -> None:
    """Append one record after the other."""
    for number in range(1_000_000):
        key = f"{log.sequence}-{name}-{number}"
        try:
            log.admit()
        except NoRoomError:
            await asyncio.sleep(0.001)
            continue
        changes = [put(key, b"x" * 200)]
        sequence = log.append(changes, time=0, actor=None, operation="test")
        state.apply(sequence, 0, changes)
        await log.wait(sequence)
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()


async def run(directory: Path) -> None:
    """Open the log and let eight clients at it."""
    state = DictState()
    log, _ = await open_log(directory, SETTINGS, state)
    await asyncio.gather(*(client(log, state, name) for name in range(8)))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
