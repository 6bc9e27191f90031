"""What of an entity can be edited: its members as they may be set, with the names and types of the drafts."""

from __future__ import annotations

from typing import Any

import msgspec

from service.client.types import Argument, AssignmentRule, Body, Fragment, Origin, PageOf, Reference, Region, Scalar


class Edit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The base of what is edited. A member that no such entity has cannot be set."""


class UserEdit(Edit, kw_only=True):
    """A user. Administrators alone may set `role` and `disabled`."""

    email: str
    name: str = ""
    role: str = "member"
    disabled: bool = False


class ProjectEdit(Edit, kw_only=True):
    """A project; its members have calls of their own."""

    name: str
    description: str = ""
    labels: tuple[dict[str, Any], ...] = ()
    label_policy: str = "open"
    annotators: str = "shared"
    assignment: AssignmentRule = AssignmentRule()


class DocumentEdit(Edit, kw_only=True):
    """A document. Its text cannot change once a mark points into it."""

    title: str = ""
    text: str | None = None
    project_id: str | None = None
    external_id: str | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    pages: tuple[PageOf, ...] | None = None
    derived_from: str | None = None


class ExtractionEdit(Edit, kw_only=True):
    """An extraction, of which only the status changes."""

    status: str


class AnnotationEdit(Edit, kw_only=True):
    """An annotation. `text` is derived anew when the span changes and `text` does not."""

    type: str | None = None
    status: str | None = None
    label: str | None = None
    start: int | None = None
    end: int | None = None
    fragments: tuple[Fragment, ...] | None = None
    text: str | None = None
    regions: tuple[Region, ...] | None = None
    arguments: tuple[Argument, ...] | None = None
    attributes: dict[str, Scalar | list[Scalar]] = {}
    references: tuple[Reference, ...] | None = None
    body: tuple[Body, ...] | None = None
    origin: Origin | None = None
    extraction_id: str | None = None
    verdict: str | None = None


class AssignmentEdit(Edit, kw_only=True):
    """An assignment, of which only the state changes."""

    state: str
