"""The description says what the server does, all of it, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from aiohttp import hdrs
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.contract.refusals import refusals
from service.contract.schemas import PREFIX
from service.errors import DomainError
from service.http.endpoint import Endpoint
from service.http.failures import MethodError
from service.http.problems import pages
from service.http.routes import ENDPOINTS, routes
from service.kinds.base import Draft
from tests.contract.conformance import LINES, described
from tests.harness import AppServer, Client, Member

IDS = [one.operation for one in ENDPOINTS]
DOCUMENT = described().document
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (method, path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
NOWHERE = {"no-such-path", "method-not-allowed", "unprocessable"}


def inner(value: Any, key: str) -> list[Any]:
    """Return what stands under a key, anywhere within."""
    found = []
    if isinstance(value, dict):
        found += [value[key]] if key in value else []
        value = list(value.values())
    if isinstance(value, list):
        found += [one for part in value for one in inner(part, key)]
    return found


def test_the_document_is_valid() -> None:
    """By the schema of OpenAPI 3.1, and all that its validator knows besides."""
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_every_route_is_described_and_everything_described_is_routed(app_client: Client) -> None:
    """The router and the document hold the same methods of the same paths; GET brings HEAD."""
    assert isinstance(app_client.server, AppServer)
    app = app_client.server.app
    routed = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.method != hdrs.METH_HEAD and route.resource is not None
    }
    assert routed == {(method, path) for method, path, _ in OPERATIONS}
    assert len(routed) == len(ENDPOINTS) == len(routes())


def test_operation_ids_and_handlers_are_there_once() -> None:
    """Clients name functions by the one, requests find their entry by the other."""
    assert len({one.operation for one in ENDPOINTS}) == len(ENDPOINTS)
    assert len({one.handler for one in ENDPOINTS}) == len(ENDPOINTS)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", one.operation) for one in ENDPOINTS)


def test_every_problem_has_a_page_and_stands_in_the_document() -> None:
    """But for those of requests that reach no endpoint."""
    kinds = {kind for endpoint in ENDPOINTS for kind in refusals(endpoint)}
    told = {name for example in inner(DOCUMENT["components"]["responses"], "examples") for name in example}
    assert told == {kind.name for kind in kinds}
    assert {name for name in pages() if name not in told} <= NOWHERE
    assert told <= set(pages())


def test_references_and_links_lead_somewhere() -> None:
    """Within the document."""
    for reference in inner(DOCUMENT, "$ref"):
        found = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found
    operations = {operation["operationId"] for _, _, operation in OPERATIONS}
    links = inner(DOCUMENT["paths"], "links")
    assert {link["operationId"] for one in links for link in one.values()} <= operations
    assert len(links) > 10


def test_no_component_is_idle() -> None:
    """Each schema, response, parameter and header is referred to."""
    used = set(inner(DOCUMENT, "$ref"))
    components = {
        f"#/components/{section}/{name}"
        for section in ("schemas", "responses", "parameters", "headers")
        for name in DOCUMENT["components"][section]
    }
    assert components - used == set()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=IDS)
def test_an_endpoint_is_described_whole(endpoint: Endpoint) -> None:
    """With a summary, examples of what is sent and told, and a description of each parameter."""
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    assert 5 < len(operation["summary"]) < 80
    for parameter in operation["parameters"]:
        known = parameter if "name" in parameter else DOCUMENT["components"]["parameters"][parameter["$ref"][24:]]
        assert known["description"].endswith(".")
        assert known["schema"]
    statuses = [status for status in operation["responses"] if status < "400"]
    assert statuses == [str(reply.status) for reply in endpoint.replies]
    for reply in endpoint.replies:
        if reply.type not in (None, dict):
            described().validate(msgspec_schema(operation, reply.status), reply.example, endpoint.operation)
        for line in reply.example if reply.lines else ():
            schema = operation["responses"][str(reply.status)]["content"][LINES]["x-itemSchema"]
            described().validate(schema, line, f"{endpoint.operation}, line by line")


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.body], ids=lambda one: one.operation)
def test_an_example_of_a_body_fits_its_schema(endpoint: Endpoint) -> None:
    """In every media type."""
    assert endpoint.body is not None
    content = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["requestBody"]["content"]
    assert set(content) == set(endpoint.body.media_types)
    for media_type, media in content.items():
        described().validate(media["schema"], media["example"], f"{endpoint.operation} as {media_type}")
        for line in endpoint.body.example if endpoint.body.is_lines else ():
            described().validate(media["x-itemSchema"], line, f"{endpoint.operation}, line by line")


def test_members_of_types_are_described_by_their_docstrings() -> None:
    """What the section `Attributes` says stands at the member, and no section is left in a description."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Label"]["properties"]["color"]["description"] == "For showing it."
    assert not [name for name, schema in schemas.items() if "Attributes:" in schema.get("description", "")]
    assert all(schema.get("description") for schema in schemas.values())


