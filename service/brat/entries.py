"""The lines of brat stand-off as values, and the error for lines that are none. `str` of an entry is its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec
from msgspec.structs import replace

_TAB = "\t"


class StandoffError(ValueError):
    """A line that is not brat stand-off, or that does not fit its text or the other lines.

    Args:
        path: The file, for the message.
        line: Its number, from 1; 0 for the file as a whole.
        found: What is there.
        expected: What would have been right.
    """

    def __init__(self, path: str, line: int, *, found: str, expected: str) -> None:
        place = f"{path}:{line}" if line else path
        super().__init__(f"{place}: found {found}, expected {expected}.")
        self.path = path
        self.line = line
        self.found = found
        self.expected = expected


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a line says. `line` is its number from 1, 0 when it came from elsewhere."""

    line: int = 0

    @property
    def targets(self) -> tuple[str, ...]:
        """The ids that the line names besides its own, in their order."""
        return ()

    def pointing(self, names: Mapping[str, str]) -> Self:  # noqa: ARG002 - most lines name others, this is the rest
        """Return the entry with ids that it names besides its own replaced where `names` has them."""
        return self


class Span(Entry, frozen=True, kw_only=True):
    """A ``T`` line. `text` is its third column as it stands there."""

    id: str
    label: str
    fragments: tuple[tuple[int, int], ...]
    text: str

    def __str__(self) -> str:
        places = ";".join(f"{start} {end}" for start, end in self.fragments)
        return f"{self.id}\t{self.label} {places}\t{self.text}"


class Relation(Entry, frozen=True, kw_only=True):
    """An ``R`` line. `arguments` are pairs of role and target; `tail` is the white space at its end."""

    id: str
    label: str
    arguments: tuple[tuple[str, str], ...]
    tail: str = ""

    def __str__(self) -> str:
        return f"{self.id}\t{' '.join([self.label, *_pairs(self.arguments)])}{self.tail}"

    @property
    def targets(self) -> tuple[str, ...]:
        """Those of the arguments."""
        return tuple(target for _, target in self.arguments)

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it with other arguments."""
        return replace(self, arguments=_pointed(self.arguments, names))


class Group(Entry, frozen=True, kw_only=True):
    """A ``*`` line, which has no id."""

    label: str
    members: tuple[str, ...]
    tail: str = ""

    def __str__(self) -> str:
        return f"*\t{' '.join([self.label, *self.members])}{self.tail}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The members."""
        return self.members

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it with other members."""
        return replace(self, members=tuple(names.get(member, member) for member in self.members))


class Event(Entry, frozen=True, kw_only=True):
    """An ``E`` line."""

    id: str
    label: str
    trigger: str
    arguments: tuple[tuple[str, str], ...]
    tail: str = ""

    def __str__(self) -> str:
        return f"{self.id}\t{' '.join(_pairs([(self.label, self.trigger), *self.arguments]))}{self.tail}"

    @property
    def targets(self) -> tuple[str, ...]:
        """Those of the arguments and the trigger, which is first."""
        return (self.trigger, *(target for _, target in self.arguments))

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it with other arguments and another trigger."""
        return replace(self, trigger=names.get(self.trigger, self.trigger), arguments=_pointed(self.arguments, names))


class Attribute(Entry, frozen=True, kw_only=True):
    """An ``A`` or ``M`` line, which of them its id tells. `value` is None for a binary attribute."""

    id: str
    label: str
    target: str
    value: str | None = None
    tail: str = ""

    def __str__(self) -> str:
        return f"{self.id}\t{self.label} {self.target}{_after(' ', self.value)}{self.tail}"

    @property
    def targets(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.target,)

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it about something else."""
        return replace(self, target=names.get(self.target, self.target))


class Reference(Entry, frozen=True, kw_only=True):
    """An ``N`` line: `target` is `key` in `resource`. `text` is None without a third column."""

    id: str
    label: str
    target: str
    resource: str
    key: str
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.id}\t{self.label} {self.target} {self.resource}:{self.key}{_after(_TAB, self.text)}"

    @property
    def targets(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.target,)

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it about something else."""
        return replace(self, target=names.get(self.target, self.target))


class Note(Entry, frozen=True, kw_only=True):
    """A ``#`` line about another line. `text` is None without a third column."""

    id: str
    label: str
    target: str
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.id}\t{self.label} {self.target}{_after(_TAB, self.text)}"

    @property
    def targets(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.target,)

    def pointing(self, names: Mapping[str, str]) -> Self:
        """Return it about something else."""
        return replace(self, target=names.get(self.target, self.target))


class Comment(Entry, frozen=True, kw_only=True):
    """A line that begins with ``#`` and is about nothing, kept as it is."""

    content: str

    def __str__(self) -> str:
        return self.content


AnyEntry = Span | Relation | Group | Event | Attribute | Reference | Note | Comment


def _pairs(arguments: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{role}:{target}" for role, target in arguments]


def _after(separator: str, value: str | None) -> str:
    return "" if value is None else f"{separator}{value}"


def _pointed(arguments: Iterable[tuple[str, str]], names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((role, names.get(target, target)) for role, target in arguments)
