"""What an import came to: what was taken over, and what was not, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from service.kinds.account import USER
from service.kinds.document import DOCUMENT
from service.kinds.marks import ANNOTATION, EXTRACTION

KINDS = (USER, DOCUMENT, EXTRACTION, ANNOTATION)
OTHER = "other"
"""The kind of what is in the file and of no kind that is known here."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that cannot be taken over.

    Attributes:
        kind: Of the entity, or `OTHER`.
        place: Where it stands in the file, for example ``users/u1`` or ``documents[3]``.
        reason: What was found, and what was expected.
    """

    kind: str
    place: str
    reason: str

    def __str__(self) -> str:
        return printable(f"{self.place}: {self.reason}")


class KindCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Entities of one kind."""

    found: int
    imported: int
    left_out: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to.

    Attributes:
        file: That was read.
        directory: The data directory.
        imported: The log is in its place; otherwise nothing has changed.
        kinds: By the name of the collection. What would have been imported counts, also if nothing was.
        left_out: What cannot be taken over.
        notes: What contradicts itself, or was decided without being told; it hinders nothing.
        users: The id of each user in the file → the one here.
    """

    file: str
    directory: str
    imported: bool
    kinds: dict[str, KindCounts]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    users: dict[str, str]


def counts(imported: Counter[str], left_out: Iterable[LeftOut]) -> dict[str, KindCounts]:
    """Return what came of each kind."""
    refused = Counter(one.kind for one in left_out)
    return {
        f"{kind.name}s": KindCounts(
            found=imported[kind.name] + refused[kind.name], imported=imported[kind.name], left_out=refused[kind.name]
        )
        for kind in KINDS
    }


def table(report: Report) -> str:
    """Return the numbers for a reader."""
    lines = [f"{'':<12} {'found':>9} {'imported':>9} {'left out':>9}"]
    for name, kind in report.kinds.items():
        imported = kind.imported if report.imported else 0
        lines.append(f"{name:<12} {kind.found:>9} {imported:>9} {kind.found - imported:>9}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal, whoever wrote it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
