"""Endpoints that should not be used any more say so (RFC 9745, RFC 8594)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient

from service.app import make_services
from service.contract.document import make_document
from service.http.call import SERVICES
from service.http.endpoint import Deprecation
from service.http.finishing import Finishing
from service.http.middleware import middleware
from service.http.routes import ENDPOINTS
from service.settings import load
from tests.harness import AppServer, Client, Member, quick_settings
from tests.http.fake_engine import FakeEngine

SINCE = datetime(2026, 11, 25, tzinfo=UTC)
GOING = Deprecation(since=SINCE, sunset=datetime(2027, 12, 1, 12, tzinfo=UTC), instead="Use `listDocuments`.")
STAYING = Deprecation(since=SINCE, instead="Use `listDocuments`.")
LIST = next(one for one in ENDPOINTS if one.operation == "listDocumentAnnotations")


async def test_an_answer_of_a_deprecated_endpoint_says_since_when_and_until_when() -> None:
    """And links to where more is told, beside the link to the next page."""
    services = make_services(quick_settings(), dict)
    engine = FakeEngine()
    engine.page_answer = msgspec.structs.replace(engine.page_answer, next=7)
    services.gate.open(engine)
    endpoint = replace(LIST, deprecation=GOING)
    app = web.Application(middlewares=[middleware(services, Finishing(services.settings), {LIST.handler: endpoint})])
    app[SERVICES] = services
    app.add_routes([web.get(LIST.path, LIST.handler)])
    client: Client = TestClient(AppServer(app))
    await client.start_server()
    async with client.get("/v1/documents/doc_1/annotations", headers={"Authorization": "Bearer any"}) as response:
        assert response.headers["Deprecation"] == f"@{int(SINCE.timestamp())}"
        assert response.headers["Sunset"] == "Wed, 01 Dec 2027 12:00:00 GMT"
        links = response.headers.getall("Link")
    await client.close()
    services.passwords.close()
    assert len(links) == 2
    assert links[1] == '</docs#listDocumentAnnotations>; rel="deprecation"; type="text/html"'


def test_without_an_end_there_is_no_sunset() -> None:
    """It is deprecated, and stays."""
    assert list(STAYING.headers) == ["Deprecation"]


def test_the_description_says_that_an_endpoint_is_deprecated() -> None:
    """With what is to be used in its place."""
    changed = [replace(one, deprecation=GOING) if one is LIST else one for one in ENDPOINTS]
    operation = make_document(changed, load().limits)["paths"][LIST.path]["get"]
    assert operation["deprecated"] is True
    assert operation["description"] == ("Deprecated since 2026-11-25. Use `listDocuments`. It may go on 2027-12-01.")


async def test_what_is_not_deprecated_says_nothing(caller: Member) -> None:
    """Now, that is everything."""
    answer = await caller.call("GET", "/v1/documents/doc_1/annotations")
    assert not {"Deprecation", "Sunset"} & set(answer.headers)
    for deprecation in (endpoint.deprecation for endpoint in ENDPOINTS):
        if deprecation is not None and deprecation.sunset is not None:
            assert (deprecation.sunset - deprecation.since).days >= 365
