"""UTF-16 units: what browsers and the JVM count. Offsets are converted only for clients that ask for it.

A character beyond the Basic Multilingual Plane is one code point and two UTF-16 units; all others are one of each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import msgspec

from service.errors import FieldError, InvalidError

_NAMES = ("start", "end")
_LISTS = ("fragments", "pages")
_CHUNK = 1024
_CODEC = "utf-16-le"
_UNIT_BYTES = 2


class Utf16:
    """The offsets of one text, both ways.

    Args:
        text: Of the document.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        # Units before each chunk of code points: what lies within one is counted when it is asked for.
        chunks = (text[place : place + _CHUNK] for place in range(0, len(text), _CHUNK))
        self._before = [0, *accumulate(_units(chunk) for chunk in chunks)]

    def units(self, offset: int) -> int:
        """Return an offset in units; behind the end of the text every code point is one unit."""
        behind = max(0, offset - len(self._text))
        chunk, rest = divmod(offset - behind, _CHUNK)
        return self._before[chunk] + _units(self._text[chunk * _CHUNK : chunk * _CHUNK + rest]) + behind

    def code_points(self, offset: int) -> int:
        """Return an offset in code points.

        Raises:
            ValueError: It lies within a character.
        """
        behind = max(0, offset - self._before[-1])
        # The end of the text belongs to the last chunk, which need not be full.
        chunk = min(bisect_right(self._before, offset - behind) - 1, max(0, len(self._before) - 2))
        rest = offset - behind - self._before[chunk]
        data = self._text[chunk * _CHUNK : (chunk + 1) * _CHUNK].encode(_CODEC)[: rest * _UNIT_BYTES]
        try:
            return chunk * _CHUNK + len(data.decode(_CODEC)) + behind
        except UnicodeDecodeError:
            raise ValueError(f"{offset} lies between the two units of one character") from None

    def inward(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return an entity's JSON members with offsets in code points; what is no offset is left as it is.

        Raises:
            InvalidError: An offset lies within a character.
        """
        errors: list[FieldError] = []

        def convert(pointer: str, offset: int) -> int:
            try:
                return self.code_points(offset)
            except ValueError as error:
                errors.append(FieldError(pointer, str(error)))
                return offset

        converted = _converted(members, convert)
        if errors:
            raise InvalidError("An offset in UTF-16 units lies within a character.", errors)
        return converted

    def outward(self, value: bytes) -> bytes:
        """Return an entity's JSON with offsets in units."""
        members = _converted(msgspec.json.decode(value), lambda _, offset: self.units(offset))
        return msgspec.json.encode(members)


def _units(text: str) -> int:
    return len(text.encode(_CODEC)) // _UNIT_BYTES


def _converted(members: dict[str, Any], convert: Callable[[str, int], int]) -> dict[str, Any]:
    found = _span(members, "", convert)
    for name in _LISTS:
        if isinstance(members.get(name), list):
            found[name] = [
                _span(item, f"/{name}/{place}", convert) if isinstance(item, dict) else item
                for place, item in enumerate(members[name])
            ]
    return found


def _span(members: dict[str, Any], pointer: str, convert: Callable[[str, int], int]) -> dict[str, Any]:
    found = dict(members)
    for name in _NAMES:
        if type(found.get(name)) is int and found[name] >= 0:
            found[name] = convert(f"{pointer}/{name}", found[name])
    return found
