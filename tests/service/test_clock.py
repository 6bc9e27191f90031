"""Times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clock import format_time, now, parse_time

SECONDS_OF_8000_YEARS = 8000 * 365 * 86400


def test_a_time_is_rfc_3339_in_utc_with_microseconds() -> None:
    """Always with six digits."""
    assert format_time(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"


@given(st.integers(0, SECONDS_OF_8000_YEARS * 1_000_000))
def test_a_time_is_read_as_it_was_written(microseconds: int) -> None:
    """To the microsecond."""
    assert parse_time(format_time(microseconds)) == microseconds


def test_an_offset_is_converted() -> None:
    """Clients may write their own zone."""
    assert parse_time("1970-01-01T02:00:00+02:00") == 0


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-11-23T17:53:13",
        "",
        "2026-W48-3T03:00:00Z",
        "20261125T030000Z",
        "2026-11-25T03:00Z",
        "2026-11-25T03:00:00,5Z",
        "2026-11-25T03:00:00+00:00:30",
        "2026-13-25T03:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Also a time whose zone nobody knows."""
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


def test_now_is_in_microseconds() -> None:
    """After 2020 and before 2200."""
    assert parse_time("2020-01-01T00:00:00Z") < now() < parse_time("2200-01-01T00:00:00Z")
