"""Entity tags and preconditions (RFC 9110, section 13)."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from service.commands import UNCONDITIONAL, Conditions
from service.errors import MalformedError, PreconditionFailedError

# One element of a list, which may be empty (RFC 9110, section 5.6.1).
_TAG = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"\s*)?(?:,|$)')
_VERSION = re.compile(r"([1-9][0-9]{0,17})(?:;(?:utf16|content))?")
_CODED = re.compile(r";(?:gzip|zstd)$")
_NO_VERSION = 0


def etag(version: int, variant: str = "") -> str:
    """Return the strong entity tag of a version, in its default form or in another one."""
    return f'"{version};{variant}"' if variant else f'"{version}"'


def conditions_of(request: web.Request) -> Conditions:
    """Return what a mutation is conditional on.

    Raises:
        MalformedError: `If-Match` or `If-None-Match` cannot be read.
    """
    match = field(request, hdrs.IF_MATCH)
    none_match = field(request, hdrs.IF_NONE_MATCH)
    if match is None and none_match is None:
        return UNCONDITIONAL
    if none_match is not None and none_match.strip() != "*":
        raise MalformedError(f"If-None-Match is {none_match!r}; a mutation takes only '*': it must not exist yet.")
    return Conditions(
        if_match=None if match is None else _versions(match),
        create_only=none_match is not None,
    )


def field(request: web.Request, name: str) -> str | None:
    """Return the value of a header field that is a list, of all its lines; None if there is none."""
    lines = request.headers.getall(name, ())
    return ", ".join(lines) if lines else None


def require_match(request: web.Request, tag: str) -> None:
    """Make sure that a representation that was asked for is one of those that `If-Match` names.

    Raises:
        MalformedError: `If-Match` cannot be read.
        PreconditionFailedError: It is not.
    """
    header = field(request, hdrs.IF_MATCH)
    if header is None or header.strip() == "*":
        return
    if not any(not weak and f'"{opaque}"' == tag for weak, opaque in _tags(header, hdrs.IF_MATCH)):
        raise PreconditionFailedError(f"The entity tag is {tag}, If-Match asks for {header}.")


def is_unchanged(request: web.Request, tag: str) -> bool:
    """Tell if the client has this representation already, so that 304 answers it.

    Raises:
        MalformedError: `If-None-Match` cannot be read.
    """
    header = field(request, hdrs.IF_NONE_MATCH)
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
    found = None if weak else _VERSION.fullmatch(opaque)
    return _NO_VERSION if found is None else int(found[1])


def _tags(header: str, name: str) -> list[tuple[str | None, str]]:
    tags, position = [], 0
    while position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            break
        if found[2] is not None:
            # In another content coding it is the same version.
            tags.append((found[1], _CODED.sub("", found[2])))
        position = found.end()
    if position < len(header) or not tags:
        raise MalformedError(f'{name} is {header!r}, expected entity tags such as "3", or *.')
    return tags
