"""An overlay: what a state will be once some changes are applied, for decisions that rest on earlier ones.

The operations of one record are decided one after the other, and none of them is applied before all are decided:
nothing is ever undone. So each reads the state through the changes of those before it. The state stays as it is; what
an overlay costs follows from its changes alone, and what it indexes is indexed when somebody first asks for it.

An entity that the state holds keeps its row here; new ones have the rows behind the last. So a set of rows means the
same in both, and order stays the order of creation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pyroaring import BitMap

from service.kinds.assignment import ASSIGNMENT
from service.kinds.base import terms
from service.offsets import Utf16
from service.state.indexes import Postings
from service.state.state import State
from service.state.supply import Counts
from service.state.table import Table
from service.state.walking import created_at_of
from wal.change import Change


class Overlay:
    """A state with changes on top. It must not change meanwhile.

    Attributes:
        tables: By kind.
        supply: Who has which document.

    Args:
        state: Below.
    """

    def __init__(self, state: State) -> None:
        self.tables: dict[str, OverlayTable] = {}
        self.tables.update({name: OverlayTable(table, self.tables) for name, table in state.tables.items()})
        self.supply = OverlaySupply(self.tables)
        self._texts = state.texts

    def put(self, changes: Sequence[Change]) -> None:
        """Lay changes on top of what is there."""
        for change in changes:
            self.tables[change.kind].put(change.id, change.value)

    def text(self, document_id: str) -> str | None:
        """Return the decoded text of a document, None if it has none."""
        value = self.tables["text"].value(document_id)
        return None if value is None else self._texts.decoded(document_id, value)

    def offsets(self, document_id: str) -> Utf16 | None:
        """Return the offsets of a document's text in UTF-16 units, None if it has none."""
        value = self.tables["text"].value(document_id)
        return None if value is None else self._texts.offsets(document_id, value)


class OverlaySupply:
    """How many people documents have, with changes on top.

    Args:
        tables: By kind.
    """

    def __init__(self, tables: Mapping[str, OverlayTable]) -> None:
        self._tables = tables

    def counts_of(self, document_id: str) -> Counts:
        """Return how many people a document has, who are few."""
        assignments = self._tables[ASSIGNMENT.name]
        found = Counts()
        for key in assignments.ids(assignments.select({"document_id": (document_id,)})):
            found = found.more(assignments.row(key))
        return found


class OverlayTable:
    """The entities of one kind, with changes on top.

    Args:
        table: Below.
        tables: All overlay tables by kind, for indexes through entities of another kind.
    """

    def __init__(self, table: Table, tables: Mapping[str, OverlayTable]) -> None:
        self._below = table
        self._tables = tables
        # What was put: the last value (None: removed), its row, and the ids of the rows behind the last one below.
        self._values: dict[str, bytes | None] = {}
        self._numbers: dict[str, int] = {}
        self._ids: list[str] = []
        self._decoded: dict[str, Any] = {}
        # Rows below whose entity was put here, and rows that hold one here.
        self._covered = BitMap()
        self._alive = BitMap()
        self._postings: dict[str, Postings] = {}
        self._terms: dict[str, list[tuple[str, str]]] = {}
        self._unindexed: dict[str, None] = {}

    def __len__(self) -> int:
        self._index()
        return len(self._below) - len(self._covered) + len(self._alive)

    def put(self, id: str, value: bytes | None) -> None:  # noqa: A002 - the field's name
        """Set an entity; None: remove it."""
        if id not in self._values:
            number = self._below.number(id)
            if number is None:
                number = self._below.end + len(self._ids)
                self._ids.append(id)
            else:
                self._covered.add(number)
            self._numbers[id] = number
        self._values[id] = value
        self._decoded.pop(id, None)
        self._unindexed[id] = None

    def value(self, id: str) -> bytes | None:  # noqa: A002 - as above
        """Return an entity's JSON, None if there is none."""
        return self._values[id] if id in self._values else self._below.value(id)

    def sequence(self, id: str) -> int:  # noqa: A002 - as above
        """Return the sequence of an entity's last change below, 0 if there is none.

        The record that is being made has no sequence yet: all changes of a key in it name what the first one follows.
        """
        return self._below.sequence(id)

    def row(self, id: str) -> Any:  # noqa: A002 - as above
        """Return the decoded members of an entity, None if there is none."""
        if id not in self._values:
            return self._below.row(id)
        value = self._values[id]
        if value is None:
            return None
        if id not in self._decoded:
            self._decoded[id] = self._below.decoded(value)
        return self._decoded[id]

    def number(self, id: str) -> int | None:  # noqa: A002 - as above
        """Return an entity's row, None if there is none."""
        if id not in self._values:
            return self._below.number(id)
        return None if self._values[id] is None else self._numbers[id]

    def holder(self, index: str, value: str) -> str | None:
        """Return the id that holds a unique value, None if none does."""
        self._index()
        here = self.ids(islice(self._postings_of(index).matching((value,)), 1))
        if here:
            return here[0]
        below = self._below.holder(index, value)
        return None if below in self._values else below

    def select(self, filters: Mapping[str, Iterable[str]]) -> BitMap:
        """Return the rows that pass filters; not to be changed."""
        filters = {name: tuple(values) for name, values in filters.items()}
        below = self._below.select(filters)
        if not self._values:
            return below
        self._index()
        here = self._alive
        for name, values in filters.items():
            here = here & self._postings_of(name).matching(values)
        return (below - self._covered) | here

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return the ids of rows, in order."""
        end = self._below.end
        return [self._ids[row - end] if row >= end else self._below.ids((row,))[0] for row in rows]

    def oldest(self, limit: int) -> list[str]:
        """Return the ids of the first entities in the order of creation, `limit` at most."""
        return self.ids(islice(self.select({}), limit))

    def newest(self) -> str | None:
        """Return when the last entity in the order of creation was created, None if there is none."""
        values = (self._values[key] for key in reversed(self._ids))
        value = next((one for one in values if one is not None), None)
        if value is not None:
            return created_at_of(value)
        if not self._covered:
            return self._below.newest()
        rows = self.select({})
        return created_at_of(self.value(self.ids((rows.max(),))[0]) or b"") if rows else None

    def _index(self) -> None:
        """Index what was put since the last time."""
        for key in self._unindexed:
            number = self._numbers[key]
            for name, term in self._terms.pop(key, ()):
                self._postings_of(name).discard(term, number)
            row = self.row(key)
            if row is None:
                self._alive.discard(number)
                continue
            self._alive.add(number)
            self._terms[key] = found = list(self._terms_of(row))
            for name, term in found:
                self._postings_of(name).add(term, number)
        self._unindexed.clear()

    def _terms_of(self, row: Any) -> Iterator[tuple[str, str]]:
        for index in self._below.kind.indexes:
            for value in terms(row, index):
                if index.through is None:
                    yield index.name, value
                else:
                    kind, member = index.through
                    yield index.name, getattr(self._tables[kind].row(value), member)

    def _postings_of(self, name: str) -> Postings:
        return self._postings.setdefault(name, Postings())
