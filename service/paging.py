"""Where a page ends: by the number of its items, and by their bytes."""

from __future__ import annotations

from itertools import accumulate, takewhile


def fitting(values: list[bytes], limit: int, bytes_max: int) -> int:
    """Return how many of some values make a page.

    Args:
        values: That could be on it, in order.
        limit: Items of a page at most.
        bytes_max: An item is on it if those before it have fewer bytes together, whatever its own size.
    """
    count = min(len(values), limit)
    if sum(map(len, values)) >= bytes_max:
        sizes = accumulate(map(len, values[:count]), initial=0)
        count = min(count, sum(1 for _ in takewhile(lambda size: size < bytes_max, sizes)))
    return count
