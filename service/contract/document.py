"""The document of OpenAPI 3.1: made from the table of endpoints, so that it cannot say anything else."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from service.contract.headers import ANSWERED, OF_STATUS, SENT, sent
from service.contract.links import links
from service.contract.refusals import Refusal, refusals
from service.contract.schemas import Schemas
from service.decide.scopes import MEANINGS
from service.errors import Problem
from service.http.endpoint import ANY_TYPE, BYTES_TYPE, TEXT_TYPE, Body, Endpoint, Reply
from service.http.examples import OTHER_ID, PATH_IDS
from service.http.problems import MEDIA_TYPE, pages
from service.ids import pattern
from service.kinds import KINDS
from service.kinds.account import API_KEY, SESSION
from service.settings import LimitSettings

Member = dict[str, Any]
_BYTES: Member = {"type": "string", "format": "binary"}
_PREFIXES = {
    **{kind.collection: kind.prefix for kind in KINDS if kind.collection},
    "sessions": SESSION.prefix,
    "api-keys": API_KEY.prefix,
}
_ABOUT = """\
Users upload documents, models and people put extractions on them, people annotate, correct and review.

What is acknowledged is synced to disk. The API only grows: ignore members and enum values that you do not know.
Integers are written without a fraction, and fit into 64 bits.
GET answers HEAD too, and OPTIONS tells `Allow`. Every refusal is a problem (RFC 9457), whose `type` is a page.
"""


def make_document(endpoints: Sequence[Endpoint], limits: LimitSettings) -> Member:
    """Return the document.

    Args:
        endpoints: All that there are.
        limits: In force, which some parameters tell.
    """
    schemas = Schemas(
        [Problem, *(one for endpoint in endpoints for one in _types(endpoint))],
        [one.body.type for one in endpoints if one.body is not None and one.body.is_patch],
    )
    paths: dict[str, Member] = {}
    responses: dict[str, Member] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, endpoints, schemas, limits, responses)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Annolog",
            "version": version("annolog"),
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.used_by([paths, responses]),
            "responses": dict(sorted(responses.items())),
            "parameters": SENT,
            "headers": ANSWERED,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a session or of an API key. Scopes of keys: "
                    + "; ".join(f"`{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
                    + ".",
                }
            },
        },
    }


def _types(endpoint: Endpoint) -> Iterable[Any]:
    if endpoint.body is not None and endpoint.body.type is not bytes:
        yield endpoint.body.type
    yield from (reply.type for reply in endpoint.replies if reply.type is not None)
    yield from (one for reply in endpoint.replies for one in reply.lines)


def _operation(
    endpoint: Endpoint,
    endpoints: Sequence[Endpoint],
    schemas: Schemas,
    limits: LimitSettings,
    responses: dict[str, Member],
) -> Member:
    operation: Member = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [
            *(_path_parameter(endpoint, name) for name in endpoint.names),
            *(
                {"name": one.name, "in": "query", "description": one.description, "schema": one.schema(limits)}
                for one in endpoint.query
            ),
            *({"$ref": f"#/components/parameters/{name}"} for name in sent(endpoint)),
        ],
    }
    told = [endpoint.description, _needed(endpoint), _deprecated(endpoint)]
    if any(told):
        operation["description"] = " ".join(one for one in told if one)
    if endpoint.deprecation is not None:
        operation["deprecated"] = True
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint.body, schemas)
    operation["responses"] = {
        **{str(reply.status): _reply(endpoint, reply, endpoints, schemas) for reply in endpoint.replies},
        **_refusals(endpoint, responses),
    }
    if endpoint.access == "anybody":
        operation["security"] = []
    elif endpoint.access == "may_log_in":
        operation["security"] = [{}, {"bearer": []}]
    elif endpoint.scope not in (None, "session"):
        operation["security"] = [{"bearer": [endpoint.scope]}]
    return operation


def _needed(endpoint: Endpoint) -> str:
    if endpoint.scope is None:
        return ""
    return "No API key may." if endpoint.scope == "session" else f"An API key needs the scope `{endpoint.scope}`."


def _deprecated(endpoint: Endpoint) -> str:
    if endpoint.deprecation is None:
        return ""
    until = endpoint.deprecation.sunset
    end = "" if until is None else f" It may go on {until.date().isoformat()}."
    return f"Deprecated since {endpoint.deprecation.since.date().isoformat()}. {endpoint.deprecation.instead}{end}"


def _path_parameter(endpoint: Endpoint, name: str) -> Member:
    if endpoint.tag not in _PREFIXES:
        return {
            "name": name,
            "in": "path",
            "required": True,
            "description": "The name of a problem.",
            "schema": {"type": "string", "enum": sorted(pages())},
        }
    collection = endpoint.tag if name == "id" else "users"
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": f"An id of {collection}.",
        "schema": {"type": "string", "pattern": pattern(_PREFIXES[collection])},
        "example": PATH_IDS[collection] if name == "id" else OTHER_ID,
    }


def _request_body(body: Body, schemas: Schemas) -> Member:
    if body.type is bytes:
        return {"required": False, "content": {BYTES_TYPE: {"schema": _BYTES, "example": body.example}}}
    if body.is_lines:
        lines = _lines([schemas.of(body.type)], body.example)
        return {"required": True, "content": dict.fromkeys(body.media_types, lines)}
    schema = schemas.patch_of(body.type) if body.is_patch else schemas.of(body.type)
    content: Member = {
        media_type: {"schema": schema, "example": body.example}
        for media_type in body.media_types
        if media_type != TEXT_TYPE
    }
    if TEXT_TYPE in body.media_types:
        content[TEXT_TYPE] = {"schema": {"type": "string"}, "example": body.example["text"]}
    return {"required": True, "content": content}


def _reply(endpoint: Endpoint, reply: Reply, endpoints: Sequence[Endpoint], schemas: Schemas) -> Member:
    names = (*reply.headers, "X-Request-ID")
    response: Member = {
        "description": reply.description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if reply.type is not None:
        content: Member = {"schema": schemas.of(reply.type)}
        if reply.example is not None:
            content["example"] = reply.example
        response["content"] = dict.fromkeys(reply.media_types, content)
    elif reply.lines:
        found_lines = _lines([schemas.of(one) for one in reply.lines], reply.example)
        response["content"] = dict.fromkeys(reply.media_types, found_lines)
    elif ANY_TYPE in reply.media_types:
        response["content"] = {one: {"schema": _BYTES} for one in reply.media_types}
    elif reply.media_types:
        response["content"] = {media_type: {"schema": {"type": "string"}} for media_type in reply.media_types}
    found = links(endpoint, reply, endpoints)
    return {**response, "links": found} if found else response


def _lines(schemas: list[Member], example: Sequence[Any]) -> Member:
    """Return what is told of JSON line by line; OpenAPI has a name for the schema of a line from 3.2 on."""
    return {
        "schema": {"type": "string", "description": "Lines of JSON."},
        "example": "".join(f"{msgspec.json.encode(one).decode()}\n" for one in example),
        "x-itemSchema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
    }


def _refusals(endpoint: Endpoint, responses: dict[str, Member]) -> Member:
    """Return the responses that are problems, by status; equal ones are one component."""
    by_status: dict[int, list[Refusal]] = {}
    for refusal in refusals(endpoint):
        by_status.setdefault(refusal.status, []).append(refusal)
    found = {}
    for status, kinds in by_status.items():
        name = f"{status}.{'.'.join(kind.name for kind in kinds)}"
        responses.setdefault(name, _problems(status, kinds))
        found[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return found


def _problems(status: int, kinds: Sequence[Refusal]) -> Member:
    names = (*OF_STATUS.get(status, ()), "X-Request-ID")
    return {
        "description": "\n".join(f"- `{kind.name}`: {_explained(kind)}" for kind in kinds),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.name: {"value": _problem(kind)} for kind in kinds},
            }
        },
    }


def _problem(kind: Refusal) -> Member:
    return {
        "type": f"/problems/{kind.name}",
        "status": kind.status,
        "title": kind.title,
        "detail": _explained(kind),
    }


def _explained(kind: Refusal) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())
