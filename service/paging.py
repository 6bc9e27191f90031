"""Where a page ends: by the number of its items, and by their bytes."""

from __future__ import annotations

from itertools import accumulate, takewhile


def page_of(values: list[bytes], positions: list[int], limit: int, bytes_max: int) -> tuple[list[bytes], int | None]:
    """Return the items of a page, and the position of the last one if more follow.

    Args:
        values: That could be on it, and one more if there is one.
        positions: Theirs.
        limit: Items of a page at most.
        bytes_max: An item is on it if those before it have fewer bytes together, whatever its own size.
    """
    count = min(len(values), limit)
    if sum(map(len, values)) >= bytes_max:
        sizes = accumulate(map(len, values[:count]), initial=0)
        count = min(count, sum(1 for _ in takewhile(lambda size: size < bytes_max, sizes)))
    return values[:count], positions[count - 1] if count < len(values) else None
