"""Where the memory of a loaded state goes. Run as ``python -m bench.scale.parts DIRECTORY``."""

# ruff: noqa: SLF001 - what is measured is what is inside

from __future__ import annotations

import gc
import sys
from pathlib import Path

from bench.scale.state import resident
from service.kinds import KINDS
from service.state.state import State
from wal.base import find_base, load_base
from wal.file_system import RealFileSystem
from wal.layout import SNAPSHOT_DIRECTORY


def measure(directory: Path) -> dict[str, int]:
    """Return bytes by part; the rest is what the process has grown by besides."""
    gc.collect()
    before = resident()
    state, files = State(KINDS), RealFileSystem()
    load_base(files, find_base(files, directory / SNAPSHOT_DIRECTORY), state)
    gc.collect()
    grown = resident() - before
    found = dict.fromkeys(("values", "ids", "ids to rows", "indexes", "sequences and order", "decoded rows"), 0)
    for table in state.tables.values():
        for id_, value in table.items():
            found["values"] += sys.getsizeof(value)
            found["ids"] += sys.getsizeof(id_)
        found["values"] += sys.getsizeof(table._values)
        found["ids"] += sys.getsizeof(table._rows._ids)
        found["ids to rows"] += sum(map(sys.getsizeof, table._rows._scattered.shards))
        found["sequences and order"] += sys.getsizeof(table._sequences) + sys.getsizeof(table._created)
        found["decoded rows"] += sum(map(sys.getsizeof, table._kept))
        for postings in table._postings.values():
            for term, rows in postings:
                # What a serialised bitmap takes is what its containers take in memory; an object and a key besides.
                found["indexes"] += len(rows.serialize()) + sys.getsizeof(rows) + sys.getsizeof(term) + 16
    return {"grown": grown, **found, "rest": grown - sum(found.values())}


if __name__ == "__main__":
    for name, size in measure(Path(sys.argv[1])).items():
        sys.stdout.write(f"{name} {size}\n")
