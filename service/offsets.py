"""UTF-16 units: what browsers and the JVM count. Offsets are converted only for clients that ask for it.

A character beyond the Basic Multilingual Plane is one code point and two UTF-16 units; all others are one of each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import msgspec

from service.errors import FieldError, InvalidError

_BEYOND_BMP = "\uffff"
_NAMES = ("start", "end")
_LISTS = ("fragments", "pages")


class Utf16:
    """The offsets of one text, both ways.

    Args:
        text: Of the document.
    """

    def __init__(self, text: str) -> None:
        # Where the wide characters are, in code points and in units.
        self._wide = [] if text.isascii() else [place for place, letter in enumerate(text) if letter > _BEYOND_BMP]
        self._wide_units = [place + before for before, place in enumerate(self._wide)]

    def units(self, offset: int) -> int:
        """Return an offset in units."""
        return offset + bisect_left(self._wide, offset)

    def code_points(self, offset: int) -> int:
        """Return an offset in code points.

        Raises:
            ValueError: It lies within a character.
        """
        before = bisect_left(self._wide_units, offset)
        if before and self._wide_units[before - 1] == offset - 1:
            raise ValueError(f"{offset} lies between the two units of one character")
        return offset - before

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
