"""Pages of other origins (CORS, of the Fetch standard): none are let in unless the settings name them."""

from __future__ import annotations

from aiohttp import hdrs, web

from service.http.idempotency import HEADER, REPLAYED

_EXPOSED = (
    f"ETag, Location, Link, Retry-After, {REPLAYED}, X-Request-ID, Server-Timing, Accept-Patch, Deprecation, Sunset, "
    "Content-Location, Content-Range, Content-Disposition, Accept-Ranges, Repr-Digest, "
    "Export-Id, Export-Sequence, Export-Lines"
)
_TAKEN = (
    f"Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, Repr-Digest, {HEADER}, "
    "X-Request-ID, Last-Event-ID"
)
_REMEMBERED_SECONDS = "600"
_ANY = "*"


class Cors:
    """Lets pages of some origins in. Credentials are never among what browsers send on their own: there are no cookies.

    Args:
        origins: Such as ``https://example.org``, separated by spaces; ``*`` for all.
    """

    def __init__(self, origins: str) -> None:
        self._origins = frozenset(origins.split())

    def apply(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set the header fields by which a browser lets a page read a response, or send what it asks for."""
        headers = response.headers
        vary(response, hdrs.ORIGIN)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not (origin in self._origins or _ANY in self._origins):
            return
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = headers.get(hdrs.ALLOW, "")
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _TAKEN
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _REMEMBERED_SECONDS
        else:
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED


def vary(response: web.StreamResponse, name: str) -> None:
    """Tell caches that a response depends on a header field of the request, besides those that are told already."""
    told = response.headers.get(hdrs.VARY)
    response.headers[hdrs.VARY] = name if told is None else f"{told}, {name}"
