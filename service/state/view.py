"""What decisions read: a state as it is (`service.state.state`), or with changes on top (`service.state.overlay`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pyroaring import BitMap

from service.offsets import Utf16
from service.state.state import State
from service.state.supply import Counts, Supply


class TableView(Protocol):
    """The entities of one kind; `service.state.table.Table` tells what each method gives."""

    def __len__(self) -> int: ...

    def value(self, id: str) -> bytes | None:  # noqa: A002 - the field's name
        """Return an entity's JSON."""
        ...

    def sequence(self, id: str) -> int:  # noqa: A002 - as above
        """Return the sequence of an entity's last change."""
        ...

    def row(self, id: str) -> Any:  # noqa: A002 - as above
        """Return the decoded members of an entity."""
        ...

    def number(self, id: str) -> int | None:  # noqa: A002 - as above
        """Return an entity's row."""
        ...

    def holder(self, index: str, value: str) -> str | None:
        """Return the id that holds a unique value."""
        ...

    def select(self, filters: Mapping[str, Iterable[str]]) -> BitMap:
        """Return the rows that pass filters."""
        ...

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return the ids of rows."""
        ...

    def newest(self) -> str | None:
        """Return when the last entity was created."""
        ...

    def oldest(self, limit: int) -> list[str]:
        """Return the ids of the first entities."""
        ...


class SupplyView(Protocol):
    """What operations ask of who has which document."""

    def counts_of(self, document_id: str) -> Counts:
        """Return how many people a document has."""
        ...


class View(Protocol):
    """All entities."""

    @property
    def supply(self) -> SupplyView:
        """Who has which document."""
        ...

    @property
    def tables(self) -> Mapping[str, TableView]:
        """By kind."""
        ...

    def text(self, document_id: str) -> str | None:
        """Return the decoded text of a document, None if it has none."""
        ...

    def offsets(self, document_id: str) -> Utf16 | None:
        """Return the offsets of a document's text in UTF-16 units, None if it has none."""
        ...


def supply_of(view: View) -> Supply:
    """Return who has which document in a state, for what gives documents out: no operation among others does."""
    if not isinstance(view, State):
        raise TypeError("documents are given out by requests of their own")
    return view.supply