def test_a_patch_requires_nothing_and_takes_null_for_what_may_be_absent() -> None:
    """Of the draft's schema everything else stays, in nested objects too."""
    schemas = DOCUMENT["components"]["schemas"]
    patch, draft = schemas["ProjectDraftPatch"], schemas["ProjectDraft"]
    assert patch.get("required", []) == []
    assert set(patch["properties"]) == set(draft["properties"])
    assert {"type": "null"} in patch["properties"]["description"]["anyOf"]
    assert patch["properties"]["name"] == draft["properties"]["name"]
    assert schemas["ExtractionDraftPatch"]["properties"]["source"] == {"$ref": f"{PREFIX}SourcePatch"}
    assert "required" not in schemas["SourcePatch"]
    assert inner(patch, "default") == []


def test_what_the_server_sets_is_read_only() -> None:
    """In every draft, so that clients leave it out."""
    schemas = DOCUMENT["components"]["schemas"]
    told = {
        name: {member for member, one in schemas[name]["properties"].items() if one.get("readOnly")}
        for name in (
            "DocumentDraft",
            "AssignmentDraft",
            "AnnotationDraft",
            "ExtractionDraft",
            "ProjectDraft",
            "UserDraftPatch",
        )
    }
    always = set(Draft.__struct_fields__)
    assert told == {
        "DocumentDraft": always | {"owner_id", "length", "content", "reviewed_at", "reviewed_by"},
        "AssignmentDraft": always | {"project_id", "started_at", "released_at"},
        "AnnotationDraft": always | {"author_id", "rests_on"},
        "ExtractionDraft": always,
        "ProjectDraft": always | {"members"},
        "UserDraftPatch": always,
    }


async def test_the_document_is_served_to_anybody(anybody: Member) -> None:
    """With an entity tag, by which it is asked for again at no cost."""
    answer = await anybody.call("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.json["info"]["title"] == "Annolog"
    assert set(answer.json["paths"]) == set(DOCUMENT["paths"])
    again = await anybody.call("GET", "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.data) == (304, b"")


def test_each_security_is_told() -> None:
    """Who needs no token, who may have one, and which scope a key needs."""
    security = {operation["operationId"]: operation.get("security") for _, _, operation in OPERATIONS}
    assert security["logIn"] == []
    assert security["createUser"] == [{}, {"bearer": []}]
    assert security["createDocument"] == [{"bearer": ["write"]}]
    assert security["getDocument"] is None
    assert DOCUMENT["security"] == [{"bearer": []}]


def test_a_refusal_that_an_endpoint_names_is_no_class_in_between() -> None:
    """Problems are named by classes that are raised; 405 is never one of an endpoint."""
    for endpoint in ENDPOINTS:
        assert MethodError not in refusals(endpoint)
        assert all(kind is not DomainError for kind in refusals(endpoint))


def msgspec_schema(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """Return the schema of a reply."""
    content = operation["responses"][str(status)]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    assert msgspec.json.encode(schema)
    return schema
