"""Indexes: from a field's value to the rows that have it.

Rows that are handed out may be the index's own: they are not to be changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from pyroaring import BitMap

from wal.columns import Column, decode_rows, number_term

_BIN = 100
_BEYOND = 2.0
_EMPTY = BitMap()


class Postings:
    """Rows by value, each value's as a roaring bitmap."""

    def __init__(self) -> None:
        self._rows: dict[str, BitMap] = {}

    def __iter__(self) -> Iterator[tuple[str, BitMap]]:
        return iter(self._rows.items())

    def add(self, value: str, row: int) -> None:
        """Note that a row has a value."""
        rows = self._rows.get(value)
        if rows is None:
            rows = self._rows[value] = BitMap()
        rows.add(row)

    def discard(self, value: str, row: int) -> None:
        """Note that a row has a value no more."""
        rows = self._rows[value]
        rows.discard(row)
        if not rows:
            del self._rows[value]

    def load(self, column: Column, base: int) -> None:
        """Take over a column of a snapshot's block whose first row is `base`."""
        for value, rows in _decoded(column, base):
            self.unite(value, rows)

    def unite(self, value: str, rows: BitMap) -> None:
        """Note that rows have a value."""
        known = self._rows.get(value)
        if known is None:
            self._rows[value] = rows
        else:
            known |= rows

    def clear(self) -> None:
        """Forget all rows."""
        self._rows.clear()

    def count(self, values: Iterable[str]) -> int:
        """Return how many rows have one of some values; more, if a row has several."""
        return sum(len(self._rows.get(value, _EMPTY)) for value in values)

    def matching(self, values: Iterable[str]) -> BitMap:
        """Return the rows that have one of some values."""
        found = [self._rows[value] for value in values if value in self._rows]
        return found[0] if len(found) == 1 else BitMap.union(_EMPTY, *found)


class Numbers(Postings):
    """Rows by a number from 0 to 1, in thousandths; and for each tenth the rows that have it or more.

    So a bound unites a hundred bitmaps at most, and a tenth is one (range encoding with few bins, after O'Neil and
    Quass, "Improved query performance with variant indexes", 1997).
    """

    def __init__(self) -> None:
        super().__init__()
        self._from: dict[int, BitMap] = {}

    def add(self, value: str, row: int) -> None:
        """Note that a row has a number."""
        super().add(value, row)
        for edge in _edges(value):
            rows = self._from.get(edge)
            if rows is None:
                rows = self._from[edge] = BitMap()
            rows.add(row)

    def discard(self, value: str, row: int) -> None:
        """Note that a row has a number no more."""
        super().discard(value, row)
        for edge in _edges(value):
            self._from[edge].discard(row)

    def load(self, column: Column, base: int) -> None:
        """Take over a column of a snapshot's block whose first row is `base`."""
        parts: dict[int, list[BitMap]] = {}
        for value, rows in _decoded(column, base):
            parts.setdefault(_edges(value)[-1], []).append(rows)
            self.unite(value, rows)
        higher = BitMap()
        for edge in range(max(parts, default=-1), -1, -_BIN):
            higher.update(*parts.get(edge, ()))
            self._from.setdefault(edge, BitMap()).update(higher)

    def clear(self) -> None:
        """Forget all rows."""
        super().clear()
        self._from.clear()

    def count_from(self, bound: float) -> int:
        """Return how many rows have a number not less than a bound, or some more."""
        return len(self._from.get(_thousandth(bound) // _BIN * _BIN, _EMPTY))

    def at_least(self, bound: float) -> BitMap:
        """Return the rows whose number is not less than a bound, and those that `less` tells."""
        term = _thousandth(bound)
        if not term % _BIN:
            return self._from.get(term, _EMPTY)
        following = (term // _BIN + 1) * _BIN
        between = map(str, range(term, following))
        return BitMap.union(self._from.get(following, _EMPTY), *(self._rows.get(one, _EMPTY) for one in between))

    def less(self, bound: float, rows: BitMap, number_of: Callable[[int], float]) -> BitMap:
        """Return which of some rows that `at_least` gave have a number that is less all the same.

        Args:
            bound: The same.
            rows: What is left of them after all other conditions: the numbers of few are looked at.
            number_of: Tells the number of a row.
        """
        term = _thousandth(bound)
        # Is the bound the least number with this term? Then nothing that has it is less.
        if bound <= 0 or _thousandth(math.nextafter(bound, -math.inf)) != term:
            return _EMPTY
        return BitMap([row for row in rows & self._rows.get(str(term), _EMPTY) if number_of(row) < bound])


class Unique:
    """Ids by a value that only one entity has."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._holders.items())

    def holder(self, value: str) -> str | None:
        """Return the id that holds a value, None if none does."""
        return self._holders.get(value)

    def hold(self, value: str, id: str) -> None:  # noqa: A002 - the field's name
        """Note that an entity holds a value."""
        self._holders[value] = id

    def load(self, column: Column, ids: Sequence[str]) -> None:
        """Take over a column of a snapshot's block whose entities have these ids."""
        for value, rows in zip(column.terms, column.rows, strict=True):
            self.hold(value, ids[decode_rows(rows)[0]])

    def free(self, value: str, id: str) -> None:  # noqa: A002 - as above
        """Note that an entity does not hold a value any more, if it still does: it may have moved."""
        if self._holders.get(value) == id:
            del self._holders[value]


def _thousandth(bound: float) -> int:
    """Return the term of a bound as a number; of one that no number reaches, a term that none has."""
    return int(number_term(min(max(bound, 0.0), _BEYOND)))


def _edges(value: str) -> range:
    """Return the tenths, in thousandths, that a term is not less than; the last one is its own bin's."""
    return range(0, int(value) + 1, _BIN)


def _decoded(column: Column, base: int) -> Iterator[tuple[str, BitMap]]:
    for value, encoded in zip(column.terms, column.rows, strict=True):
        yield value, BitMap(decode_rows(encoded)).shift(base)
