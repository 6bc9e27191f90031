"""The cache of decoded texts."""

from __future__ import annotations

import msgspec

from service.kinds.document import Text
from service.state.texts import TextCache


def value(text: str) -> bytes:
    """Return the value of a text."""
    return msgspec.json.encode(Text(text))


def test_a_text_is_decoded_once_while_its_value_is_the_same() -> None:
    """The same string comes back."""
    texts = TextCache(10)
    stored = value("abc")
    assert texts.decoded("d", stored) is texts.decoded("d", stored)
    assert texts.decoded("d", stored) == "abc"


def test_a_text_that_was_changed_is_decoded_again() -> None:
    """Another value under the same id."""
    texts = TextCache(10)
    texts.decoded("d", value("abc"))
    assert texts.decoded("d", value("xyz")) == "xyz"


def test_the_text_that_was_used_longest_ago_goes_first() -> None:
    """By characters in all; one that is larger than all is served too."""
    texts = TextCache(6)
    first, second, third = value("aaa"), value("bbb"), value("ccc")
    kept = texts.decoded("1", first)
    texts.decoded("2", second)
    texts.decoded("1", first)
    texts.decoded("3", third)
    assert texts.decoded("1", first) is kept
    assert list(texts._texts) == ["3", "1"]
    assert texts.decoded("4", value("d" * 99)) == "d" * 99
    assert list(texts._texts) == ["4"]


def test_offsets_are_made_once_while_the_value_is_the_same() -> None:
    """A page of marks asks for them again and again."""
    texts = TextCache(10)
    stored = value("a\U0001f600b")
    offsets = texts.offsets("d", stored)
    assert texts.offsets("d", stored) is offsets
    assert offsets.units(2) == 3
    assert texts.offsets("d", value("abc")) is not offsets
