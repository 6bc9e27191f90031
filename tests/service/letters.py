"""A project whose documents take several pieces of an export, over a state in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from service.commands import Actor
from service.decide.access import acting
from service.decide.decision import Context
from service.exporting import CHUNK_BYTES, Exporting
from service.exports import OpenExport, ResumeExport, Stream
from service.kinds.project import PROJECT
from service.state.table import Table
from tests.service.decide.world import World

LONG = "Marie Curie met him. " * (CHUNK_BYTES // 20)
"""Larger than a piece."""
_numbers = count()


class CountedTable(Table):
    """A table that counts how often a row is asked for."""

    asked = 0

    def row(self, id: str) -> Any:  # noqa: A002 - the name that it has there
        """Return it."""
        self.asked += 1
        return super().row(id)


class Letters:
    """A user's project of some documents, and what exports it.

    Args:
        limits: Other limits than the default ones.

    Attributes:
        admin: An administrator, who is no member of the project.
        owner: Of the project.
        project: Its id.
        documents: Their ids.
        projects: The table of these.
    """

    def __init__(self, **limits: Any) -> None:
        self.world = World()
        tables = self.world.state.tables
        self.projects = tables[PROJECT.name] = CountedTable(PROJECT, tables)
        self.world.limits = msgspec.structs.replace(self.world.limits, **limits)
        self.admin = self.world.user("admin@example.org")
        self.owner = self.world.user("owner@example.org")
        self.project = self.world.project(self.owner, {})
        members = {"title": "t", "text": LONG, "project_id": self.project}
        self.documents = [str(self.world.create(self.owner, "document", **members)["id"]) for _ in range(4)]
        self.exporting = Exporting(self.world.state, self.context)

    def context(self, actor: Actor | None) -> Context:
        """Return what is decided on."""
        return acting(Context(self.world.state, self.world.now, self.world.limits), actor)

    def open(self, actor: Actor | None = None, **members: Any) -> Stream:
        """Begin an export, of the owner's if nobody else is named."""
        return self.exporting.open(self.query(actor, **members))

    def query(self, actor: Actor | None = None, **members: Any) -> OpenExport:
        """Return what begins an export."""
        return OpenExport(actor=actor or self.owner, export_id=f"export_{next(_numbers)}", **members)

    def resume(self, stream: Stream, actor: Actor | None = None) -> Stream:
        """Go on with an export from its beginning."""
        return self.exporting.resume(ResumeExport(actor=actor or self.owner, export_id=stream.export_id))

    def change(self) -> None:
        """Change every document, and delete one."""
        for document_id in self.documents:
            self.world.update(self.owner, "document", document_id, {"title": "Another"})
        self.world.delete(self.owner, "document", self.documents[-1])


async def rest_of(stream: Stream) -> bytes:
    """Return what is left of a stream."""
    return b"".join([chunk async for chunk in stream.chunks])
