"""The query of a request: every parameter must be one that its endpoint declares."""

from __future__ import annotations

from aiohttp import web
from multidict import MultiDict, MultiMapping

from service.errors import MalformedError
from service.http.call import CALL
from service.http.query import Choice, flag

_NONE: MultiMapping[str] = MultiDict()

OFFSET_UNIT = Choice(
    "offset_unit",
    "What offsets count, sent and told: Unicode code points, or UTF-16 units.",
    {"codepoint": False, "utf16": True},
    "codepoint",
)
CASCADE = flag("cascade", "Delete the marks that point to a mark with it.")


def parameters(request: web.Request) -> MultiMapping[str]:
    """Return the query's parameters.

    Raises:
        MalformedError: There is one that the endpoint does not declare.
    """
    if not request.query_string:
        return _NONE
    known = request[CALL].endpoint.parameters
    for name in request.query:
        if name not in known:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes none"
            raise MalformedError(f"The parameter {name!r} is not known; this path {takes}.")
    return request.query
