"""Ids."""

import os
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import IdSource, has_form, named

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def decoded(suffix: str) -> uuid.UUID:
    """Decode a suffix, in another way than the code that encodes it."""
    number = 0
    for character in suffix:
        number = number * 32 + _ALPHABET.index(character)
    return uuid.UUID(int=number)


def test_an_id_is_a_prefix_and_a_version_7_uuid_of_its_millisecond() -> None:
    """The time is in the first 48 bits, in milliseconds."""
    source = IdSource(lambda: 1_700_000_000_123_456)
    prefix, suffix = source.new("doc").split("_")
    value = decoded(suffix)
    assert prefix == "doc"
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert value.int >> 80 == 1_700_000_000_123


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=30))
def test_ids_increase_whatever_the_clock_does(times: list[int]) -> None:
    """Also when it stands still or goes back."""
    clock = iter([moment * 1000 for moment in times])
    source = IdSource(lambda: next(clock))
    made = [source.new("ann") for _ in times]
    assert made == sorted(set(made))


def test_62_bits_of_an_id_are_those_that_the_source_of_randomness_gave() -> None:
    """Each once, whatever was made ahead: two of the first byte, five of each of the twelve others."""
    given = bytearray()

    def random(count: int) -> bytes:
        fresh = os.urandom(count)
        given.extend(fresh)
        return fresh

    source = IdSource(lambda: 5_000_000, random)
    found = [decoded(source.new("ann").split("_")[1]).int & 2**62 - 1 for _ in range(600)]
    expected = []
    for start in range(0, len(given), 13):
        bits = given[start] & 0b11
        for byte in given[start + 1 : start + 13]:
            bits = bits << 5 | byte & 0b11111
        expected.append(bits)
    assert len(expected) >= 600
    assert len(set(found)) == 600
    assert set(found) <= set(expected)


def test_more_ids_in_a_millisecond_than_the_counter_holds_still_increase() -> None:
    """The counter borrows from the next millisecond."""
    source = IdSource(lambda: 5_000_000)
    made = [source.new("ann") for _ in range(10_000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doc_01h455vb4pex5vsknk084sn02q", True),
        ("ann_01h455vb4pex5vsknk084sn02q", False),
        ("doc_01h455vb4pex5vsknk084sn02", False),
        ("doc_81h455vb4pex5vsknk084sn02q", False),
        ("doc_01h455vb4pex5vsknk084sn02u", False),
        ("doc_01H455VB4PEX5VSKNK084SN02Q", False),
        ("doc01h455vb4pex5vsknk084sn02q", False),
        ("", False),
    ],
)
def test_the_form_of_an_id_is_checked(text: str, expected: bool) -> None:
    """Prefix, length, alphabet, and the 128 bits that it may hold."""
    assert has_form(text, "doc") is expected


def test_an_id_follows_from_a_name() -> None:
    """It has the form of an id and is a UUIDv8 of RFC 9562."""
    one, again, other = named("doc", b"a"), named("doc", b"a"), named("doc", b"b")
    assert one == again != other
    assert has_form(one, "doc")
    found = decoded(one.removeprefix("doc_"))
    assert (found.version, found.variant) == (8, uuid.RFC_4122)
