"""The state alone, without HTTP and log, at one size: creates, lists, memory by part, loading.

Run as ``python -m bench.scale.state SIZE``, a process a size; it prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.memory_log import MemoryLog
from bench.scale.dataset import ACTOR, START_US, STEP_US, Kind, build
from service import clock
from service.commands import Create, List
from service.engine import Engine
from service.ids import IdSource
from service.kinds.marks import AnnotationDraft
from service.settings import load
from service.state.state import State

ROUNDS, CREATES = 9, 1_000


def measure(size: int) -> dict[str, Any]:
    """Return the figures of one size."""
    begin = time.perf_counter()
    state = build(size)
    seconds = time.perf_counter() - begin
    gc.collect()
    gc.freeze()
    engine = _engine(state)
    figures: dict[str, Any] = {
        "entities": size,
        "apply_seconds": seconds,
        "lists_ms": _lists(engine, "annotation", filters(state, size)),
        "create_us": asyncio.run(create_us(engine, state)),
    }
    scored = build(size, "extraction")
    figures["lists_ms"] |= _lists(_engine(scored), "extraction", bounds(size))
    return figures


async def create_us(engine: Engine, state: State) -> list[float]:
    """Return the CPU microseconds of a create, of each round."""
    ids, (document_id, _) = IdSource(clock.now), next(state.tables["document"].items())
    draft = AnnotationDraft(document_id=document_id, start=0, end=11, label="label 1")
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(CREATES):
            new_id = ids.new("ann")
            await engine.submit(Create(actor=ACTOR, operation="b", kind="annotation", new_id=new_id, draft=draft))
        rounds.append((time.process_time() - begin) / CREATES * 1e6)
    return rounds


def filters(state: State, size: int) -> dict[str, dict[str, Any]]:
    """Return the queries of annotations with one filter and with two, by name."""
    document_id, _ = next(state.tables["document"].items())
    single: dict[str, dict[str, Any]] = {
        "document_id": {"filters": {"document_id": (document_id,)}},
        "label": {"filters": {"label": ("label 3",)}},
        "author_id": {"filters": {"author_id": (f"user_{21:026d}",)}},
        "type": {"filters": {"type": ("span",)}},
        "status": {"filters": {"status": ("accepted",)}},
        "target": {"filters": {"target": ("ann_none",)}},
        "extraction_id": {"filters": {"extraction_id": ("ext_none",)}},
        **_times(size),
    }
    return {"none": {}, **single, **_pairs(single)}


def bounds(size: int) -> dict[str, dict[str, Any]]:
    """Return the queries of extractions by confidence, alone and with another filter."""
    single: dict[str, dict[str, Any]] = {
        "label": {"filters": {"label": ("label 3",)}},
        "type": {"filters": {"type": ("span",)}},
        **_times(size),
    }
    found: dict[str, dict[str, Any]] = {}
    for bound in (0.0, 0.5, 0.87, 0.99):
        bounded = {"confidence": {"at_least": {"confidence": bound}}, **single}
        pairs = {name: one for name, one in _pairs(bounded).items() if "confidence" in name}
        found |= {f"{name} {bound}": one for name, one in ({"confidence": bounded["confidence"]} | pairs).items()}
    return found


def _times(size: int) -> dict[str, dict[str, Any]]:
    middle = START_US + size // 2 * STEP_US
    return {"created_at_ge": {"created_at_ge": middle}, "created_at_lt": {"created_at_lt": middle}}


def _pairs(single: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    names = sorted(single)
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    return {f"{one}, {other}": _both(single[one], single[other]) for one, other in pairs}


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    together = {**one, **other}
    if "filters" in one and "filters" in other:
        together["filters"] = one["filters"] | other["filters"]
    return together


def _engine(state: State) -> Engine:
    return Engine(state, MemoryLog(), lambda: START_US, load().limits)


def _lists(engine: Engine, kind: Kind, queries: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {f"{kind}s by {name}": asyncio.run(_list_ms(engine, kind, one)) for name, one in queries.items()}


async def _list_ms(engine: Engine, kind: Kind, members: dict[str, Any]) -> float:
    """Return the median CPU milliseconds of a first page with its count."""
    query = List(**{"actor": ACTOR, "kind": kind, "filters": {}, "count": True} | members)
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        await engine.page(query)
        rounds.append((time.process_time() - begin) * 1e3)
    return statistics.median(rounds)


def resident(process: int | None = None) -> int:
    """Return the resident memory of a process, this one by default, in bytes."""
    pages = Path(f"/proc/{process or 'self'}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
