"""A process that appends to a log until it is killed, and prints each key once it is durable.

It compacts as often as it can. Run as ``python -m tests.wal.appender DIRECTORY``.
"""

import asyncio
import sys
from pathlib import Path

from tests.wal.model import DictState, put
from wal.compactor import Compactor
from wal.errors import CompactionError, NoRoomError
from wal.log import Log
from wal.opening import open_log
from wal.settings import CompactionSettings, LogSettings

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
        changes = [put(key, b'"%s"' % (b"x" * 200))]
        sequence = log.append(changes, time=0, actor=None, operation="test")
        state.apply(sequence, 0, changes)
        await log.wait(sequence)
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()


async def compact_again_and_again(compactor: Compactor) -> None:
    """Say when a snapshot is there."""
    while True:
        try:
            compacted = await compactor.compact()
        except NoRoomError:
            await asyncio.sleep(0.01)
        except CompactionError as error:
            # A run's own failure fails the test that reads this.
            sys.stdout.write(f"failed {error}\n")
            raise
        else:
            if compacted is not None:
                sys.stdout.write(f"snapshot {compacted.sequence}\n")
                sys.stdout.flush()
            await asyncio.sleep(0.01)


async def run(directory: Path) -> None:
    """Open the log and let eight clients and a compactor at it."""
    state = DictState()
    log, report = await open_log(directory, SETTINGS, state)
    compactor = Compactor(log, directory, CompactionSettings(), {"note": []}, epoch=report.epoch)
    await asyncio.gather(compact_again_and_again(compactor), *(client(log, state, name) for name in range(8)))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
