"""Extractions, which models make, and annotations, which people make."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from service.kinds.base import Index, Kind, ServerSet
from service.kinds.mark import Argument, MarkDraft, MarkFields, Name

Alignment = Literal["exact", "greater", "lesser", "fuzzy", "none"]
Verdict = Literal["accepted", "corrected", "rejected"]


class Source(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which model made an extraction."""

    name: Name
    version: str | None = None
    run: str | None = None


class ExtractionDraft(MarkDraft, kw_only=True, frozen=True):
    """An extraction as a client sends it."""

    source: Source
    quote: str | None = None
    alignment: Alignment | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None


class Extraction(MarkFields, kw_only=True, frozen=True, omit_defaults=True):
    """An extraction as it is stored."""

    source: Source
    quote: str | None = None
    alignment: Alignment | None = None
    confidence: float | None = None


class AnnotationDraft(MarkDraft, kw_only=True, frozen=True):
    """An annotation as a client sends it."""

    extraction_id: str | None = None
    verdict: Verdict | None = None
    author_id: ServerSet = None
    rests_on: Annotated[list[str] | None, Meta(extra_json_schema={"readOnly": True})] = None


class Annotation(MarkFields, kw_only=True, frozen=True, omit_defaults=True):
    """An annotation as it is stored.

    Attributes:
        author_id: Who made it.
        extraction_id: Which extraction it is about.
        verdict: What it says of that.
        rests_on: The marks that a decided annotation was made from, none perhaps; None: it was not decided by an
            adjudication.
    """

    author_id: str
    extraction_id: str | None = None
    verdict: Verdict | None = None
    rests_on: list[str] | None = None


RawAnnotation = Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Annotation"})]
"""An annotation's JSON, within an answer."""


class MarkRow(msgspec.Struct, frozen=True):
    """What indexes and rules need of a mark."""

    version: int
    document_id: str
    type: str
    status: str
    label: str | None = None
    start: int | None = None
    author_id: str | None = None
    extraction_id: str | None = None
    verdict: str | None = None
    rests_on: list[str] | None = None
    arguments: list[Argument] | None = None
    confidence: float | None = None


_MARK_INDEXES = (
    Index("document_id", "document_id"),
    Index("label", "label"),
    Index("type", "type"),
    Index("status", "status"),
    Index("target", "arguments.target"),
    Index("document.scope", "document_id", through=("document", "scope")),
)
EXTRACTION = Kind(
    "extraction",
    "ext",
    MarkRow,
    (*_MARK_INDEXES, Index("confidence", "confidence", is_range=True)),
    collection="extractions",
)
ANNOTATION = Kind(
    "annotation",
    "ann",
    MarkRow,
    (
        *_MARK_INDEXES,
        Index("author_id", "author_id"),
        Index("extraction_id", "extraction_id"),
        Index("verdict", "verdict"),
        Index("rests_on", "rests_on"),
    ),
    collection="annotations",
)
