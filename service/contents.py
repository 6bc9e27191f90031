"""What can be asked of the engine about contents and their blobs, besides what `service.commands` holds."""

from __future__ import annotations

import msgspec

from service.commands import UNCONDITIONAL, Command, Conditions
from service.kinds.document import Content


class StoreContent(Command, frozen=True, kw_only=True):
    """Give a document a content, whose blob is durable already, or another one in the place of what it has.

    Attributes:
        id: The document's.
        content: What the document is to tell of it.
        conditions: On the document's version.
    """

    id: str
    content: Content
    conditions: Conditions = UNCONDITIONAL


class RemoveContent(Command, frozen=True, kw_only=True):
    """Take its content from a document; `id` and `conditions` as above."""

    id: str
    conditions: Conditions = UNCONDITIONAL


class SettleBlobs(Command, frozen=True, kw_only=True):
    """Maintenance: note which blobs no document names any more, and forget those that nothing retained names.

    Attributes:
        ids: Of the blobs.
        oldest: The first sequence of the history that is retained.
    """

    ids: tuple[str, ...]
    oldest: int


class KnownBlob(msgspec.Struct, frozen=True):
    """A blob that something retained names; `held`: a document names it now."""

    id: str
    size: int
    held: bool


class KnownBlobs(msgspec.Struct, frozen=True):
    """Some of them. `next`: to be passed on for those that come after them, None if there are none."""

    items: list[KnownBlob]
    next: int | None
