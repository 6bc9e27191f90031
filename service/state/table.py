"""A table: the entities of one kind, their indexes, and their order.

Every entity has a row, a dense number given in the order of creation. An index value holds a roaring bitmap of
rows, so filters are bitmap operations, counts are free, and a list in order of creation is a walk over a bitmap.
A deletion leaves a hole; an id that is created again gets a new row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import msgspec
from pyroaring import BitMap

from service.kinds.base import Index, Kind, terms
from service.paging import fitting
from service.state.frozen import Allowance, FrozenTable, keep_in_all
from service.state.indexes import Numbers, Postings, Unique
from service.state.planner import Condition, intersect, span
from service.state.rows import Rows
from service.state.walking import created_at_of, walked
from wal.block import Block
from wal.columns import decode_numbers

PREFIX_ROWS_MIN = 4096


class Table:
    """The entities of one kind.

    Args:
        kind: Which.
        tables: All tables by kind, for indexes through entities of another kind.
    """

    def __init__(self, kind: Kind, tables: Mapping[str, Table] | None = None) -> None:
        self.kind = kind
        self._tables = {} if tables is None else tables
        self._rows = Rows()
        # Columns, whose first element is that of the row `_rows.base`.
        self._values: list[bytes | None] = []
        self._sequences = array("Q")
        self._created = array("Q")
        self._kept: list[Any] = []
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind.row)
        self._postings: dict[str, Postings] = {
            index.name: Numbers() if index.is_range else Postings() for index in kind.indexes if not index.unique
        }
        self._unique = {index.name: Unique() for index in kind.indexes if index.unique}
        self._looked_up = [(index, self._postings.get(index.name)) for index in kind.indexes]
        # The row that was put last, which whoever follows what is stored asks for at once.
        self._last_row = -1
        self._last: Any = None
        self._frozen: list[FrozenTable] = []

    def __len__(self) -> int:
        return len(self._rows.alive)

    def value(self, id: str) -> bytes | None:  # noqa: A002 - the field's name
        """Return an entity's JSON, None if there is none."""
        row = self._rows.find(id)
        return None if row is None else self._values[row - self._rows.base]

    def sequence(self, id: str) -> int:  # noqa: A002 - as above
        """Return the sequence of an entity's last change, 0 if there is none."""
        row = self._rows.find(id)
        return 0 if row is None else self._sequences[row - self._rows.base]

    def row(self, id: str) -> Any:  # noqa: A002 - as above
        """Return the decoded members of an entity, None if there is none."""
        row = self._rows.find(id)
        return None if row is None else self._decoded(row)

    @property
    def base(self) -> int:
        """The first row that is still known."""
        return self._rows.base

    @property
    def end(self) -> int:
        """The row that comes next."""
        return self._rows.end

    def number(self, id: str) -> int | None:  # noqa: A002 - as above
        """Return an entity's row, None if there is none."""
        return self._rows.find(id)

    def decoded(self, value: bytes) -> Any:
        """Return the decoded members of an entity that has this JSON."""
        return self._decoder.decode(value)

    def holder(self, index: str, value: str) -> str | None:
        """Return the id that holds a unique value, None if none does."""
        return self._unique[index].holder(value)

    def put(self, id: str, value: bytes, sequence: int, position: int) -> bytes | None:  # noqa: A002 - as above
        """Set an entity; returns the value before, None if it is new.

        Args:
            id: Of the entity.
            value: Its JSON.
            sequence: Of the record.
            position: Where it is created, if it is new; never less than the one before.
        """
        row = self._rows.find(id)
        before = None if row is None else self._values[row - self._rows.base]
        if row is None:
            row = self._new_row(id, position)
        else:
            self._unindex(row, id)
            if before is not None and self._frozen:
                keep_in_all(self._frozen, row, id, before)
        place = row - self._rows.base
        self._values[place] = value
        self._sequences[place] = sequence
        decoded = self._decoder.decode(value)
        if self.kind.keeps_rows:
            self._kept[place] = decoded
        else:
            self._last_row, self._last = row, decoded
        self._index(row, id, decoded)
        return before

    def load(self, block: Block) -> None:
        """Take over a block of a snapshot: its rows come after those that are there, its columns are the indexes."""
        base = self._rows.extend(block.ids)
        self._values.extend(block.values)
        self._sequences.extend(decode_numbers(block.sequences))
        self._created.extend(decode_numbers(block.created))
        if self.kind.keeps_rows:
            self._kept.extend(map(self._decoder.decode, block.values))
        for index in self.kind.indexes:
            column = block.columns.get(index.path)
            if index.through is not None:
                continue
            if column is None:
                self._reindex(index, base)
            elif index.unique:
                self._unique[index.name].load(column, block.ids)
            else:
                self._postings[index.name].load(column, base)

    def loaded(self) -> None:
        """Learn that all tables are loaded: now indexes through other kinds can be made."""
        for index in self.kind.indexes:
            if index.through is None:
                continue
            direct = next(other for other in self.kind.indexes if other.path == index.path and other.is_filter)
            found: dict[str, list[BitMap]] = {}
            for key, rows in self._postings[direct.name]:
                found.setdefault(self._through(index.through, key), []).append(rows)
            postings = self._postings[index.name]
            postings.clear()
            for value, parts in found.items():
                postings.unite(value, BitMap.union(BitMap(), *parts))

    def remove(self, id: str) -> bytes:  # noqa: A002 - as above
        """Remove an entity and return its last value."""
        row = self._rows.find(id)
        value = None if row is None else self._values[row - self._rows.base]
        if row is None or value is None:
            raise AssertionError(f"{id} of {self.kind.name} is removed and is not there")
        self._unindex(row, id)
        if self._frozen:
            keep_in_all(self._frozen, row, id, value, is_removed=True)
        self._rows.remove(id)
        self._values[row - self._rows.base] = None
        if self.kind.keeps_rows:
            self._kept[row - self._rows.base] = None
        self._forget_prefix()
        return value

    def select(
        self,
        filters: Mapping[str, Iterable[str]],
        *,
        at_least: Mapping[str, float] | None = None,
        since: str | None = None,
        until: str | None = None,
        only: str | None = None,
        any_of: Sequence[Mapping[str, Iterable[str]]] = (),
    ) -> BitMap:
        """Return the rows that fulfil all of some conditions; not to be changed.

        Args:
            filters: Fields, and of each some values of which a row has one.
            at_least: Fields with numbers, and what they are not less than.
            since: A row was created then or later, a time as entities tell them.
            until: A row was created before then.
            only: It is the row of the entity with this id.
            any_of: It passes at least one of these, each of them filters that hold together; if there are any.
        """
        conditions = [self._having(name, tuple(values)) for name, values in filters.items()]
        conditions += [self._at_least(name, bound) for name, bound in (at_least or {}).items()]
        if since is not None or until is not None:
            first = self._rows.base if since is None else self._created_from(since)
            conditions.append(span(first, self._rows.end if until is None else self._created_from(until)))
        if any_of:
            conditions.append(self._any_of(any_of))
        if only is not None:
            conditions.append(Condition(0, lambda: self._row_of(only)))
        rows = intersect(conditions, self._rows.alive)
        if len(conditions) == 1 and (since is not None or until is not None):
            # A span of rows has holes, where entities were; all other conditions tell of entities alone.
            rows = rows & self._rows.alive
        for name, bound in (at_least or {}).items():
            rows = self._exactly(name, bound, rows)
        return rows

    def has_row(self, id: str, rows: BitMap) -> bool:  # noqa: A002 - as above
        """Tell if an entity's row is one of some."""
        row = self._rows.find(id)
        return row is not None and row in rows

    def entry(self, row: int) -> tuple[str, bytes]:
        """Return id and value of the entity in a row that is alive."""
        return self._rows.id_of(row), self._values[row - self._rows.base] or b""

    def freeze(self, rows: BitMap, allowance: Allowance, whole: FrozenTable | None = None) -> FrozenTable:
        """Return some rows as they are now, which go on being told as they were until they are released."""
        frozen = FrozenTable(self, rows, allowance, whole)
        self._frozen.append(frozen)
        return frozen

    def release(self, frozen: FrozenTable) -> None:
        """Keep nothing more for some rows that were frozen."""
        self._frozen.remove(frozen)

    def oldest(self, limit: int) -> list[str]:
        """Return the ids of the first entities in the order of creation, `limit` at most."""
        return self.ids(islice(self._rows.alive, limit))

    def newest(self) -> str | None:
        """Return when the last entity in the order of creation was created, None if there is none."""
        alive = self._rows.alive
        return self._created_at(alive.max()) if alive else None

    def walk(self, rows: BitMap, after: int | None, *, descending: bool = False) -> Iterator[tuple[int, bytes]]:
        """Yield position of creation and value of rows in order, beginning behind the position `after`."""
        base, values, created = self._rows.base, self._values, self._created
        for row in walked(rows, created, base, after, descending=descending):
            value = values[row - base]
            if value is not None:
                yield created[row - base], value

    def page(
        self, rows: BitMap, after: int | None, limit: int, bytes_max: int, *, descending: bool = False
    ) -> tuple[list[bytes], int | None]:
        """Return a page of what `walk` yields (`fitting`), and the position of its last row if more follow."""
        base, created = self._rows.base, self._created
        found = islice(walked(rows, created, base, after, descending=descending), limit + 1)
        places = [row - base for row in found] if base else list(found)
        # Rows that were selected are alive.
        values = cast("list[bytes]", list(map(self._values.__getitem__, places)))
        count = fitting(values, limit, bytes_max)
        return values[:count], None if count == len(places) else created[places[count - 1]]

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return the ids of rows, in order."""
        return [self._rows.id_of(row) for row in rows]

    def values(self, index: str) -> Iterator[tuple[str, BitMap]]:
        """Yield each value of an index that is not unique, and the rows that have it; not to be changed."""
        return iter(self._postings[index])

    def rows(self) -> Iterator[tuple[int, Any]]:
        """Yield row and decoded members of every entity; for indexes that are made anew at a start."""
        for row in self._rows.alive:
            yield row, self._decoded(row)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Yield id and value of every entity; for rebuilding and comparing, not for answering."""
        return map(self.entry, self._rows.alive)

    def look_ups(self) -> dict[tuple[str, str], list[str]]:
        """Return the ids that each index finds under each value; for comparing, not for answering."""
        found = {(name, value): self.ids(rows) for name, postings in self._postings.items() for value, rows in postings}
        return found | {(name, value): [key] for name, unique in self._unique.items() for value, key in unique}

    def _having(self, name: str, values: tuple[str, ...]) -> Condition:
        if name in self._unique:
            holders = {self.holder(name, value) for value in values} - {None}
            return Condition(len(holders), lambda: BitMap.union(BitMap(), *map(self._row_of, holders)))
        postings = self._postings[name]
        return Condition(postings.count(values), lambda: postings.matching(values))

    def _any_of(self, alternatives: Sequence[Mapping[str, Iterable[str]]]) -> Condition:
        parts = [[self._having(name, tuple(values)) for name, values in one.items()] for one in alternatives]
        if len(parts) == 1:
            return Condition(min(one.size for one in parts[0]), lambda: intersect(parts[0], self._rows.alive))
        size = sum(min(one.size for one in part) for part in parts)
        return Condition(size, lambda: BitMap.union(*(intersect(part, self._rows.alive) for part in parts)))

    def _at_least(self, name: str, bound: float) -> Condition:
        numbers = self._numbers(name)
        return Condition(numbers.count_from(bound), lambda: numbers.at_least(bound))

    def _exactly(self, name: str, bound: float, rows: BitMap) -> BitMap:
        """Return rows without those that only have the same thousandth as a bound, and are less."""
        (index,) = (index for index in self.kind.indexes if index.name == name)

        def number_of(row: int) -> float:
            return float(getattr(self._decoded(row), index.path))

        less = self._numbers(name).less(bound, rows, number_of)
        return rows - less if less else rows

    def _numbers(self, name: str) -> Numbers:
        numbers = self._postings[name]
        if not isinstance(numbers, Numbers):
            raise TypeError(f"{name} is no index of numbers")
        return numbers

    def _row_of(self, id: str | None) -> BitMap:  # noqa: A002 - as above
        row = None if id is None else self._rows.find(id)
        return BitMap() if row is None else BitMap([row])

    def _created_from(self, time: str) -> int:
        """Return the first row that was created at a time, or behind it."""
        # Times of records never go back, so the order of rows is the order of times too.
        alive = self._rows.alive
        place = bisect_left(alive, time, key=self._created_at)
        return self._rows.end if place == len(alive) else alive[place]

    def _created_at(self, row: int) -> str:
        return created_at_of(self._values[row - self._rows.base] or b"")

    def _forget_prefix(self) -> None:
        """Let go of the rows before the first that is alive: what expires goes in the order in which it came."""
        alive = self._rows.alive
        dead = (alive.min() if alive else self._rows.end) - self._rows.base
        # Seldom, because what stays is moved.
        if dead >= PREFIX_ROWS_MIN and 2 * dead >= len(self._values):
            self._rows.forget(dead)
            for column in (self._values, self._sequences, self._created, self._kept):
                del column[:dead]

    def _new_row(self, id: str, position: int) -> int:  # noqa: A002 - as above
        self._values.append(None)
        self._sequences.append(0)
        self._created.append(position)
        if self.kind.keeps_rows:
            self._kept.append(None)
        return self._rows.add(id)

    def _decoded(self, row: int) -> Any:
        if row == self._last_row:
            return self._last
        place = row - self._rows.base
        return self._kept[place] if self.kind.keeps_rows else self._decoder.decode(self._values[place] or b"")

    def _index(self, row: int, id: str, decoded: msgspec.Struct) -> None:  # noqa: A002 - as above
        for index, postings in self._looked_up:
            value = getattr(decoded, index.head)
            if value is None:
                continue
            if postings is None:
                for term in terms(decoded, index):
                    self._unique[index.name].hold(term, id)
            elif type(value) is str:
                # Most of them, of every entity that is put: without `terms`.
                postings.add(value if index.through is None else self._through(index.through, value), row)
            else:
                for term in terms(decoded, index):
                    postings.add(term if index.through is None else self._through(index.through, term), row)

    def _reindex(self, index: Index, base: int) -> None:
        """Index rows whose snapshot was written before there was this index."""
        for row in range(base, self._rows.end):
            for value in terms(self._decoded(row), index):
                if index.unique:
                    self._unique[index.name].hold(value, self._rows.id_of(row))
                else:
                    self._postings[index.name].add(value, row)

    def _unindex(self, row: int, id: str) -> None:  # noqa: A002 - as above
        for index, value in self._terms(self._decoded(row)):
            if index.unique:
                self._unique[index.name].free(value, id)
            else:
                self._postings[index.name].discard(value, row)

    def _terms(self, decoded: msgspec.Struct) -> Iterator[tuple[Index, str]]:
        for index in self.kind.indexes:
            for value in terms(decoded, index):
                yield index, value if index.through is None else self._through(index.through, value)

    def _through(self, through: tuple[str, str], key: str) -> str:
        kind, member = through
        row = self._tables[kind].row(key)
        if row is None:
            raise AssertionError(f"{key} is pointed to and is not there")
        value: str = getattr(row, member)
        return value
