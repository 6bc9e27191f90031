"""What can be asked of the engine about who does what: commands and queries like those of `service.commands`."""

from __future__ import annotations

from typing import Any

from service.commands import Command, List, Query


class TakeNext(Command, frozen=True, kw_only=True):
    """Give who asks the next document of a project.

    Attributes:
        id: The project's.
        new_id: Of the assignment, if there is a new one.
        draft: `service.kinds.assignment.TakeNextDraft`, or `Invalid`.
    """

    id: str
    new_id: str
    draft: Any


class Progress(Query, frozen=True, kw_only=True):
    """How far a project is, by task, state and member."""

    project_id: str


class DocumentProgress(Query, frozen=True, kw_only=True):
    """How far documents of a project are, each of them. `documents`: a page of them."""

    project_id: str
    documents: List
