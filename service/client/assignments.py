"""Assignments, as the client sees them: given by hand, taken one after the other, and how far all are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec
from aiohttp import hdrs

from service.client.collection import Collection, Page, decoded
from service.client.edits import AssignmentEdit
from service.client.transport import Request, Transport, new_key
from service.client.types import Entity, Part

_PATH = "/v1/assignments"
_NO_CONTENT = 204
_PAGE_SIZE = 200


class AssignmentDraft(Part, frozen=True, kw_only=True):
    """An assignment to be created or put. `task`: annotate or review."""

    document_id: str
    user_id: str
    task: str = "annotate"
    state: str = "todo"


class Assignment(Entity, frozen=True, kw_only=True):
    """Who has which document to annotate or to review. `state`: todo, in_progress, done or skipped."""

    document_id: str
    project_id: str
    user_id: str
    task: str
    state: str
    started_at: str | None = None
    released_at: str | None = None


class States(msgspec.Struct, frozen=True, kw_only=True):
    """How many assignments are in each state."""

    todo: int = 0
    in_progress: int = 0
    done: int = 0
    skipped: int = 0


class MemberProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has and had to do in a project."""

    user_id: str
    annotate: States
    review: States


class DocumentCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents of a project there are, and how far they are."""

    total: int
    waiting: int
    annotated: int
    ready: int
    reviewed: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a project is."""

    project_id: str
    documents: DocumentCounts
    annotate: States
    review: States
    members: tuple[MemberProgress, ...]


class DocumentProgress(Part, frozen=True, kw_only=True):
    """How many people annotate a document, have done so, and have it to review."""

    document_id: str
    annotating: int
    annotated: int
    reviewing: int
    reviewed_at: str | None = None


class Assignments(Collection[AssignmentDraft, Assignment, AssignmentEdit]):
    """The collection of assignments, and what goes by projects.

    Args:
        transport: To the server.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, _PATH, Assignment, AssignmentEdit)

    async def next(
        self, project_id: str, task: str = "annotate", *, idempotency_key: str | None = None
    ) -> Assignment | None:
        """Take the next document of a project: the same until it is done or skipped; None if there is none left."""
        path = f"{_below(project_id)}/next"
        request = Request(
            method=hdrs.METH_POST,
            path=path,
            body=msgspec.json.encode({"task": task}),
            idempotency_key=idempotency_key or new_key(),
        )
        answer = await self._transport.send(request)
        return None if answer.status == _NO_CONTENT else decoded(answer, Assignment, f"POST {path}")

    async def finish(self, assignment_id: str, state: str = "done") -> Assignment:
        """Say that a document is done, or that one skips it."""
        return await self.update(assignment_id, {"state": state})

    async def progress(self, project_id: str) -> Progress:
        """Return how far a project is."""
        path = f"{_below(project_id)}/progress"
        answer = await self._transport.send(Request(method=hdrs.METH_GET, path=path))
        return decoded(answer, Progress, f"GET {path}")

    async def document_progress(
        self, project_id: str, *, page_size: int = _PAGE_SIZE
    ) -> AsyncIterator[DocumentProgress]:
        """Yield how far the documents of a project are, the oldest first."""
        path = f"{_below(project_id)}/progress/documents"
        query = [("limit", str(page_size))]
        cursor: str | None = None
        while True:
            follow = [] if cursor is None else [("cursor", cursor)]
            answer = await self._transport.send(Request(method=hdrs.METH_GET, path=path, query=query + follow))
            page = decoded(answer, Page[DocumentProgress], f"GET {path}")
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return


def _below(project_id: str) -> str:
    return f"/v1/projects/{quote(project_id, safe='')}"
