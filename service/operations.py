"""Several operations at once: the commands of transactions and bulk loads, and which kinds they may speak of.

An operation is one of the commands that a request of its own could be, with `@name` perhaps where an id may stand. What
answers or takes a secret is none: users, sessions and API keys have their own paths alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from service.commands import Command, Create, Delete, IdempotencyKey, Query, Replace, Update
from service.errors import DomainError, RawProblem
from service.exports import EndRestore, Restore
from service.kinds.assignment import ASSIGNMENT, AssignmentDraft
from service.kinds.base import Draft, Kind
from service.kinds.document import DOCUMENT, DocumentDraft
from service.kinds.marks import ANNOTATION, EXTRACTION, AnnotationDraft, ExtractionDraft
from service.kinds.project import PROJECT, ProjectDraft

Single = Create | Replace | Update | Delete | Restore | EndRestore
_DIGEST_BYTES = 16


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


class Load(Command, frozen=True, kw_only=True):
    """Carry out operations of a bulk load, each of them or not, and as many as a record should hold.

    The idempotency key is that of the chunk (`chunk_key`). Its fingerprint is over all steps; if fewer are carried out
    the answer is kept under that of those.

    Attributes:
        steps: The lines that come next.
        first: The place of the first of them in the whole load.
        refs: Ids of what earlier chunks made, by name; not to be changed.
        fingerprint: Of the request without its lines; empty without a key.
        tells_all: TransactionResults of what succeeds are told too.
    """

    steps: tuple[Step, ...]
    first: int
    refs: Mapping[str, str]
    fingerprint: str = ""
    tells_all: bool = False


class Loaded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of the answer to `Load`.

    Attributes:
        lines: How many were carried out or refused; the others are to be sent again.
        failed: How many of them were refused.
        results: A line of JSON each.
        refs: Ids of what they made, by name.
        awaited: Ids of annotations that restored marks point to, and that are yet to come.
    """

    lines: int
    failed: int
    results: list[msgspec.Raw]
    refs: dict[str, str]
    awaited: list[str] = []


class Chunk(Query, frozen=True, kw_only=True):
    """How many lines had the chunk that was answered under an idempotency key? None if there was none."""

    id: str


def chunk_key(key: IdempotencyKey, first: int, steps: Sequence[Step]) -> IdempotencyKey:
    """Return the idempotency key of a chunk of a bulk load.

    Args:
        key: Of the whole request.
        first: The place of its first line.
        steps: Its lines.
    """
    return IdempotencyKey(id=chunk_id(key, first), fingerprint=fingerprint_of(key.fingerprint, steps))


def chunk_id(key: IdempotencyKey, first: int) -> str:
    """Return the id of the key of the chunk that begins at a line."""
    return hashlib.blake2b(f"{key.id}\0{first}".encode(), digest_size=_DIGEST_BYTES).hexdigest()


def fingerprint_of(request: str, steps: Sequence[Step]) -> str:
    """Return the fingerprint of some lines of a request."""
    digest = hashlib.blake2b(request.encode(), digest_size=_DIGEST_BYTES)
    for step in steps:
        digest.update(b"\n")
        digest.update(step.line)
    return digest.hexdigest()


class OperationFailure(msgspec.Struct, frozen=True):
    """Why an operation of a bulk load was refused.

    Attributes:
        index: Its place among the others, from 0.
        status: What a request of its own would have been answered with.
        problem: Why.
    """

    index: int
    status: int
    problem: RawProblem


class OperationResult(msgspec.Struct, frozen=True, omit_defaults=True):
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


class TransactionResults(msgspec.Struct, frozen=True):
    """What the operations of a transaction have done.

    Attributes:
        results: In their order.
    """

    results: list[OperationResult]
