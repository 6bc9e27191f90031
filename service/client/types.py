"""What the client sends and gets: drafts and entities, with the names of the API.

Entities ignore members that this version does not know, as the API asks of its clients. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

Scalar = str | int | float | bool | None


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of what drafts and entities are made of."""


class Fragment(Part, frozen=True, kw_only=True):
    """A piece of a discontinuous span, in code points, the end exclusive."""

    start: int
    end: int


class Region(Part, frozen=True, kw_only=True):
    """An area of a page, in fractions of it from the top left: a rectangle, or a polygon of points."""

    page: int
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    rotation: float | None = None
    points: tuple[tuple[float, float], ...] | None = None


class Argument(Part, frozen=True, kw_only=True):
    """What a relation, event or group points to (the id of a mark), and in which role."""

    role: str
    target: str


class Reference(Part, frozen=True, kw_only=True):
    """The same thing in another resource."""

    resource: str
    id: str
    text: str | None = None


class Body(Part, frozen=True, kw_only=True):
    """A note, comment or link."""

    purpose: str
    value: str | None = None
    id: str | None = None
    format: str | None = None
    language: str | None = None


class Origin(Part, frozen=True, kw_only=True):
    """Where a mark came from: a foreign id, and what has no home in Annolog."""

    format: str
    id: str | None = None
    extra: dict[str, Any] | None = None


class Source(Part, frozen=True, kw_only=True):
    """Which model made an extraction."""

    name: str
    version: str | None = None
    run: str | None = None


class PageOf(Part, frozen=True, kw_only=True):
    """A page: its size in any unit, and which code points of the text are on it."""

    number: int
    width: float
    height: float
    start: int | None = None
    end: int | None = None


class AssignmentRule(Part, frozen=True, kw_only=True):
    """By which rule a project gives documents out. `order`: fewest or begun; `release_after`: seconds."""

    annotators_per_document: int = 1
    order: str = "fewest"
    release_after: int | None = None
    review_own: bool = False


class ProjectDraft(Part, frozen=True, kw_only=True):
    """A project to be created or put; who creates it is its owner. `labels` are as the API describes them."""

    name: str
    description: str = ""
    labels: tuple[dict[str, Any], ...] = ()
    label_policy: str = "open"
    annotators: str = "shared"
    assignment: AssignmentRule = AssignmentRule()


class DocumentDraft(Part, frozen=True, kw_only=True):
    """A document to be created or put."""

    title: str = ""
    text: str | None = None
    project_id: str | None = None
    external_id: str | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    pages: tuple[PageOf, ...] | None = None
    derived_from: str | None = None


class MarkDraft(Part, frozen=True, kw_only=True):
    """The fields that extractions and annotations share."""

    document_id: str
    type: str | None = None
    status: str | None = None
    label: str | None = None
    start: int | None = None
    end: int | None = None
    fragments: tuple[Fragment, ...] | None = None
    text: str | None = None
    regions: tuple[Region, ...] | None = None
    arguments: tuple[Argument, ...] | None = None
    attributes: dict[str, Scalar | list[Scalar]] | None = None
    references: tuple[Reference, ...] | None = None
    body: tuple[Body, ...] | None = None
    origin: Origin | None = None


class ExtractionDraft(MarkDraft, frozen=True, kw_only=True):
    """What a model found, to be created or put."""

    source: Source
    quote: str | None = None
    alignment: str | None = None
    confidence: float | None = None


class AnnotationDraft(MarkDraft, frozen=True, kw_only=True):
    """What a person says, to be created or put."""

    extraction_id: str | None = None
    verdict: str | None = None


class Entity(Part, frozen=True, kw_only=True):
    """What every stored thing has."""

    id: str
    version: int
    created_at: str
    updated_at: str


class User(Entity, frozen=True, kw_only=True):
    """A user."""

    email: str
    name: str = ""
    role: str = "member"
    disabled: bool = False


class Session(Part, frozen=True, kw_only=True):
    """A login. The token goes into `Authorization: Bearer`."""

    token: str
    expires_at: str
    user: User


class OpenSession(Part, frozen=True, kw_only=True):
    """One of the user's sessions. `current`: it is the one in use; `opened_at`: None if that was not kept."""

    id: str
    expires_at: str
    current: bool
    opened_at: str | None = None


class OpenSessions(Part, frozen=True, kw_only=True):
    """All of them."""

    items: list[OpenSession]


class ApiKey(Part, frozen=True, kw_only=True):
    """A token of a program's. `token_end`: the last characters of it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    token_end: str
    created_at: str
    expires_at: str


class MadeApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key with its token, which is told once."""

    token: str


class ApiKeys(Part, frozen=True, kw_only=True):
    """All of the user's."""

    items: list[ApiKey]


class Project(Entity, frozen=True, kw_only=True):
    """A project. `members`: users' ids, and what each is: owner, editor, reviewer, annotator or viewer."""

    name: str
    description: str = ""
    labels: tuple[dict[str, Any], ...] = ()
    label_policy: str = "open"
    annotators: str = "shared"
    assignment: AssignmentRule = AssignmentRule()
    members: dict[str, str] = {}


class Content(Part, frozen=True, kw_only=True):
    """What a document tells of its content; `size` is in bytes, `sha256` in hex."""

    media_type: str
    size: int
    sha256: str


class Document(Entity, frozen=True, kw_only=True):
    """A document. Only `get` gives its text: lists and answers to changes leave it out. `length` is in code points."""

    owner_id: str
    project_id: str | None = None
    title: str = ""
    text: str | None = None
    length: int | None = None
    content: Content | None = None
    external_id: str | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    pages: tuple[PageOf, ...] | None = None
    derived_from: str | None = None
    reviewed_at: str | None = None
    reviewed_by: str | None = None


class Mark(Entity, frozen=True, kw_only=True):
    """The fields that extractions and annotations share."""

    document_id: str
    type: str
    status: str
    label: str | None = None
    start: int | None = None
    end: int | None = None
    fragments: tuple[Fragment, ...] | None = None
    text: str | None = None
    regions: tuple[Region, ...] | None = None
    arguments: tuple[Argument, ...] | None = None
    attributes: dict[str, Any] = {}
    references: tuple[Reference, ...] | None = None
    body: tuple[Body, ...] | None = None
    origin: Origin | None = None


class Extraction(Mark, frozen=True, kw_only=True):
    """What a model found."""

    source: Source
    quote: str | None = None
    alignment: str | None = None
    confidence: float | None = None


class Annotation(Mark, frozen=True, kw_only=True):
    """What a person says. `rests_on`: what a decided annotation was made from; None for all others."""

    author_id: str
    extraction_id: str | None = None
    verdict: str | None = None
    rests_on: tuple[str, ...] | None = None
