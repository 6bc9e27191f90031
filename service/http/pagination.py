"""Lists come in pages: `limit`, and an opaque cursor that is bound to the list that it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web
from multidict import MultiMapping
from yarl import URL

from service.commands import Actor, List, Page
from service.errors import MalformedError
from service.http.call import CALL
from service.http.endpoint import JSON_TYPE, Endpoint
from service.http.parameters import OFFSET_UNIT, parameters
from service.http.query import Choice, Limit, Number, Parameter, Text, Texts, Time, flag
from service.http.response import Response
from service.kinds.base import Kind
from service.settings import LimitSettings

_LIMIT = Limit("limit", "How many items the page holds at most.")
_CURSOR = Text("cursor", "Where the page begins: `next` of the page before. Opaque, and of this list only.")
_SORT = Choice(
    "sort", "The order: of creation, or the newest first.", {"created_at": False, "-created_at": True}, "created_at"
)
_COUNT = flag("count", "Tell the number of all that match, as `total`.")
_SINCE = Time("created_at_ge", "Only what was created then or later.")
_UNTIL = Time("created_at_lt", "Only what was created before.")
_PARAMETERS: tuple[Parameter, ...] = (_LIMIT, _CURSOR, _SORT, _COUNT, _SINCE, _UNTIL, OFFSET_UNIT)
_SCOPE_BYTES = 8
# What is no delimiter of the header field `Link`, and needs no quoting.
_PLAIN = r"[A-Za-z0-9._~!$&'*+=:@/?%-]"
_PLAIN_QUERY = re.compile(f"{_PLAIN}*")
_PLAIN_TARGET = re.compile(rf"/v1/[A-Za-z0-9._~/-]*\?{_PLAIN}+")


@dataclass(frozen=True)
class Filter(Texts):
    """Values that a field may have."""


@dataclass(frozen=True)
class Bound(Number):
    """The least value that a field may have.

    Attributes:
        field: Which.
    """

    field: str


class _Cursor(msgspec.Struct, array_like=True):
    """Where a page ended, and a digest of the list that it belongs to."""

    scope: bytes
    position: int


def parameters_of(kind: Kind, fixed: Container[str] = ()) -> tuple[Parameter, ...]:
    """Return the parameters that a list of a kind takes.

    Args:
        kind: Of the entities.
        fixed: Filters that the path sets.
    """
    filters = (index.name for index in kind.indexes if index.is_filter and index.name not in fixed)
    bounds = (index.name for index in kind.indexes if index.is_range)
    return (
        *_PARAMETERS,
        *(Filter(name, f"Only those of which `{name}` is this; repeated: one of these.") for name in filters),
        *(Bound(f"{name}_ge", f"Only those of which `{name}` is this or more.", name) for name in bounds),
    )


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
    found = parameters(request)
    filters, at_least = dict[str, tuple[str, ...]](), dict[str, float]()
    for one in _given(request[CALL].endpoint, found):
        if isinstance(one, Filter):
            filters[one.name] = one.of(found)
        elif isinstance(one, Bound) and (bound := one.of(found)) is not None:
            at_least[one.field] = bound
    query = List(
        actor=actor,
        kind=kind.name,
        filters=filters | dict(fixed),
        at_least=at_least,
        created_at_ge=_SINCE.of(found),
        created_at_lt=_UNTIL.of(found),
        descending=_SORT.of(found),
        limit=_LIMIT.of(found, limits),
        count=_COUNT.of(found),
        utf16=OFFSET_UNIT.of(found),
    )
    cursor = _CURSOR.of(found)
    return query if cursor is None else msgspec.structs.replace(query, after=_position(cursor, _scope(query)))


def respond(request: web.Request, query: List, page: Page) -> Response:
    """Return the response for a page: its items, the cursor of the next one, and a link to it."""
    cursor = None if page.next is None else _cursor(page.next, _scope(query))
    total = b"" if page.total is None else b',"total":%d' % page.total
    body = b'{"items":[%b],"next":%b%b}' % (b",".join(page.items), msgspec.json.encode(cursor), total)
    headers = {hdrs.CONTENT_TYPE: JSON_TYPE}
    if cursor is not None:
        headers[hdrs.LINK] = f'<{_next_page(request, query, cursor)}>; rel="next"'
    return Response(body=body, headers=headers)


def _next_page(request: web.Request, query: List, cursor: str) -> str:
    """Return where the next page is: what was asked for, with another cursor."""
    target, own = request.raw_path, f"{_CURSOR.name}="
    if query.after is None and _PLAIN_TARGET.fullmatch(target) is not None:
        # Most of them: a first page, asked for in a way that can be repeated as it is.
        return f"{target}&{own}{cursor}"
    url = request.rel_url
    sent = url.raw_query_string.split("&") if url.raw_query_string else []
    kept = [part for part in sent if not part.startswith(own)]
    is_known = len(sent) - len(kept) == (_CURSOR.name in parameters(request))
    if not is_known or _PLAIN_QUERY.fullmatch(url.raw_query_string) is None:
        # A server is sent what clients should have quoted too, and names that are quoted.
        return str(URL(str(url)).update_query(cursor=cursor))
    # Nothing of a cursor needs to be quoted.
    return f"{url.raw_path}?{'&'.join([*kept, own + cursor])}"


def _scope(query: List) -> bytes:
    essence = (
        query.kind,
        [(name, sorted(query.filters[name])) for name in sorted(query.filters)],
        dict(sorted(query.at_least.items())),
        query.created_at_ge,
        query.created_at_lt,
        query.descending,
    )
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


def _given(endpoint: Endpoint, found: MultiMapping[str]) -> Iterable[Parameter]:
    """Return the parameters of an endpoint that are given, each once: of many that there are, few."""
    return map(endpoint.parameters.__getitem__, dict.fromkeys(found))
