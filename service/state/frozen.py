"""The state as it was at one sequence, while it goes on changing: what an export reads.

It holds which rows it has, as a bitmap, and shares all values with the table: making one costs nothing that grows
with the values. When one of its rows is changed or removed, the table hands it the value before, once; that is all the
memory that it takes, and it is limited. The technique is copy on write at the grain of an entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pyroaring import BitMap

if TYPE_CHECKING:
    from service.state.state import State
    from service.state.table import Table


class FrozenLostError(Exception):
    """It cannot be read any more: more was changed meanwhile than may be kept, or it was released."""


class Allowance:
    """How many bytes of values some frozen tables may keep together.

    Args:
        bytes_max: That many.
    """

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max

    def is_used_up(self) -> bool:
        """More was asked for than there was."""
        return self._left < 0

    def take(self, size: int) -> None:
        """Take some of it."""
        self._left -= size


class FrozenTable:
    """Some rows of a table as they are now.

    Attributes:
        changes: How often since then an entity of the table was changed or removed, whichever row it has.

    Args:
        table: Which hands over what it changes.
        rows: That it has; its own from now on.
        allowance: For the values that are kept.
        whole: The rows are parts of these, under the same ids; those of other entities are not asked for, nor kept.
    """

    def __init__(self, table: Table, rows: BitMap, allowance: Allowance, whole: FrozenTable | None = None) -> None:
        self.rows = rows
        self.changes = 0
        self._table = table
        self._allowance = allowance
        self._whole = whole
        self._before: dict[str, bytes] = {}
        self._removed: dict[int, str] = {}

    def keep(self, row: int, id: str, value: bytes, *, is_removed: bool) -> None:  # noqa: A002 - the field's name
        """Take the value of a row before it is changed or removed."""
        self.changes += 1
        if self._allowance.is_used_up() or row not in self.rows:
            return
        if self._whole is not None and not self._whole.has(id):
            return
        if id not in self._before:
            self._allowance.take(len(value))
            self._before[id] = value
        if is_removed:
            self._removed[row] = id
        if self._allowance.is_used_up():
            self._before.clear()
            self._removed.clear()

    def has(self, id: str) -> bool:  # noqa: A002 - as above
        """Tell if an entity is in one of the rows, or was; not asked once too much was changed."""
        return id in self._before or self._table.has_row(id, self.rows)

    def at(self, row: int) -> tuple[str, bytes]:
        """Return id and value of one of the rows, as they were.

        Raises:
            FrozenLostError: Too much was changed meanwhile, or it was released.
        """
        if self._allowance.is_used_up():
            raise FrozenLostError
        removed = self._removed.get(row)
        if removed is not None:
            return removed, self._before[removed]
        id_, value = self._table.entry(row)
        return id_, self._before.get(id_, value)

    def value(self, id: str) -> bytes | None:  # noqa: A002 - as above
        """Return the value of an entity as it was, None if there was none.

        Raises:
            FrozenLostError: As `at`.
        """
        if self._allowance.is_used_up():
            raise FrozenLostError
        before = self._before.get(id)
        if before is not None:
            return before
        return self._table.value(id) if self._table.has_row(id, self.rows) else None

    def release(self) -> None:
        """Get nothing more, and tell nothing more: what is shared with the table is not as it was any longer."""
        self._table.release(self)
        self._allowance = Allowance(-1)
        self._before.clear()
        self._removed.clear()


class Frozen:
    """Some rows of several tables, as of one sequence.

    Args:
        state: Whose.
        rows: Of each kind; copied.
        bytes_max: Of values that are kept because they change meanwhile.
        parts: Further kinds, whose entities have the id of one of another kind, which is given too. Of all of them
            those are told and kept whose other is; to find them at once would cost as much as there are.

    Attributes:
        sequence: What it is as of.
        tables: By kind.
    """

    def __init__(
        self, state: State, rows: Mapping[str, BitMap], bytes_max: int, parts: Mapping[str, str] | None = None
    ) -> None:
        self.sequence = state.sequence
        allowance = Allowance(bytes_max)
        self.tables = {kind: state.tables[kind].freeze(BitMap(found), allowance) for kind, found in rows.items()}
        for kind, whole in (parts or {}).items():
            table = state.tables[kind]
            self.tables[kind] = table.freeze(BitMap(table.select({})), allowance, self.tables[whole])

    def release(self) -> None:
        """Keep nothing more."""
        for table in self.tables.values():
            table.release()


def keep_in_all(frozen: Iterable[FrozenTable], row: int, id_: str, value: bytes, *, is_removed: bool = False) -> None:
    """Give each the value of a row before it is changed or removed."""
    for one in frozen:
        one.keep(row, id_, value, is_removed=is_removed)
