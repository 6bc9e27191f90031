"""Times in many forms."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from service.clock import format_time
from service.legacy.times import moment


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05.000000Z"),
        ("2024-01-02 03:04:05.5", "2024-01-02T03:04:05.500000Z"),
        ("2024-01-02T03:04:05.123456Z", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02T03:04:05.123456789+00:00", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05.000000Z"),
        ("2024-01-02", "2024-01-02T00:00:00.000000Z"),
        (1_704_164_645, "2024-01-02T03:04:05.000000Z"),
        (1_704_164_645.25, "2024-01-02T03:04:05.250000Z"),
        (1_704_164_645_250, "2024-01-02T03:04:05.250000Z"),
        (1_704_164_645_250_001, "2024-01-02T03:04:05.250001Z"),
        (1_704_164_645_250_001_000, "2024-01-02T03:04:05.250001Z"),
        ("1704164645", "2024-01-02T03:04:05.000000Z"),
    ],
)
def test_a_time_is_read(value: object, expected: str) -> None:
    """With or without zone and fraction, or as a number whose size tells its unit."""
    assert format_time(moment(value)) == expected


def test_a_time_without_a_zone_is_of_the_zone_that_is_told() -> None:
    """One with a zone is not."""
    berlin = ZoneInfo("Europe/Berlin")
    assert moment("2024-01-02T03:00:00", berlin) == moment("2024-01-02T02:00:00Z")
    assert moment("2024-01-02T03:00:00Z", berlin) == moment("2024-01-02T03:00:00Z")


@pytest.mark.parametrize("value", ["", "yesterday", "nan", True, [], {}, 1e30, "2024-13-01", "-inf", 2**70])
def test_anything_else_is_no_time(value: object) -> None:
    """And the message shows what was found."""
    with pytest.raises(ValueError, match="found, expected a time"):
        moment(value)
