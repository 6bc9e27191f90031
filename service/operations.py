"""Several operations at once: the commands of transactions and bulk loads, and which kinds they may speak of.

An operation is one of the commands that a request of its own could be, with `@name` perhaps where an id may stand. What
answers or takes a secret is none: users, sessions and API keys have their own paths alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from service.commands import Command, Create, Delete, Replace, Update
from service.errors import DomainError
from service.kinds.assignment import ASSIGNMENT, AssignmentDraft
from service.kinds.base import Draft, Kind
from service.kinds.document import DOCUMENT, DocumentDraft
from service.kinds.marks import ANNOTATION, EXTRACTION, AnnotationDraft, ExtractionDraft
from service.kinds.project import PROJECT, ProjectDraft

Single = Create | Replace | Update | Delete


class Operable(NamedTuple):
    """A kind that operations may speak of.

    Attributes:
        kind: Which.
        draft: What clients send.
        references: Members with ids, in which `@name` may stand; ``arguments.target`` looks into a list of objects.
        has_offsets: Its offsets may count UTF-16 units.
    """

    kind: Kind
    draft: type[Draft]
    references: tuple[str, ...] = ()
    has_offsets: bool = True


OPERABLE: Mapping[str, Operable] = {
    one.kind.name: one
    for one in (
        Operable(PROJECT, ProjectDraft, has_offsets=False),
        Operable(DOCUMENT, DocumentDraft, ("project_id", "derived_from")),
        Operable(EXTRACTION, ExtractionDraft, ("document_id", "arguments.target")),
        Operable(ASSIGNMENT, AssignmentDraft, ("document_id",), has_offsets=False),
        Operable(ANNOTATION, AnnotationDraft, ("document_id", "extraction_id", "arguments.target")),
    )
}
"""Everything that transactions and bulk loads do something to. A kind joins them with a row."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        command: What it does, as if it were a request; None if it cannot be read.
        ref: The name by which others may call the id of what it makes.
        names: It may hold names; most do not, and are not looked through for them.
        fault: Why it cannot be read; places are within the operation.
        line: As it was received, for the fingerprint of bulk loads.
    """

    command: Single | None = None
    ref: str | None = None
    names: bool = True
    fault: DomainError | None = None
    line: bytes = b""


class Transact(Command, frozen=True, kw_only=True):
    """Carry out several operations, all or none.

    Attributes:
        steps: In the order in which they were sent, or `Invalid`.
    """

    steps: tuple[Step, ...] | Any


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operation has done.

    Attributes:
        index: Its place among the others, from 0.
        status: What a request of its own would have been answered with.
        id: Of the entity.
        version: Of the entity after it; none after a deletion.
    """

    index: int
    status: int
    id: str
    version: int | None = None
