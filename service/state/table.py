"""A table: the entities of one kind, their indexes, and their order.

Every entity has a row, a dense number given in the order of creation. An index value holds a roaring bitmap of
rows, so filters are bitmap operations, counts are free, and a list in order of creation is a walk over a bitmap.
A deletion leaves a hole; an id that is created again gets a new row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from pyroaring import BitMap

from service.kinds.base import Index, Kind, terms
from wal.block import Block
from wal.columns import Column, decode_numbers, decode_rows, number_term

_SHARDS = 256
PREFIX_ROWS_MIN = 4096


class _Dated(msgspec.Struct):
    created_at: str


_dated = msgspec.json.Decoder(_Dated)


class ShardedDict:
    """Ids to rows in many small dicts: a large one stalls everything when it grows."""

    def __init__(self) -> None:
        self._shards: list[dict[str, int]] = [{} for _ in range(_SHARDS)]

    def get(self, key: str) -> int | None:
        """Return the row of an id, None if there is none."""
        return self._shards[hash(key) % _SHARDS].get(key)

    def put(self, key: str, row: int) -> None:
        """Set the row of an id."""
        self._shards[hash(key) % _SHARDS][key] = row

    def pop(self, key: str) -> int:
        """Forget an id and return its row."""
        return self._shards[hash(key) % _SHARDS].pop(key)

    def __len__(self) -> int:
        return sum(map(len, self._shards))


class Table:
    """The entities of one kind.

    Args:
        kind: Which.
        tables: All tables by kind, for indexes through entities of another kind.
    """

    def __init__(self, kind: Kind, tables: Mapping[str, Table] | None = None) -> None:
        self.kind = kind
        self._tables = {} if tables is None else tables
        self._rows = ShardedDict()
        self._alive = BitMap()
        # The row of the first element of the columns below.
        self._base = 0
        self._ids: list[str] = []
        self._values: list[bytes | None] = []
        self._sequences = array("Q")
        self._created = array("Q")
        self._kept: list[Any] = []
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind.row)
        self._bitmaps: dict[str, dict[str, BitMap]] = {index.name: {} for index in kind.indexes if not index.unique}
        self._unique: dict[str, dict[str, str]] = {index.name: {} for index in kind.indexes if index.unique}

    def __len__(self) -> int:
        return len(self._alive)

    def value(self, id: str) -> bytes | None:  # noqa: A002 - the field's name
        """Return an entity's JSON, None if there is none."""
        row = self._rows.get(id)
        return None if row is None else self._values[row - self._base]

    def sequence(self, id: str) -> int:  # noqa: A002 - as above
        """Return the sequence of an entity's last change, 0 if there is none."""
        row = self._rows.get(id)
        return 0 if row is None else self._sequences[row - self._base]

    def row(self, id: str) -> Any:  # noqa: A002 - as above
        """Return the decoded members of an entity, None if there is none."""
        row = self._rows.get(id)
        return None if row is None else self._decoded(row)

    def holder(self, index: str, value: str) -> str | None:
        """Return the id that holds a unique value, None if none does."""
        return self._unique[index].get(value)

    def put(self, id: str, value: bytes, sequence: int, position: int) -> bytes | None:  # noqa: A002 - as above
        """Set an entity; returns the value before, None if it is new.

        Args:
            id: Of the entity.
            value: Its JSON.
            sequence: Of the record.
            position: Where it is created, if it is new; never less than the one before.
        """
        row = self._rows.get(id)
        before = None if row is None else self._values[row - self._base]
        if row is None:
            row = self._new_row(id, position)
        else:
            self._unindex(row, id)
        self._values[row - self._base] = value
        self._sequences[row - self._base] = sequence
        decoded = self._decoder.decode(value)
        self._kept[row - self._base] = decoded if self.kind.keeps_rows else None
        self._index(row, id, decoded)
        return before

    def load(self, block: Block) -> None:
        """Take over a block of a snapshot: its rows come after those that are there, its columns are the indexes."""
        base = self._base + len(self._values)
        self._ids.extend(block.ids)
        self._values.extend(block.values)
        self._sequences.extend(decode_numbers(block.sequences))
        self._created.extend(decode_numbers(block.created))
        self._alive.add_range(base, self._base + len(self._values))
        for row, id_ in enumerate(block.ids, start=base):
            self._rows.put(id_, row)
        keeps = self.kind.keeps_rows
        self._kept.extend(map(self._decoder.decode, block.values) if keeps else [None] * len(block.ids))
        for index in self.kind.indexes:
            column = block.columns.get(index.path)
            if index.through is not None:
                continue
            if column is None:
                self._reindex(index, base)
            else:
                self._load_column(index, column, base)

    def loaded(self) -> None:
        """Learn that all tables are loaded: now indexes through other kinds can be made."""
        for index in self.kind.indexes:
            if index.through is None:
                continue
            direct = next(other for other in self.kind.indexes if other.path == index.path and other.is_filter)
            found: dict[str, list[BitMap]] = {}
            for key, rows in self._bitmaps[direct.name].items():
                found.setdefault(self._through(index.through, key), []).append(rows)
            self._bitmaps[index.name] = {value: BitMap.union(BitMap(), *parts) for value, parts in found.items()}

    def remove(self, id: str) -> bytes:  # noqa: A002 - as above
        """Remove an entity and return its last value."""
        row = self._rows.pop(id)
        self._unindex(row, id)
        value = self._values[row - self._base]
        if value is None:
            raise AssertionError(f"row {row} of {self.kind.name} was empty")
        self._values[row - self._base] = self._kept[row - self._base] = None
        self._ids[row - self._base] = ""
        self._alive.discard(row)
        self._forget_prefix()
        return value

    def select(self, filters: Mapping[str, Iterable[str]]) -> BitMap:
        """Return the rows that have, in every field named, one of its values."""
        selected: BitMap | None = None
        for name, values in filters.items():
            matching = self._matching(name, values)
            selected = matching if selected is None else selected & matching
        return self._alive if selected is None else selected

    def _matching(self, name: str, values: Iterable[str]) -> BitMap:
        if name in self._unique:
            holders = self._unique[name]
            rows = (self._rows.get(holders[value]) for value in values if value in holders)
            return BitMap([row for row in rows if row is not None])
        bitmaps = self._bitmaps[name]
        return BitMap.union(*(bitmaps[value] for value in values if value in bitmaps), BitMap())

    def at_least(self, name: str, bound: float) -> BitMap:
        """Return the rows whose number in a field is not less than a bound."""
        (index,) = (index for index in self.kind.indexes if index.name == name)
        bitmaps, edge = self._bitmaps[name], number_term(bound)
        rows = BitMap.union(BitMap(), *(found for term, found in bitmaps.items() if int(term) > int(edge)))
        # A term stands for a thousandth: within that of the bound each row is looked at.
        rows.update(row for row in bitmaps.get(edge, ()) if getattr(self._decoded(row), index.path) >= bound)
        return rows

    def only(self, id: str) -> BitMap:  # noqa: A002 - as above
        """Return the row of one entity, none if there is none."""
        row = self._rows.get(id)
        return BitMap() if row is None else BitMap([row])

    def oldest(self, limit: int) -> list[str]:
        """Return the ids of the first entities in the order of creation, `limit` at most."""
        return self.ids(self._alive[:limit])

    def between(self, rows: BitMap, since: str | None, until: str | None) -> BitMap:
        """Return those of `rows` that were created from `since` on and before `until`, times as entities tell them."""
        first = 0 if since is None else bisect_left(rows, since, key=self._created_at)
        last = len(rows) if until is None else bisect_left(rows, until, key=self._created_at)
        return rows[first : max(first, last)]

    def walk(self, rows: BitMap, after: int | None, *, descending: bool = False) -> Iterator[tuple[int, bytes]]:
        """Yield position of creation and value of rows in order, beginning behind the position `after`."""
        for row in self._backward(rows, after) if descending else self._forward(rows, after):
            value = self._values[row - self._base]
            if value is not None:
                yield self._created[row - self._base], value

    def ids(self, rows: BitMap) -> list[str]:
        """Return the ids of rows, in order."""
        return [self._ids[row - self._base] for row in rows]

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Yield id and value of every entity; for rebuilding and comparing, not for answering."""
        for row in self._alive:
            value = self._values[row - self._base]
            if value is not None:
                yield self._ids[row - self._base], value

    def _created_at(self, row: int) -> str:
        # Times of records never go back, so the order of rows is the order of times too.
        return _dated.decode(self._values[row - self._base] or b"").created_at

    def _forward(self, rows: BitMap, after: int | None) -> Iterable[int]:
        start = 0 if after is None else self._from(after + 1)
        return rows.iter_equal_or_larger(start)

    def _backward(self, rows: BitMap, after: int | None) -> Iterable[int]:
        end = len(rows) if after is None else rows.rank(self._from(after)) - self._has(rows, after)
        return (rows[place] for place in range(end - 1, -1, -1))

    def _has(self, rows: BitMap, after: int) -> int:
        # rank counts the row itself too, and `after` is the first row that no longer belongs.
        return int(self._from(after) in rows)

    def _from(self, position: int) -> int:
        """Return the first row that was created at a position or behind it."""
        return self._base + bisect_left(self._created, position)

    def _forget_prefix(self) -> None:
        """Let go of the rows before the first that is alive: what expires goes in the order in which it came."""
        dead = (self._alive.min() if self._alive else self._base + len(self._values)) - self._base
        # Seldom, because what stays is moved.
        if dead >= PREFIX_ROWS_MIN and 2 * dead >= len(self._values):
            for column in (self._ids, self._values, self._sequences, self._created, self._kept):
                del column[:dead]
            self._base += dead

    def _new_row(self, id: str, position: int) -> int:  # noqa: A002 - as above
        row = self._base + len(self._values)
        self._ids.append(id)
        self._values.append(None)
        self._sequences.append(0)
        self._created.append(position)
        self._kept.append(None)
        self._rows.put(id, row)
        self._alive.add(row)
        return row

    def _decoded(self, row: int) -> Any:
        kept = self._kept[row - self._base]
        return self._decoder.decode(self._values[row - self._base] or b"") if kept is None else kept

    def _index(self, row: int, id: str, decoded: msgspec.Struct) -> None:  # noqa: A002 - as above
        for index, value in self._terms(decoded):
            if index.unique:
                self._unique[index.name][value] = id
            else:
                self._bitmaps[index.name].setdefault(value, BitMap()).add(row)

    def _load_column(self, index: Index, column: Column, base: int) -> None:
        for term, encoded in zip(column.terms, column.rows, strict=True):
            rows = decode_rows(encoded)
            if index.unique:
                self._unique[index.name][term] = self._ids[base + rows[0] - self._base]
            else:
                self._bitmaps[index.name].setdefault(term, BitMap()).update(base + row for row in rows)

    def _reindex(self, index: Index, base: int) -> None:
        """Index rows whose snapshot was written before there was this index."""
        for row in range(base, self._base + len(self._values)):
            for value in terms(self._decoded(row), index):
                if index.unique:
                    self._unique[index.name][value] = self._ids[row - self._base]
                else:
                    self._bitmaps[index.name].setdefault(value, BitMap()).add(row)

    def _unindex(self, row: int, id: str) -> None:  # noqa: A002 - as above
        for index, value in self._terms(self._decoded(row)):
            if index.unique:
                if self._unique[index.name].get(value) == id:
                    del self._unique[index.name][value]
                continue
            bitmap = self._bitmaps[index.name][value]
            bitmap.discard(row)
            if not bitmap:
                del self._bitmaps[index.name][value]

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
