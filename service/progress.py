"""How far a project is: told from the indexes, as of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from service.assigning import Progress
from service.decide.access import require_project, require_user
from service.decide.decision import Context
from service.kinds.assignment import STATES, TASKS
from service.state.supply import CELLS
from service.state.view import supply_of


class _Document(msgspec.Struct):
    """What is told of a document besides its counts."""

    id: str
    reviewed_at: str | None = None


class StateCounts(msgspec.Struct, frozen=True):
    """How many assignments there are of a task, by state."""

    todo: int
    in_progress: int
    done: int
    skipped: int


class MemberProgress(msgspec.Struct, frozen=True):
    """How far a member is, or was.

    Attributes:
        user_id: Who.
        annotate: What they have or had to annotate.
        review: What they have or had to review.
    """

    user_id: str
    annotate: StateCounts
    review: StateCounts


class DocumentCounts(msgspec.Struct, frozen=True):
    """How many documents there are.

    Attributes:
        total: All of them.
        waiting: That are not reviewed and that fewer people have than the project wants.
        annotated: That as many have annotated.
        ready: Of those, what can be given out to review.
        reviewed: Whose review is done.
    """

    total: int
    waiting: int
    annotated: int
    ready: int
    reviewed: int


class ProjectProgress(msgspec.Struct, frozen=True):
    """How far a project is.

    Attributes:
        project_id: Which.
        documents: How many there are.
        annotate: Assignments to annotate, of all members.
        review: Assignments to review, of all members.
        members: Who has or had something, also if they have left.
    """

    project_id: str
    documents: DocumentCounts
    annotate: StateCounts
    review: StateCounts
    members: list[MemberProgress]


class ProgressOfDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a document is.

    Attributes:
        document_id: Which.
        annotating: How many people are at it.
        annotated: How many are done with it.
        reviewing: How many review it or have done so.
        reviewed_at: When its review was done.
    """

    document_id: str
    annotating: int
    annotated: int
    reviewing: int
    reviewed_at: str | None = None


_decode_document = msgspec.json.Decoder(_Document).decode


def progress_of(context: Context, query: Progress) -> bytes:
    """Return how far a project is, as JSON.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such project that the actor may see.
        GoneError: It was deleted.
    """
    row = require_project(context, require_user(context, query.actor), query.project_id)
    supply = supply_of(context.state)
    documents = supply.of(query.project_id)
    wanted = row.assignment.annotators_per_document
    users = supply.progress(query.project_id)
    totals = [sum(numbers) for numbers in zip(*users.values(), strict=True)] or [0] * len(CELLS)
    found = ProjectProgress(
        project_id=query.project_id,
        documents=DocumentCounts(
            total=len(context.state.tables["document"].select({"project_id": (query.project_id,)})),
            waiting=sum(len(rows) for number, rows in documents.waiting.items() if number < wanted),
            annotated=sum(len(rows) for number, rows in documents.done.items() if number >= wanted),
            ready=sum(len(rows) for number, rows in documents.ready.items() if number >= wanted),
            reviewed=len(documents.reviewed),
        ),
        **_by_task(totals),
        members=[MemberProgress(user_id=user_id, **_by_task(numbers)) for user_id, numbers in sorted(users.items())],
    )
    return msgspec.json.encode(found)


def _by_task(numbers: Sequence[int]) -> dict[str, StateCounts]:
    of_task = len(STATES)
    return {
        task: StateCounts(**dict(zip(STATES, numbers[place * of_task : (place + 1) * of_task], strict=True)))
        for place, task in enumerate(TASKS)
    }


def progress_of_documents(context: Context, values: Iterable[bytes]) -> list[bytes]:
    """Return how far some documents are, each as JSON.

    Args:
        context: With the state that they are in.
        values: Of the documents.
    """
    items = []
    for value in values:
        document = _decode_document(value)
        counts = context.state.supply.counts_of(document.id)
        item = ProgressOfDocument(document.id, counts.open, counts.done, counts.reviewing, document.reviewed_at)
        items.append(msgspec.json.encode(item))
    return items
