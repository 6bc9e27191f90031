"""The query of a request: every parameter must be known where it is sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from aiohttp import web
from multidict import MultiDict, MultiMapping

from service.errors import MalformedError

_T = TypeVar("_T")
_NONE: MultiMapping[str] = MultiDict()
_UNITS = {"codepoint": False, "utf16": True}
_FLAGS = {"true": True, "false": False}


def parameters(request: web.Request, known: Collection[str]) -> MultiMapping[str]:
    """Return the query's parameters.

    Args:
        request: Whose query it is.
        known: The names that the path takes.

    Raises:
        MalformedError: There is another one.
    """
    if not request.query_string:
        return _NONE
    for name in request.query:
        if name not in known:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes none"
            raise MalformedError(f"The parameter {name!r} is not known; this path {takes}.")
    return request.query


def single(found: MultiMapping[str], name: str) -> str | None:
    """Return the value of a parameter that may be given once, None if it is absent.

    Raises:
        MalformedError: It is given several times.
    """
    values = found.getall(name, ())
    if len(values) > 1:
        raise MalformedError(f"The parameter {name!r} is given {len(values)} times, expected once.")
    return values[0] if values else None


def flag(found: MultiMapping[str], name: str) -> bool:
    """Return a parameter that is true or false, and false if it is absent.

    Raises:
        MalformedError: It is neither.
    """
    return _one_of(found, name, _FLAGS, "false")


def in_utf16(found: MultiMapping[str]) -> bool:
    """Tell if `offset_unit` asks for UTF-16 units in place of code points.

    Raises:
        MalformedError: It asks for something else.
    """
    return _one_of(found, "offset_unit", _UNITS, "codepoint")


def choice(found: MultiMapping[str], name: str, choices: Sequence[str]) -> str:
    """Return a parameter that is one of some words, and the first of them if it is absent.

    Raises:
        MalformedError: It is none of them.
    """
    return _one_of(found, name, {one: one for one in choices}, choices[0])


def _one_of(found: MultiMapping[str], name: str, meanings: dict[str, _T], default: str) -> _T:
    value = single(found, name) or default
    if value not in meanings:
        raise MalformedError(f"{name} is {value!r}, expected {' or '.join(meanings)}.")
    return meanings[value]
