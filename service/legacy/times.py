"""Times as the proof of concept may have written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from service.errors import shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A number tells its unit by its size: seconds up to the year 5138, then milli-, micro- and nanoseconds.
_UNITS_US = ((10**11, 1_000_000.0), (10**14, 1_000.0), (10**17, 1.0), (10**20, 0.001))


def moment(value: object, zone: tzinfo = UTC) -> int:
    """Return the microseconds since 1970 UTC of an ISO 8601 time or a number since then, also as a string.

    Args:
        value: As it stands in the file.
        zone: Of times that name none.

    Raises:
        ValueError: It is no time.
    """
    if isinstance(value, str):
        try:
            return _iso(value.strip(), zone)
        except (ValueError, OverflowError):
            value = _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for bound, unit in _UNITS_US:
            if abs(value) < bound:
                return round(value * unit)
    raise ValueError(f"{shown(value)} found, expected a time, for example 2026-11-23T17:53:13Z")


def _iso(text: str, zone: tzinfo) -> int:
    found = datetime.fromisoformat(text)
    aware = found.replace(tzinfo=zone) if found.tzinfo is None else found
    return (aware - _EPOCH) // _MICROSECOND


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
