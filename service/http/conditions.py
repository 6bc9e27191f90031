"""Entity tags and preconditions (RFC 9110, section 13)."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from service.commands import UNCONDITIONAL, Conditions
from service.errors import MalformedError

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"\s*(?:,|$)')
_NO_VERSION = 0
_DIGITS_MAX = 18


def etag(version: int, variant: str = "") -> str:
    """Return the strong entity tag of a version, in its default form or in another one."""
    return f'"{version};{variant}"' if variant else f'"{version}"'


def conditions_of(request: web.Request) -> Conditions:
    """Return what a mutation is conditional on.

    Raises:
        MalformedError: `If-Match` or `If-None-Match` cannot be read.
    """
    match = request.headers.get(hdrs.IF_MATCH)
    none_match = request.headers.get(hdrs.IF_NONE_MATCH)
    if match is None and none_match is None:
        return UNCONDITIONAL
    if none_match is not None and none_match.strip() != "*":
        raise MalformedError(f"If-None-Match is {none_match!r}; a mutation takes only '*': it must not exist yet.")
    return Conditions(
        if_match=None if match is None else _versions(match),
        create_only=none_match is not None,
    )


def is_unchanged(request: web.Request, tag: str) -> bool:
    """Tell if the client has this representation already, so that 304 answers it.

    Raises:
        MalformedError: `If-None-Match` cannot be read.
    """
    header = request.headers.get(hdrs.IF_NONE_MATCH)
    if header is None:
        return False
    # A weak comparison, as section 13.1.2 wants it.
    return header.strip() == "*" or any(f'"{opaque}"' == tag for _, opaque in _tags(header, hdrs.IF_NONE_MATCH))


def _versions(header: str) -> tuple[int, ...]:
    if header.strip() == "*":
        return ()
    return tuple(_version(weak, opaque) for weak, opaque in _tags(header, hdrs.IF_MATCH))


def _version(weak: str | None, opaque: str) -> int:
    # The comparison is strong: a weak tag matches nothing, nor does one that was never given out.
    digits = opaque.partition(";")[0]
    is_version = not weak and digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX
    return int(digits) if is_version else _NO_VERSION


def _tags(header: str, name: str) -> list[tuple[str | None, str]]:
    tags, position = [], 0
    while position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            break
        tags.append((found[1], found[2]))
        position = found.end()
    if position < len(header) or not tags:
        raise MalformedError(f'{name} is {header!r}, expected entity tags such as "3", or *.')
    return tags
