"""Projects: what several people work on together, and what each of them is there."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from service.kinds.assignment import AssignmentRule
from service.kinds.base import Draft, Index, Kind
from service.kinds.label import Label, LabelPolicy

Annotators = Literal["shared", "independent"]
ProjectRole = Literal["owner", "editor", "reviewer", "annotator", "viewer"]
MEMBERS_MAX = 10_000
LABELS_MAX = 1000


class ProjectDraft(Draft, kw_only=True, frozen=True):
    """A project as a client sends it; its members have a path of their own."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    description: Annotated[str, Meta(max_length=10_000)] = ""
    labels: Annotated[list[Label], Meta(max_length=LABELS_MAX)] = msgspec.field(default_factory=list)
    label_policy: LabelPolicy = "open"
    annotators: Annotators = "shared"
    assignment: AssignmentRule = AssignmentRule()
    members: Annotated[dict[str, ProjectRole] | None, Meta(extra_json_schema={"readOnly": True})] = None


class Project(msgspec.Struct, kw_only=True, frozen=True):
    """A project as it is stored.

    Attributes:
        annotators: `independent` annotators do not see each other's annotations of a document before its review is
            done; `shared` is what all were before there was the choice.
        assignment: By which rule its documents are given out.
        members: Users' ids and what each is.
    """

    id: str
    version: int
    created_at: str
    updated_at: str
    name: str
    description: str
    labels: list[Label]
    label_policy: LabelPolicy
    members: dict[str, ProjectRole]
    annotators: Annotators = "shared"
    assignment: AssignmentRule = AssignmentRule()


class ProjectRow(msgspec.Struct, frozen=True):
    """What every request about a project, or what is in it, needs."""

    version: int
    name: str
    label_policy: LabelPolicy
    labels: list[Label]
    members: dict[str, ProjectRole]
    annotators: Annotators = "shared"
    assignment: AssignmentRule = AssignmentRule()


PROJECT = Kind(
    "project",
    "proj",
    ProjectRow,
    (
        Index("name", "name"),
        Index("member", "members", is_computed=True),
        # Computed, because projects that were stored before there was the choice do not tell it.
        Index("annotators", "annotators", is_computed=True),
    ),
    collection="projects",
    keeps_rows=True,
)
