"""Requests over HTTP at two sizes of the data, interleaved: creates, and first pages with their counts."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from typing import Any

from bench.load import Reader, Target
from bench.process import SideProcess
from bench.scale.dataset import AUTHORS, MARKS_A_DOCUMENT, START_US, STEP_US, TOKEN
from service.clock import format_time

CLIENTS, ROUNDS, SECONDS, PAGES = 64, 9, 2.0, 40
_QUIET_SECONDS, _QUIET_SHARE, _LOUD_SECONDS_MAX = 1.0, 0.02, 120.0
Figures = dict[str, dict[str, list[float]]]


def creates(small: Path, large: Path) -> dict[str, Any]:
    """Return the server's CPU microseconds a durable create, of each round of each side."""
    sides = [SideProcess("durable", str(directory)) for directory in (small, large)]
    try:
        return asyncio.run(_creates(dict(zip(("small", "large"), sides, strict=True))))
    finally:
        for side in sides:
            side.close()


async def _creates(sides: dict[str, SideProcess]) -> dict[str, Any]:
    found: dict[str, list[float]] = {name: [] for name in sides}
    targets = {name: Target(side.port) for name, side in sides.items()}
    for side in sides.values():
        await _quiet(side)
    for target in targets.values():
        await target.prepare()
        await target.load(CLIENTS, SECONDS)
    for number in range(ROUNDS):
        for name in sorted(sides, reverse=bool(number % 2)):
            before = sides[name].ask("cpu")
            answered = await targets[name].load(CLIENTS, SECONDS)
            found[name].append((sides[name].ask("cpu") - before) / answered.requests * 1e6)
    pairs = zip(found["large"], found["small"], strict=True)
    return {"cpu_us": found, "ratio": statistics.median(large / small for large, small in pairs)}


def lists(small: Path, large: Path, sizes: tuple[int, int]) -> dict[str, Any]:
    """Return the server's CPU microseconds of a first page of 50 with its count, by filters and side."""
    sides = [SideProcess("durable", str(directory)) for directory in (small, large)]
    try:
        return asyncio.run(_lists(sides, sizes))
    finally:
        for side in sides:
            side.close()


async def _lists(sides: list[SideProcess], sizes: tuple[int, int]) -> dict[str, Any]:
    readers = [Reader(side.port, TOKEN) for side in sides]
    queries = [await _queries(reader, size) for reader, size in zip(readers, sizes, strict=True)]
    for side in sides:
        await _quiet(side)
    found: dict[str, list[float]] = {}
    for name in queries[0]:
        rounds: list[list[float]] = [[], []]
        # The first round warms up.
        for number in range(ROUNDS + 1):
            for place in (0, 1) if number % 2 else (1, 0):
                before = sides[place].ask("cpu")
                await readers[place].read(queries[place][name], PAGES)
                rounds[place].append((sides[place].ask("cpu") - before) / PAGES * 1e6)
        found[name] = [statistics.median(each[1:]) for each in rounds]
    return {"cpu_us": found, "ratio": max(large / small for small, large in found.values())}


async def _quiet(side: SideProcess) -> None:
    """Return once a side that nobody asks does nothing: what it compacts and archives after its start is over.

    Raises:
        TimeoutError: It goes on and on.
    """
    async with asyncio.timeout(_LOUD_SECONDS_MAX):
        used = _QUIET_SECONDS
        while used > _QUIET_SHARE * _QUIET_SECONDS:
            before = side.ask("cpu")
            await asyncio.sleep(_QUIET_SECONDS)
            used = side.ask("cpu") - before


async def _queries(reader: Reader, size: int) -> dict[str, str]:
    """Return the paths of lists with one filter and with two, by name."""
    document = (await reader.json("/v1/documents?limit=1"))["items"][0]["id"]
    middle = format_time(START_US + size * (MARKS_A_DOCUMENT + 1) // MARKS_A_DOCUMENT // 2 * STEP_US)
    single = {
        "document_id": f"document_id={document}",
        "label": "label=label%203",
        "author_id": f"author_id=user_{21 % AUTHORS:026d}",
        "type": "type=span",
        "status": "status=accepted",
        "target": "target=ann_none",
        "extraction_id": "extraction_id=ext_none",
        "created_at_ge": f"created_at_ge={middle}",
        "created_at_lt": f"created_at_lt={middle}",
    }
    names = sorted(single)
    pairs = {f"{a}, {b}": f"{single[a]}&{single[b]}" for place, a in enumerate(names) for b in names[place + 1 :]}
    found = {"none": "", **single, **pairs}
    return {name: f"/v1/annotations?count=true&{query}" for name, query in found.items()}
