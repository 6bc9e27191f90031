"""Documents; their texts, which are values of their own; what is told of their content, which is a file."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.kinds.base import Draft, Index, Kind, ServerSet


class PageOf(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A page: its size in any unit, and which code points of the text are on it."""

    number: Annotated[int, Meta(ge=1, le=2**31)]
    width: Annotated[float, Meta(gt=0)]
    height: Annotated[float, Meta(gt=0)]
    start: Annotated[int, Meta(ge=0)] | None = None
    end: Annotated[int, Meta(ge=0)] | None = None


class Content(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a document tells of its content; the bytes are in the blob that `sha256` names.

    Attributes:
        media_type: As it was sent, with parameters.
        size: In bytes.
        sha256: In hex.
    """

    media_type: str
    size: int
    sha256: str


class DocumentDraft(Draft, kw_only=True, frozen=True):
    """A document as a client sends it."""

    title: Annotated[str, Meta(max_length=1000)] = ""
    text: str | None = None
    external_id: Annotated[str, Meta(max_length=500)] | None = None
    language: Annotated[str, Meta(max_length=35)] | None = None
    metadata: dict[str, Any] | None = None
    pages: list[PageOf] | None = None
    derived_from: str | None = None
    owner_id: ServerSet = None
    project_id: str | None = None
    length: Annotated[int | None, Meta(extra_json_schema={"readOnly": True})] = None
    content: Annotated[Content | None, Meta(extra_json_schema={"readOnly": True})] = None
    reviewed_at: ServerSet = None
    reviewed_by: ServerSet = None


class Document(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A document as it is stored, without its text.

    Attributes:
        length: Of the text, in code points.
        content: What was uploaded besides the text, or in its place.
        reviewed_at: When its review was done, which an adjudication says.
        reviewed_by: Who adjudicated.
    """

    id: str
    version: int
    created_at: str
    updated_at: str
    owner_id: str
    title: str
    metadata: dict[str, Any]
    project_id: str | None = None
    length: int | None = None
    content: Content | None = None
    external_id: str | None = None
    language: str | None = None
    pages: list[PageOf] | None = None
    derived_from: str | None = None
    reviewed_at: str | None = None
    reviewed_by: str | None = None


class DocumentWithText(Document, kw_only=True, frozen=True, omit_defaults=True):
    """A document as it is served by itself."""

    text: str | None = None


RawDocument = Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Document"})]
"""A document's JSON without its text, within an answer."""


class DocumentRow(msgspec.Struct, frozen=True):
    """What every request about a document or its marks needs."""

    version: int
    owner_id: str
    project_id: str | None = None
    length: int | None = None
    external_id: str | None = None
    derived_from: str | None = None
    reviewed_at: str | None = None
    content: Content | None = None

    @property
    def blob(self) -> str | None:
        """The blob that holds its content."""
        return None if self.content is None else self.content.sha256

    @property
    def scope(self) -> str:
        """Whose it is: its project, or its owner if it is private."""
        return self.project_id or self.owner_id


class Text(msgspec.Struct, frozen=True):
    """A document's text, stored under the document's id."""

    text: str


class NoRow(msgspec.Struct, frozen=True):
    """Nothing of the value is needed."""


DOCUMENT = Kind(
    "document",
    "doc",
    DocumentRow,
    (
        Index("owner_id", "owner_id"),
        Index("project_id", "project_id"),
        Index("external_id", "external_id"),
        Index("derived_from", "derived_from"),
        Index("scope", "scope", is_computed=True),
        Index("blob", "blob", is_computed=True),
    ),
    collection="documents",
    keeps_rows=True,
)
TEXT = Kind("text", "doc", NoRow)
TEXT_FRAME_BYTES = len(msgspec.json.encode(Text("")))
"""What the value of a text takes besides the text."""


def with_text(value: bytes, text: bytes) -> bytes:
    """Return a document's JSON with its text spliced in.

    Args:
        value: Of the document.
        text: The value of its text: an object of one member, so two slices do without decoding anything.
    """
    return value[:-1] + b"," + text[1:]
