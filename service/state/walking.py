"""The order of creation: where a walk over rows begins, and when an entity was created."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

import msgspec
from pyroaring import BitMap


class _Dated(msgspec.Struct):
    created_at: str


_dated = msgspec.json.Decoder(_Dated)


def created_at_of(value: bytes) -> str:
    """Return when an entity of a served kind was created, which its JSON tells."""
    return _dated.decode(value).created_at


def walked(rows: BitMap, created: array[int], base: int, after: int | None, *, descending: bool) -> Iterable[int]:
    """Return rows in the order of creation, or the newest first, beginning behind a position.

    Args:
        rows: Not to change meanwhile.
        created: The position of each row of the table.
        base: The row whose position is the first of them.
        after: The position; None: from the beginning.
        descending: The newest first.
    """
    if not descending:
        return rows.iter_equal_or_larger(0 if after is None else base + bisect_left(created, after + 1))
    end = len(rows)
    if after is not None:
        first = base + bisect_left(created, after)
        # rank counts the row itself too, and that is the first one that no longer belongs.
        end = rows.rank(first) - (first in rows)
    return (rows[place] for place in range(end - 1, -1, -1))
