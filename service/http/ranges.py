"""Ranges of bytes (RFC 9110, section 14): one at a time. What asks for several, or for another unit, gets the whole."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from service.http.conditions import field
from service.http.failures import RangeError

_ONE = re.compile(r"bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.IGNORECASE)
_DIGITS_MAX = 18


def range_of(request: web.Request, tag: str, size: int) -> tuple[int, int] | None:
    """Return which bytes a request asks for, from one to before another; None for all of them.

    Args:
        request: With `Range` and `If-Range`, or without.
        tag: The entity tag of what there is.
        size: Of it, in bytes.

    Raises:
        RangeError: There are none such.
    """
    header = field(request, hdrs.RANGE)
    asked = None if header is None or request.method != hdrs.METH_GET else _ONE.fullmatch(header.strip())
    if asked is None or not any(asked.groups()):
        return None
    condition = field(request, hdrs.IF_RANGE)
    if condition is not None and condition.strip() != tag:
        # A time matches nothing either: contents have none.
        return None
    first, last = (_number(text) for text in asked.groups())
    if first is None:
        first, end = size - min(last or 0, size), size
    elif last is not None and last < first:
        return None
    else:
        end = size if last is None else min(last + 1, size)
    if first >= end:
        raise RangeError(f"{header} asks for none of its {size} bytes.", {hdrs.CONTENT_RANGE: f"bytes */{size}"})
    return first, end


def _number(text: str) -> int | None:
    # Longer than that is beyond any end.
    return int(text[:_DIGITS_MAX]) if text else None
