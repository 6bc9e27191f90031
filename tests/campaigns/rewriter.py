"""A process that rewrites a few keys until it is killed, compacting, archiving and pruning all the time.

Each change names the one of its key before it, as the service's do. It prints key and number of each change once that
is durable. Run as ``python -m tests.campaigns.rewriter DIRECTORY KEEP_BYTES``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

from tests.campaigns.keyed_state import KeyedState
from wal.archive import ArchiveSettings
from wal.change import Change
from wal.compactor import Compactor
from wal.errors import NoRoomError
from wal.log import Log
from wal.opening import open_log
from wal.settings import CompactionSettings, LogSettings

SETTINGS = LogSettings(segment_bytes=96 * 1024, record_bytes_max=4096, fill_pause_ms=0)
KEYS = 24
_REST_SECONDS = 0.02


def value_of(key: str, number: int) -> bytes:
    """Return what the change with a number gives a key."""
    return b'{"key":"%b","number":%d,"filling":"%b"}' % (key.encode(), number, b"x" * (number * 37 % 300))


async def rewrite(log: Log, state: KeyedState, key: str) -> None:
    """Give a key the next number, again and again; every ninth change deletes it."""
    number = state.number(key)
    while True:
        number += 1
        try:
            log.admit()
        except NoRoomError:
            await log.prepared()
            number -= 1
            await asyncio.sleep(0.001)
            continue
        before = state.values.get(("note", key))
        previous = state.sequences.get(("note", key), 0)
        value = None if number % 9 == 0 else value_of(key, number)
        change = Change(b"", "note.put" if value else "note.deleted", "note", key, 1, previous, value, before)
        marker = Change(b"", "count.put", "count", key, 1, state.sequences.get(("count", key), 0), b"%d" % number)
        sequence = log.append([change, marker], time=time.time_ns() // 1000, actor=None, operation=str(number))
        state.apply(sequence, 0, [change, marker])
        await log.wait(sequence)
        sys.stdout.write(f"{key} {number}\n")
        sys.stdout.flush()
        # Slower than what follows up: else the log grows for ever.
        await asyncio.sleep(_REST_SECONDS)


async def run(directory: Path, keep_bytes: int) -> None:
    """Open the log and let a client for each key and a compactor at it."""
    state = KeyedState()
    log, report = await open_log(directory, SETTINGS, state)
    compactor = Compactor(
        log,
        directory,
        CompactionSettings(growth_bytes_min=1, growth_share=0.01, retry_seconds=0.01, retry_seconds_max=0.01),
        {"note": ["key"], "count": []},
        epoch=report.epoch,
        retention=ArchiveSettings(keep_days=1, keep_bytes=keep_bytes),
        on_failure=lambda error: None if isinstance(error, NoRoomError) else _say(error),
    )
    await asyncio.gather(compactor.run(check_seconds=0.01), *(rewrite(log, state, f"key{n}") for n in range(KEYS)))


def _say(error: Exception) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"failed {type(error).__name__}: {error}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
