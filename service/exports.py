"""What can be asked of the engine about exports: commands and queries like those of `service.commands`, and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

import msgspec

from service.commands import Command, Query


class Restore(Command, frozen=True, kw_only=True):
    """Store an entity as an export tells it, with version, times and authors. Only administrators may.

    Attributes:
        kind: Of the entity.
        id: Its id.
        draft: As the kind's draft, whose schema is that of its members, or `Invalid`.
        entity: Decoded whole; None if `draft` is `Invalid`.
        value: Its JSON, without the text of a document.
    """

    kind: str
    id: str
    draft: Any
    entity: Any
    value: bytes


class EndRestore(Command, frozen=True, kw_only=True):
    """The line that ends an export: nothing is to be done."""


class Dangling(Query, frozen=True, kw_only=True):
    """Which of some annotations, that restored marks point to, are not there?

    Attributes:
        ids: Of those that were not there when the marks were restored.
    """

    ids: tuple[str, ...]


class OpenExport(Query, frozen=True, kw_only=True):
    """Everything that the actor may see, as of now.

    Attributes:
        export_id: For the export, by which it is resumed.
        project_id: Only what is of this project.
        document_id: Only this document, and what is on it.
    """

    export_id: str
    project_id: str | None = None
    document_id: str | None = None


class ResumeExport(Query, frozen=True, kw_only=True):
    """The rest of an export.

    Attributes:
        export_id: Which.
        lines: How many whole lines the client has.
    """

    export_id: str
    lines: int = 0


class Chunks(Protocol):
    """The pieces of a stream."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def __anext__(self) -> Awaitable[bytes]: ...

    def aclose(self) -> Awaitable[None]:
        """End the stream, whether it was read or not."""
        ...


class Stream(msgspec.Struct, frozen=True):
    """An export that was begun. It counts as under way until its chunks are read to their end, fail, or are closed.

    Attributes:
        export_id: By which it is resumed.
        sequence: What it is as of; durable.
        lines: All of its lines, those that the client has among them, without the one that ends it.
        chunks: Whole lines, as bytes. Raises `DomainError` if the rest may or can not be told.
    """

    export_id: str
    sequence: int
    lines: int
    chunks: Chunks
