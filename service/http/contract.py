"""The description of the API: as it is served, as a page, and a page for each problem that it names."""

from __future__ import annotations

import hashlib
import html
import inspect
from collections.abc import Sequence
from functools import cached_property

import msgspec
from aiohttp import hdrs, web

from service.contract.document import make_document
from service.contract.refusals import refusals
from service.http.accept import prefers
from service.http.conditions import is_unchanged
from service.http.endpoint import HTML_TYPE, TEXT_TYPE, Endpoint, Reply
from service.http.failures import NoPathError
from service.http.html import prose, render, respond
from service.http.problems import pages
from service.http.response import Response
from service.settings import LimitSettings

_TAG_BYTES = 12


class Description:
    """The description of some endpoints, made when it is asked for the first time.

    Args:
        endpoints: All that there are.
        limits: In force.
    """

    def __init__(self, endpoints: Sequence[Endpoint], limits: LimitSettings) -> None:
        self.endpoints = endpoints
        self._limits = limits

    @cached_property
    def body(self) -> bytes:
        """The document, as JSON."""
        return msgspec.json.encode(make_document(self.endpoints, self._limits))

    @cached_property
    def tag(self) -> str:
        """Its entity tag."""
        return f'"{hashlib.blake2b(self.body, digest_size=_TAG_BYTES).hexdigest()}"'


DESCRIPTION: web.AppKey[Description] = web.AppKey("description", Description)


async def openapi(request: web.Request) -> Response:
    """Return the description: GET /openapi.json."""
    description = request.app[DESCRIPTION]
    headers = {hdrs.ETAG: description.tag, hdrs.CACHE_CONTROL: "no-cache"}
    if is_unchanged(request, description.tag):
        return Response(status=304, headers=headers)
    return Response(body=description.body, headers={**headers, hdrs.CONTENT_TYPE: "application/json"})


async def docs(_request: web.Request) -> Response:
    """Return the page that is made from the description: GET /docs."""
    return respond(render("docs", {}))


async def problem(request: web.Request) -> Response:
    """Explain a problem, as a page or as plain text: GET /problems/{name}."""
    name = request.match_info["name"]
    kind = pages().get(name)
    if kind is None:
        raise NoPathError(f"There is no problem called {name!r}.")
    explained = inspect.getdoc(kind) or ""
    endpoints = [one for one in request.app[DESCRIPTION].endpoints if kind in refusals(one)]
    if prefers(request, TEXT_TYPE, HTML_TYPE) == TEXT_TYPE:
        text = f"{kind.title}\n{kind.status} {kind.name}\n\n{explained}\n"
        response = Response(body=text.encode(), headers={hdrs.CONTENT_TYPE: "text/plain; charset=utf-8"})
    else:
        parts = {
            "TITLE": html.escape(kind.title),
            "NAME": kind.name,
            "STATUS": str(kind.status),
            "TEXT": prose(explained),
            "WHERE": "\n".join(_item(one) for one in endpoints) or "<li>Wherever no endpoint is reached.</li>",
        }
        response = respond(render("problem", parts))
    response.headers[hdrs.VARY] = hdrs.ACCEPT
    return response


def _item(endpoint: Endpoint) -> str:
    what = html.escape(f"{endpoint.method} {endpoint.path}")
    return f'<li><a href="/docs#{endpoint.operation}"><code>{what}</code></a> {html.escape(endpoint.summary)}</li>'


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/docs",
        handler=docs,
        operation="readDocs",
        summary="Read this description, as a page",
        replies=[Reply(status=200, description="The page.", media_types=(HTML_TYPE,))],
        access="anybody",
    ),
    Endpoint(
        method="GET",
        path="/problems/{name}",
        handler=problem,
        operation="explainProblem",
        summary="Read what a problem means",
        replies=[Reply(status=200, description="Its page.", media_types=(TEXT_TYPE, HTML_TYPE), headers=("Vary",))],
        access="anybody",
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        operation="getDescription",
        summary="Read this description, as OpenAPI 3.1",
        replies=[
            Reply(status=200, description="The description.", type=dict, headers=("ETag",)),
            Reply(status=304, description="What `If-None-Match` names is still so.", media_types=()),
        ],
        access="anybody",
    ),
)
