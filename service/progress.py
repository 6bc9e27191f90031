"""How far a project is: told from the indexes, as of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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
    found: dict[str, Any] = {
        "project_id": query.project_id,
        "documents": {
            "total": len(context.state.tables["document"].select({"project_id": (query.project_id,)})),
            "waiting": sum(len(rows) for number, rows in documents.waiting.items() if number < wanted),
            "annotated": sum(len(rows) for number, rows in documents.done.items() if number >= wanted),
            "ready": sum(len(rows) for number, rows in documents.ready.items() if number >= wanted),
            "reviewed": len(documents.reviewed),
        },
        **_by_state(totals),
        "members": [{"user_id": user_id, **_by_state(numbers)} for user_id, numbers in sorted(users.items())],
    }
    return msgspec.json.encode(found)


def _by_state(numbers: Sequence[int]) -> dict[str, dict[str, int]]:
    of_task = len(STATES)
    return {
        task: dict(zip(STATES, numbers[place * of_task : (place + 1) * of_task], strict=True))
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
        item: dict[str, Any] = {
            "document_id": document.id,
            "annotating": counts.open,
            "annotated": counts.done,
            "reviewing": counts.reviewing,
        }
        if document.reviewed_at is not None:
            item["reviewed_at"] = document.reviewed_at
        items.append(msgspec.json.encode(item))
    return items
