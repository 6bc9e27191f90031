"""What the state and the engine know of a kind of entity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wal.columns import number_term

ServerSet = Annotated[str | None, Meta(extra_json_schema={"readOnly": True})]
"""A member of a draft that is the server's: it may be sent if it says what is so already."""


class Draft(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a client sends. The members here are the server's: they may be sent if they say what is so already."""

    id: ServerSet = None
    version: Annotated[int | None, Meta(extra_json_schema={"readOnly": True})] = None
    created_at: ServerSet = None
    updated_at: ServerSet = None


@dataclass(frozen=True)
class Index:
    """A look-up from a field's value to entities.

    Attributes:
        name: The field in a list's filter.
        path: The member of the entity that holds the value; ``arguments.target`` looks into a list of objects.
        unique: No two entities have the same value.
        is_range: The values are numbers, and what is asked for is a lower bound.
        is_computed: What is indexed is a property of the row, which snapshots know nothing of: it is made anew at each
            start; only for kinds that keep their rows. It serves the rules of access and is no filter.
        through: Kind and member: the value is the id of an entity of that kind, and what is indexed is that member of
            it, which never changes. It serves the rules of access and is no filter.
    """

    name: str
    path: str
    unique: bool = False
    is_range: bool = False
    is_computed: bool = False
    through: tuple[str, str] | None = None

    @cached_property
    def head(self) -> str:
        """The member that holds the value, or the list of objects that do."""
        return self.path.partition(".")[0]

    @property
    def is_filter(self) -> bool:
        """A list can ask for some of its values."""
        return not (self.is_range or self.is_computed) and self.through is None


@dataclass(frozen=True)
class Kind:
    """A sort of entity.

    Attributes:
        name: In records, for example ``annotation``.
        prefix: Of its ids.
        row: The few members that indexes and rules need, decoded from the entity's JSON.
        indexes: Its look-ups.
        collection: Its path below ``/v1``, None for what is never served.
        schema: Version of its JSON.
        keeps_rows: The decoded rows stay in memory, because every request needs them.
        has_history: A deletion keeps the value before it in the log; secrets and what merely expires are let go.
    """

    name: str
    prefix: str
    row: type[msgspec.Struct]
    indexes: tuple[Index, ...] = ()
    collection: str | None = None
    schema: int = 1
    keeps_rows: bool = False
    has_history: bool = True

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """The names by whose values a list can be filtered."""
        return tuple(index.name for index in self.indexes if index.is_filter)

    @cached_property
    def ranges(self) -> tuple[str, ...]:
        """The names that a list can ask a least value of."""
        return tuple(index.name for index in self.indexes if index.is_range)


def terms(row: msgspec.Struct, index: Index) -> Iterable[str]:
    """Return the values under which an index finds an entity: none, one, or several of a list."""
    value: Any = getattr(row, index.head)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, float):
        return (number_term(value),)
    rest = index.path.partition(".")[2]
    return {getattr(item, rest) for item in value} if rest else set(value)
