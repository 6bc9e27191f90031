"""Decoded texts: marks come many a document, so the last few texts serve most of them."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from service.kinds.document import Text
from service.offsets import Utf16

CHARACTERS_MAX = 16 * 1024 * 1024


class _Kept:
    """A text and its offsets, the latter once they were asked for."""

    def __init__(self, value: bytes, text: str) -> None:
        self.value = value
        self.text = text
        self.offsets: Utf16 | None = None


class TextCache:
    """The texts that were used last.

    Args:
        characters_max: How much is kept in all, in code points; the last text is kept whatever its length.
    """

    def __init__(self, characters_max: int = CHARACTERS_MAX) -> None:
        self._characters_max = characters_max
        self._characters = 0
        self._texts: OrderedDict[str, _Kept] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Text)

    def decoded(self, document_id: str, value: bytes) -> str:
        """Return the text that the value of a document's text holds."""
        return self._kept(document_id, value).text

    def offsets(self, document_id: str, value: bytes) -> Utf16:
        """Return the offsets of that text."""
        kept = self._kept(document_id, value)
        if kept.offsets is None:
            kept.offsets = Utf16(kept.text)
        return kept.offsets

    def _kept(self, document_id: str, value: bytes) -> _Kept:
        kept = self._texts.get(document_id)
        # The state holds one bytes object a value: another one means that the text has changed.
        if kept is not None and kept.value is value:
            self._texts.move_to_end(document_id)
            return kept
        kept = _Kept(value, self._decoder.decode(value).text)
        self._forget(document_id)
        self._texts[document_id] = kept
        self._characters += len(kept.text)
        while self._characters > self._characters_max and len(self._texts) > 1:
            self._forget(next(iter(self._texts)))
        return kept

    def _forget(self, document_id: str) -> None:
        kept = self._texts.pop(document_id, None)
        if kept is not None:
            self._characters -= len(kept.text)
