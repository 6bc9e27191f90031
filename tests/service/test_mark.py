"""The rules of marks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidError, TextMismatchError
from service.kinds.mark import MarkDraft, resolve

TEXT = "Ångström 😀 met\r\nMarie Curie"


def draft(**members: Any) -> MarkDraft:
    """Return a draft as it would arrive."""
    return msgspec.convert({"document_id": "doc_1", **members}, MarkDraft)


def pointers(**members: Any) -> list[str]:
    """Return where a draft is refused."""
    with pytest.raises(InvalidError) as caught:
        resolve(draft(**members), TEXT)
    return [error.pointer for error in caught.value.errors]


@given(st.text(min_size=1, max_size=50), st.data())
def test_the_text_of_a_span_is_derived_by_code_points(text: str, data: st.DataObject) -> None:
    """And what was derived is accepted when it is sent."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    fields = resolve(draft(start=start, end=end), text)
    assert fields["type"] == "span"
    assert fields["text"] == text[start:end]
    assert resolve(draft(start=start, end=end, text=text[start:end]), text) == fields


def test_fragments_are_joined_by_one_space_and_their_hull_is_derived() -> None:
    """A discontinuous span."""
    fields = resolve(draft(fragments=[{"start": 0, "end": 8}, {"start": 16, "end": 21}]), TEXT)
    assert (fields["start"], fields["end"], fields["text"]) == (0, 21, "Ångström Marie")


def test_a_mismatch_tells_if_the_utf_16_reading_would_fit() -> None:
    """The most common mistake is named."""
    with pytest.raises(TextMismatchError, match="UTF-16 units"):
        resolve(draft(start=12, end=15, text="met"), TEXT)
    with pytest.raises(TextMismatchError, match="the mark says 'nonsense'"):
        resolve(draft(start=11, end=14, text="nonsense"), TEXT)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"start": 3}, ["/end"]),
        ({"end": 3}, ["/start"]),
        ({"type": "span"}, ["/start"]),
        ({"start": 3, "end": 3}, ["/end"]),
        ({"start": 0, "end": len(TEXT) + 1}, ["/end"]),
        ({"fragments": [{"start": 0, "end": 2}]}, ["/fragments"]),
        ({"fragments": [{"start": 4, "end": 6}, {"start": 5, "end": 8}]}, ["/fragments/1/start"]),
        ({"fragments": [{"start": 0, "end": 2}, {"start": 3, "end": 99}]}, ["/fragments/1/end"]),
        ({"start": 1, "end": 4, "fragments": [{"start": 0, "end": 2}, {"start": 3, "end": 4}]}, ["/start"]),
        ({"regions": [{"page": 1, "x": 0.1}]}, ["/regions/0"]),
        ({"regions": [{"page": 1, "points": [[0, 0], [1, 1]]}]}, ["/regions/0/points"]),
        ({"regions": [{"page": 1, "x": 0, "points": [[0, 0], [1, 1], [0, 1]]}]}, ["/regions/0"]),
        ({"type": "region"}, ["/regions"]),
        ({"arguments": [{"role": "Arg1", "target": "ann_1"}]}, ["/arguments"]),
        ({"type": "event", "arguments": [{"role": "Theme", "target": "ann_1"}]}, ["/arguments"]),
    ],
)
def test_a_broken_rule_is_refused_with_its_place(members: dict[str, Any], expected: list[str]) -> None:
    """One rule a case."""
    assert pointers(**members) == expected


def test_a_document_without_text_has_no_spans() -> None:
    """But other marks."""
    with pytest.raises(InvalidError):
        resolve(draft(start=0, end=1), None)
    assert resolve(draft(label="spam"), None)["type"] == "document"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "document"),
        ({"start": 0, "end": 1}, "span"),
        ({"regions": [{"page": 1, "x": 0, "y": 0, "width": 1, "height": 1}]}, "region"),
        ({"arguments": [{"role": "a", "target": "x"}, {"role": "b", "target": "y"}]}, "relation"),
        ({"type": "group", "arguments": [{"role": "a", "target": "x"}]}, "group"),
    ],
)
def test_an_absent_type_follows_from_what_is_there(members: dict[str, Any], expected: str) -> None:
    """A type that was sent stays."""
    assert resolve(draft(**members), TEXT)["type"] == expected


@pytest.mark.parametrize(
    "members",
    [
        {"start": -1, "end": 2},
        {"start": "0", "end": 2},
        {"nonsense": 1},
        {"regions": [{"page": 0}]},
        {"regions": [{"page": 1, "x": 1.5}]},
        {"attributes": {"a": {"b": 1}}},
        {"label": ""},
    ],
)
def test_what_does_not_fit_the_schema_is_refused_by_the_decoder(members: dict[str, Any]) -> None:
    """Types, bounds and unknown members."""
    with pytest.raises(msgspec.ValidationError):
        draft(**members)
