"""Time: microseconds since 1970 UTC inside, RFC 3339 with microseconds outside."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC; it prints without an offset, and faster
_MICROSECOND = timedelta(microseconds=1)
TIME_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The last microsecond of the year 9999, the last one that can be told."""


def now() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def format_time(microseconds: int) -> str:
    """Return for example ``2026-11-23T17:53:13.123456Z``."""
    return (_EPOCH_NAIVE + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> int:
    """Return the microseconds of an RFC 3339 time.

    Raises:
        ValueError: It is no such time, or has no offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC; write for example {format_time(0)}")
    return (moment - _EPOCH) // _MICROSECOND
