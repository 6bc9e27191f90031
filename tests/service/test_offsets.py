"""Offsets in UTF-16 units and in code points say the same."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidError
from service.offsets import Utf16

TEXTS = st.text(alphabet=st.sampled_from("ab\u00e9\uffff\U00010000\U0001f600"), max_size=12)


def units_of(text: str) -> int:
    """Return the length of a text in units, by encoding it."""
    return len(text.encode("utf-16-le")) // 2


@given(TEXTS)
def test_every_offset_goes_there_and_back(text: str) -> None:
    """Also the one behind the last character."""
    offsets = Utf16(text)
    for place in range(len(text) + 1):
        assert offsets.units(place) == units_of(text[:place])
        assert offsets.code_points(offsets.units(place)) == place


def test_offsets_of_a_text_of_several_chunks() -> None:
    """At their borders, at the end, and behind it."""
    text = "a\U0001f600" * 2000
    offsets = Utf16(text)
    for place in (0, 1, 1023, 1024, 1025, 2047, 2048, 3999, 4000, 4001, 9999):
        units = units_of(text[:place]) + max(0, place - len(text))
        assert offsets.units(place) == units
        assert offsets.code_points(units) == place
    with pytest.raises(ValueError, match="between the two units"):
        offsets.code_points(units_of(text[:2048]) - 1)


@given(TEXTS)
def test_an_offset_within_a_character_is_refused(text: str) -> None:
    """Whichever character it is; every other one is taken."""
    offsets = Utf16(text)
    between = {units_of(text[:place]) for place in range(len(text) + 1)}
    for unit in range(units_of(text) + 1):
        if unit in between:
            assert offsets.code_points(unit) == len(text.encode("utf-16-le")[: 2 * unit].decode("utf-16-le"))
        else:
            with pytest.raises(ValueError, match="between the two units"):
                offsets.code_points(unit)


def test_all_offsets_of_an_entity_are_converted_and_nothing_else() -> None:
    """Those of fragments and pages too; what is no offset is left for the schema to refuse."""
    offsets = Utf16("\U0001f600abc")
    members = {
        "start": 2,
        "end": 5,
        "fragments": [{"start": 2, "end": 3}, "odd"],
        "pages": [{"number": 5, "start": 5, "end": None}],
        "attributes": {"start": 5},
    }
    inward = offsets.inward(members)
    assert inward == {
        "start": 1,
        "end": 4,
        "fragments": [{"start": 1, "end": 2}, "odd"],
        "pages": [{"number": 5, "start": 4, "end": None}],
        "attributes": {"start": 5},
    }
    assert msgspec.json.decode(offsets.outward(msgspec.json.encode(inward))) == members
    for odd in ({"start": True}, {"start": "2"}, {"start": -1}, {"fragments": "x"}):
        assert offsets.inward(odd) == odd


def test_each_offset_within_a_character_is_named() -> None:
    """By its pointer."""
    with pytest.raises(InvalidError) as caught:
        Utf16("\U0001f600").inward({"start": 1, "fragments": [{"start": 0, "end": 1}]})
    assert [error.pointer for error in caught.value.errors] == ["/start", "/fragments/0/end"]
