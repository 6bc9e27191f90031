"""What is written to the disk for each byte of records, in steady state: the log, its preparation, snapshots, archive.

Run as ``python -m bench.scale.written DIRECTORY CYCLES [SHARE]``, in a process of its own; it prints JSON. What counts
is what the programs wrote; the device's own counter, which includes what the file system adds and everybody else, is
told too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.scale.dataset import ACTOR
from service import clock
from service.commands import Create
from service.engine import Engine
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.marks import AnnotationDraft
from service.settings import load
from service.state.state import State, index_fields
from wal.compactor import Compactor
from wal.opening import open_log

_TOGETHER = 500


async def measure(directory: Path, cycles: int, share: float | None = None) -> dict[str, Any]:
    """Create annotations until so many compactions have run, each as it becomes due.

    Args:
        directory: A data directory.
        cycles: How many compactions.
        share: The setting `compaction.growth_share`, its default if None.
    """
    settings = load(flags=None if share is None else {"compaction": {"growth_share": share}})
    state = State(KINDS)
    log, report = await open_log(directory, settings.log, state)
    compactor = Compactor(log, directory, settings.compaction, index_fields(KINDS), epoch=report.epoch)
    compacting = asyncio.create_task(compactor.run(check_seconds=0.05))
    engine, ids = Engine(state, log, clock.now, settings.limits), IdSource(clock.now)
    document_id, _ = next(state.tables["document"].items())
    draft = AnnotationDraft(document_id=document_id, start=0, end=11, label="label 1")
    marks: list[tuple[int, int, int]] = []
    created = 0
    while len(marks) <= cycles:
        # From the end of one compaction to the end of another one, so that each is counted once.
        if compactor.status.runs > len(marks):
            marks.append((log.bytes, written(), device_written(directory)))
        if not compactor.status.running:
            created += _TOGETHER
            drafts = [
                Create(actor=ACTOR, operation="b", kind="annotation", new_id=ids.new("ann"), draft=draft)
                for _ in range(_TOGETHER)
            ]
            await asyncio.gather(*map(engine.submit, drafts))
        await asyncio.sleep(0.02 if compactor.status.running else 0)
    compacting.cancel()
    await asyncio.gather(compacting, return_exceptions=True)
    await log.close()
    records, total, device = (last - first for first, last in zip(marks[0], marks[-1], strict=True))
    return {
        "created": created,
        "share": settings.compaction.growth_share,
        "record_bytes": records,
        "written_bytes": total,
        "device_bytes": device,
        "ratio": total / records,
    }


def written() -> int:
    """Return the bytes that this process, the children that live and those that have ended have written to files."""
    living = [child for one in Path("/proc/self/task").glob("*/children") for child in one.read_text().split()]
    return sum(_written(process) for process in ("self", *living))


def _written(process: str) -> int:
    # What `write` was asked for. The kernel's count of dirtied bytes includes all of a large page of the cache.
    fields = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
    return int(fields["wchar"])


def device_written(directory: Path) -> int:
    """Return the bytes that were written to the device of a directory since the machine's start, 0 if it has none."""
    device = directory.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(counters.read_text().split()[6]) * 512 if counters.exists() else 0


if __name__ == "__main__":
    begin = time.monotonic()
    figures = asyncio.run(
        measure(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else None)
    )
    sys.stdout.write(json.dumps(figures | {"seconds": time.monotonic() - begin}) + "\n")
