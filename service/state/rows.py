"""Rows: every entity of a table has a dense number, given in the order of creation.

What a snapshot brings is mostly in the order of its ids too, because ids hold the time at which they were made. Such a
stretch of rows is searched by bisection and needs no other look-up, which saves a third of the memory besides the
values, and most of the time of a start. All other ids are in a dictionary
(`docs/decisions/0006-ids-are-bisected.md`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from operator import le

from pyroaring import BitMap

SHARDS = 256
_STRETCHES_MAX = 8
_STRETCH_ROWS_MIN = 256


class ShardedDict:
    """Ids to rows in many small dicts: a large one stalls everything when it grows.

    Attributes:
        shards: Of which that at `hash(id) % SHARDS` holds an id.
    """

    def __init__(self) -> None:
        self.shards: list[dict[str, int]] = [{} for _ in range(SHARDS)]

    def put(self, key: str, row: int) -> None:
        """Set the row of an id."""
        self.shards[hash(key) % SHARDS][key] = row

    def put_all(self, keys: Sequence[str], first: int) -> None:
        """Give ids the rows from `first` on."""
        shards = self.shards
        for row, key in enumerate(keys, start=first):
            shards[hash(key) % SHARDS][key] = row

    def pop(self, key: str) -> int | None:
        """Forget an id and return its row, None if there is none."""
        return self.shards[hash(key) % SHARDS].pop(key, None)


class _Stretch:
    """Rows whose ids ascend.

    Attributes:
        start: The first of them.
        end: The one behind the last.
        last: The id of the last.
    """

    __slots__ = ("end", "last", "start")

    def __init__(self, start: int, end: int, last: str) -> None:
        self.start = start
        self.end = end
        self.last = last


class Rows:
    """The ids of a table's rows, and the rows of its ids.

    Attributes:
        base: The first row that is still known.
        alive: The rows that hold an entity.
    """

    def __init__(self) -> None:
        self.base = 0
        self.alive = BitMap()
        self._ids: list[str] = []
        self._scattered = ShardedDict()
        self._stretches: list[_Stretch] = []

    def __len__(self) -> int:
        """Return how many rows there are, alive or not."""
        return len(self._ids)

    @property
    def end(self) -> int:
        """The row that comes next."""
        return self.base + len(self._ids)

    def find(self, id: str) -> int | None:  # noqa: A002 - the field's name
        """Return the row of an id, None if no entity has it."""
        # A dozen times a request: without a call.
        row = self._scattered.shards[hash(id) % SHARDS].get(id)
        return self._bisected(id) if row is None and self._stretches else row

    def id_of(self, row: int) -> str:
        """Return the id of a row that is alive."""
        return self._ids[row - self.base]

    def add(self, id: str) -> int:  # noqa: A002 - as above
        """Give an id, which no entity has, the next row and return it."""
        row = self.end
        self._ids.append(id)
        self._scattered.put(id, row)
        self.alive.add(row)
        return row

    def extend(self, ids: Sequence[str]) -> int:
        """Give ids the next rows; returns the first of them."""
        first = self.end
        self._ids.extend(ids)
        self.alive.add_range(first, self.end)
        if not self._joins_stretch(ids, first):
            self._scattered.put_all(ids, first)
        return first

    def remove(self, id: str) -> int | None:  # noqa: A002 - as above
        """Let an id go; returns the row that it had, None if no entity has it."""
        row = self._scattered.pop(id)
        if row is not None:
            self._ids[row - self.base] = ""
        elif (row := self._bisected(id)) is None:
            # The id of a row in a stretch stays where it is: the order is what the others are found by.
            return None
        self.alive.discard(row)
        return row

    def forget(self, count: int) -> None:
        """Let go of the first rows, of which none is alive."""
        del self._ids[:count]
        self.base += count
        for stretch in self._stretches:
            stretch.start = max(stretch.start, self.base)
        self._stretches = [stretch for stretch in self._stretches if stretch.start < stretch.end]

    def _bisected(self, id: str) -> int | None:  # noqa: A002 - as above
        for stretch in self._stretches:
            if id <= stretch.last:
                place = bisect_left(self._ids, id, stretch.start - self.base, stretch.end - self.base)
                if self._ids[place] == id and self.base + place in self.alive:
                    return self.base + place
        return None

    def _joins_stretch(self, ids: Sequence[str], first: int) -> bool:
        """Make rows a part of the last stretch, or a new one, if their ids ascend."""
        if not ids or not all(map(le, ids, islice(ids, 1, None))):
            return False
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.end == first and last.last < ids[0]:
            last.end, last.last = self.end, ids[-1]
            return True
        # Each stretch costs a bisection: few of them, and none for little.
        if len(self._stretches) == _STRETCHES_MAX or len(ids) < _STRETCH_ROWS_MIN:
            return False
        self._stretches.append(_Stretch(first, self.end, ids[-1]))
        return True
