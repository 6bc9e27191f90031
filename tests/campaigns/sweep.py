"""Going through an enumeration: evenly thinned to the size that was asked for, on all cores, told in its order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from tests.campaigns.campaign import Result, Task

_ALONE = 2_000
_PARTS = 64


class Tally(msgspec.Struct):
    """What came of a part.

    Attributes:
        states: How many were made and checked.
        findings: As of a `Result`.
        figures: Counts by name.
    """

    states: int = 0
    findings: list[str] = msgspec.field(default_factory=list)
    figures: dict[str, int] = msgspec.field(default_factory=dict)

    def count(self, name: str) -> None:
        """Count one more of something."""
        self.figures[name] = self.figures.get(name, 0) + 1


Check = Callable[[int, list[int]], Tally]
"""Checks some places of an enumeration, for a seed. A function of a module, so that another process can find it."""


def spread(total: int, size: int) -> list[int]:
    """Return `size` places out of ``range(total)``, evenly spread; all if there are not so many."""
    size = min(total, size)
    return [place * total // size for place in range(size)]


def sweep(task: Task, total: int, check: Check, *, size: int | None = None) -> Result:
    """Check as many of the places of an enumeration as the task asks for.

    Args:
        task: What is asked for.
        total: How many places there are.
        check: Makes and checks what is at some of them.
        size: How many places, if a place is not one state.
    """
    places = list(task.places) or spread(total, task.size if size is None else size)
    # Neighbours have the most in common, and a part is told before the next: so parts are runs of places.
    length = max(1, -(-len(places) // _PARTS))
    parts = [places[start : start + length] for start in range(0, len(places), length)]
    result = Result(0, [])
    for tally in _tallies(check, task, parts):
        result.states += tally.states
        result.findings += tally.findings
        for name, count in tally.figures.items():
            result.figures[name] = result.figures.get(name, 0) + count
        task.on_progress(result.states)
    return result


def _tallies(check: Check, task: Task, parts: list[list[int]]) -> Iterator[Tally]:
    cores = len(os.sched_getaffinity(0))
    if task.size <= _ALONE or cores == 1:
        # Processes take longer to start than this takes.
        yield from (check(task.seed, part) for part in parts)
        return
    # Not forked: the bar has a thread.
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        yield from pool.map(check, [task.seed] * len(parts), parts)
