"""What can be asked of the engine about exports: queries like those of `service.commands`, and what they answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from service.commands import Query


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


class Stream(msgspec.Struct, frozen=True):
    """An export that was begun.

    Attributes:
        export_id: By which it is resumed.
        sequence: What it is as of; durable.
        lines: All of its lines, those that the client has among them, without the one that ends it.
        chunks: Whole lines, as bytes. Raises `DomainError` if the rest may or can not be told.
    """

    export_id: str
    sequence: int
    lines: int
    chunks: AsyncGenerator[bytes, None]
