"""The time: microseconds since 1970 UTC inside, RFC 3339 in UTC outside."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all in UTC; naive, because it is printed without an offset
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock(Protocol):
    """Where the time comes from; tests bring their own."""

    def now(self) -> int:
        """Return microseconds since 1970 UTC."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return microseconds since 1970 UTC."""
        return time.time_ns() // 1000


def format_time(microseconds: int) -> str:
    """Return a time as ``2026-11-23T17:53:13.123456Z``: always as long, so that order of text is order of time."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> int:
    """Return the microseconds since 1970 UTC of an RFC 3339 time, with any offset.

    Raises:
        ValueError: It is not one; the message says what was expected.
    """
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time like 2026-11-23T17:53:13.123456Z")
    return (datetime.fromisoformat(text.upper()) - _EPOCH_UTC) // _MICROSECOND
