"""Entities for who counts UTF-16 units. A text is decoded only if offsets in it are told, and once for a page.

Texts are large beside what is told of them, and all this is one turn of the loop: so a page ends where its texts have
as many bytes as its items may have.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from service.offsets import Utf16
from service.state.state import State


class _Piece(msgspec.Struct):
    """A page of a document; it has a start and an end, or neither."""

    start: int | None = None


class _Entity(msgspec.Struct):
    """What tells if an entity holds offsets, and in which text: its document's, or its own.

    A mark with fragments has their hull as its start and end.
    """

    id: str
    document_id: str | None = None
    start: int | None = None
    pages: list[_Piece] | None = None

    @property
    def text_id(self) -> str | None:
        """The document in whose text its offsets are, None if it holds none."""
        if self.start is None and all(page.start is None for page in self.pages or ()):
            return None
        return self.document_id or self.id


_entity = msgspec.json.Decoder(_Entity)


def in_utf16(state: State, items: Iterable[bytes], bytes_max: int) -> list[bytes]:
    """Return entities with their offsets in UTF-16 units: in order, all of them or as many as make a page.

    Args:
        state: That has their texts.
        items: JSON of marks, documents and what holds no offsets.
        bytes_max: An entity is among them if the texts of those before it have fewer bytes together, or one of them
            is its own.
    """
    told: list[bytes] = []
    units: dict[str, Utf16 | None] = {}
    size = 0
    for item in items:
        text_id = _entity.decode(item).text_id
        if text_id is None:
            told.append(item)
            continue
        if text_id not in units:
            if size >= bytes_max:
                break
            size += len(state.tables["text"].value(text_id) or b"")
            units[text_id] = state.offsets(text_id)
        offsets = units[text_id]
        told.append(item if offsets is None else offsets.outward(item))
    return told
