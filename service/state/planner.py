"""The planner: which conditions of a list are applied first.

A condition says how many rows it leaves, at most, before any row is touched. The most selective one goes first, and
what follows is intersected with what is left; nothing is left soon, or what is left is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyroaring import BitMap


class Condition(NamedTuple):
    """What a row must fulfil.

    Attributes:
        size: How many rows do, or a few more.
        rows: Returns them; they are not changed.
    """

    size: int
    rows: Callable[[], BitMap]


def intersect(conditions: Sequence[Condition], everything: BitMap) -> BitMap:
    """Return the rows that fulfil all conditions, `everything` if there are none; not to be changed."""
    if not conditions:
        return everything
    first, *others = sorted(conditions, key=lambda condition: condition.size)
    found = first.rows()
    for condition in others:
        if not found:
            break
        found = found & condition.rows()
    return found


def span(first: int, end: int) -> Condition:
    """Return the condition that a row is not before `first` and before `end`."""
    size = max(0, end - first)
    return Condition(size, lambda: _span(first, first + size))


def _span(first: int, end: int) -> BitMap:
    rows = BitMap()
    rows.add_range(first, end)
    return rows
