"""Time: microseconds since 1970 UTC inside, RFC 3339 with microseconds outside."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC; it prints without an offset, and faster
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
TIME_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The last microsecond of the year 9999, the last one that can be told."""


def now() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@lru_cache(maxsize=16)
def format_time(microseconds: int) -> str:
    """Return for example ``2026-11-23T17:53:13.123456Z``."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    # Most times that are told are of this second, and those of one record are the same.
    return (_EPOCH_NAIVE + timedelta(seconds=seconds)).isoformat()


def parse_time(text: str) -> int:
    """Return the microseconds of an RFC 3339 time.

    Raises:
        ValueError: It is no such time, or has no offset from UTC.
    """
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no time with an offset from UTC; write for example {format_time(0)}")
    moment = datetime.fromisoformat(text)
    return (moment - _EPOCH) // _MICROSECOND
