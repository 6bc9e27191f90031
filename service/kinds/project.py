"""Projects: what several people work on together, and what each of them is there."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from service.kinds.base import Draft, Index, Kind

ProjectRole = Literal["owner", "editor", "reviewer", "annotator", "viewer"]
MEMBERS_MAX = 10_000


class ProjectDraft(Draft, kw_only=True, frozen=True):
    """A project as a client sends it; its members have a path of their own."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    description: Annotated[str, Meta(max_length=10_000)] = ""
    members: dict[str, ProjectRole] | None = None


class Project(msgspec.Struct, kw_only=True, frozen=True):
    """A project as it is stored. `members`: users' ids and what each is."""

    id: str
    version: int
    created_at: str
    updated_at: str
    name: str
    description: str
    members: dict[str, ProjectRole]


class ProjectRow(msgspec.Struct, frozen=True):
    """What every request about a project, or what is in it, needs."""

    version: int
    name: str
    members: dict[str, ProjectRole]


PROJECT = Kind(
    "project",
    "proj",
    ProjectRow,
    (Index("name", "name"), Index("member", "members", is_computed=True)),
    collection="projects",
    keeps_rows=True,
)
