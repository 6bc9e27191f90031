"""Lists come in pages: `limit`, and an opaque cursor that is bound to the list that it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping

import msgspec
from aiohttp import web
from multidict import MultiMapping

from service.clock import TIME_MAX, parse_time
from service.commands import Actor, List, Page
from service.errors import MalformedError
from service.http.parameters import flag, in_utf16, parameters, single
from service.kinds.base import Kind
from service.settings import LimitSettings

_PARAMETERS = ("count", "created_at_ge", "created_at_lt", "cursor", "limit", "offset_unit", "sort")
_ORDERS = {"created_at": False, "-created_at": True}
_SCOPE_BYTES = 8


class _Cursor(msgspec.Struct, array_like=True):
    """Where a page ended, and a digest of the list that it belongs to."""

    scope: bytes
    position: int


def query_of(
    request: web.Request, kind: Kind, actor: Actor | None, limits: LimitSettings, fixed: Mapping[str, tuple[str, ...]]
) -> List:
    """Return the query for the page that a request asks for.

    Args:
        request: Its parameters tell filters, order and page.
        kind: Of the entities.
        actor: Who asks.
        limits: Items a page, by default and at most.
        fixed: Filters that the path sets.

    Raises:
        MalformedError: A parameter is not known, or its value cannot be used.
    """
    fields = tuple(index.name for index in kind.indexes if index.is_filter and index.name not in fixed)
    bounds = {f"{index.name}_ge": index.name for index in kind.indexes if index.is_range}
    found = parameters(request, (*_PARAMETERS, *fields, *bounds))
    query = List(
        actor=actor,
        kind=kind.name,
        filters={name: tuple(found.getall(name)) for name in fields if name in found} | dict(fixed),
        at_least={name: _number(found, parameter) for parameter, name in bounds.items() if parameter in found},
        created_at_ge=_time(found, "created_at_ge"),
        created_at_lt=_time(found, "created_at_lt"),
        descending=_descending(found),
        limit=_limit(found, limits),
        count=flag(found, "count"),
        utf16=in_utf16(found),
    )
    cursor = single(found, "cursor")
    return query if cursor is None else msgspec.structs.replace(query, after=_position(cursor, _scope(query)))


def respond(request: web.Request, query: List, page: Page) -> web.Response:
    """Return the response for a page: its items, the cursor of the next one, and a link to it."""
    cursor = None if page.next is None else _cursor(page.next, _scope(query))
    total = b"" if page.total is None else b',"total":%d' % page.total
    body = b'{"items":[%b],"next":%b%b}' % (b",".join(page.items), msgspec.json.encode(cursor), total)
    response = web.Response(body=body, content_type="application/json")
    if cursor is not None:
        response.headers["Link"] = f'<{request.rel_url.update_query(cursor=cursor)}>; rel="next"'
    return response


def _scope(query: List) -> bytes:
    filters = sorted((name, sorted(values)) for name, values in query.filters.items())
    essence = (query.kind, filters, query.at_least, query.created_at_ge, query.created_at_lt, query.descending)
    return hashlib.blake2b(msgspec.msgpack.encode(essence), digest_size=_SCOPE_BYTES).digest()


def _cursor(position: int, scope: bytes) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Cursor(scope, position))).decode().rstrip("=")


def _position(cursor: str, scope: bytes) -> int:
    padded = cursor.encode("ascii", "replace") + b"=" * (-len(cursor) % 4)
    try:
        decoded = msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Cursor)
    except (binascii.Error, msgspec.MsgspecError):
        decoded = None
    if decoded is None or decoded.scope != scope or decoded.position < 0:
        raise MalformedError(f"The cursor {cursor!r} is not one of this list. Begin without one.")
    return decoded.position


def _limit(found: MultiMapping[str], limits: LimitSettings) -> int:
    value, limit_max = single(found, "limit"), limits.page_size_max
    if value is None:
        return min(limits.page_size, limit_max)
    is_number = value.isascii() and value.isdigit() and len(value) <= len(str(limit_max))
    if not is_number or not 1 <= int(value) <= limit_max:
        raise MalformedError(f"limit is {value!r}, expected a number from 1 to {limit_max}.")
    return int(value)


def _number(found: MultiMapping[str], name: str) -> float:
    value = single(found, name) or ""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MalformedError(f"{name} is {value!r}, expected a number.")
    return number


def _descending(found: MultiMapping[str]) -> bool:
    value = single(found, "sort") or "created_at"
    if value not in _ORDERS:
        raise MalformedError(f"sort is {value!r}, expected {' or '.join(_ORDERS)}.")
    return _ORDERS[value]


def _time(found: MultiMapping[str], name: str) -> int | None:
    value = single(found, name)
    try:
        # Nothing was created before 1970 or will be after 9999; an offset can lead out of both.
        return None if value is None else min(max(0, parse_time(value)), TIME_MAX)
    except (ValueError, OverflowError) as error:
        raise MalformedError(f"{name} cannot be read: {error}. Expected RFC 3339, with %2B for a plus.") from error
