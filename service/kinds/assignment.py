"""Assignments: who has which document to annotate or to review, and how far they are."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from service.kinds.base import Draft, Index, Kind, ServerSet

Task = Literal["annotate", "review"]
Order = Literal["fewest", "begun"]
AssignmentState = Literal["todo", "in_progress", "done", "skipped"]
TASKS: tuple[Task, ...] = get_args(Task)
STATES: tuple[AssignmentState, ...] = get_args(AssignmentState)
ANNOTATORS_MAX = 100
RELEASE_SECONDS_MAX = 10 * 365 * 24 * 3600
OPEN: tuple[AssignmentState, ...] = ("todo", "in_progress")
"""States of what is still to be done."""


class AssignmentRule(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """By which rule a project gives its documents out.

    Attributes:
        annotators_per_document: How many people annotate each.
        order: `fewest`: documents that the fewest annotate go first, so that all of them have one before any has two;
            `begun`: those that the most annotate, so that documents are finished one after the other. Of the same
            number the oldest.
        release_after: Seconds after which what is in progress is taken back and given to others; None: never.
        review_own: Who has annotated a document, or has it to annotate, may be given it to review, and the other way
            round.
    """

    annotators_per_document: Annotated[int, Meta(ge=1, le=ANNOTATORS_MAX)] = 1
    order: Order = "fewest"
    release_after: Annotated[int, Meta(ge=1, le=RELEASE_SECONDS_MAX)] | None = None
    review_own: bool = False


class TakeNextDraft(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What somebody asks for who wants the next document."""

    task: Task = "annotate"


class AssignmentDraft(Draft, kw_only=True, frozen=True):
    """An assignment as a client sends it; only its state changes later."""

    document_id: str
    user_id: str
    task: Task = "annotate"
    state: AssignmentState = "todo"
    project_id: ServerSet = None
    started_at: ServerSet = None
    released_at: ServerSet = None


class Assignment(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An assignment as it is stored.

    Attributes:
        document_id: What is to be annotated or reviewed.
        project_id: The document's.
        user_id: By whom.
        task: Which of the two.
        state: How far they are; `skipped` holds no place of the document any more.
        started_at: Since when it is in progress, or was the last time; None: it never was.
        released_at: When it was taken back, because it took too long or its user could not do it any more. It is
            skipped then.
    """

    id: str
    version: int
    created_at: str
    updated_at: str
    document_id: str
    project_id: str
    user_id: str
    task: Task
    state: AssignmentState
    started_at: str | None = None
    released_at: str | None = None


class AssignmentRow(msgspec.Struct, frozen=True):
    """What indexes and rules need of an assignment."""

    version: int
    document_id: str
    project_id: str
    user_id: str
    task: Task
    state: AssignmentState
    started_at: str | None = None


ASSIGNMENT = Kind(
    "assignment",
    "asg",
    AssignmentRow,
    (
        Index("document_id", "document_id"),
        Index("project_id", "project_id"),
        Index("user_id", "user_id"),
        Index("task", "task"),
        Index("state", "state"),
    ),
    collection="assignments",
)
