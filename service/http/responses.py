"""Outcomes and entities become responses; their bytes are sent as they are stored."""

from __future__ import annotations

from aiohttp import hdrs, web

from service.commands import Entity, Outcome
from service.http.conditions import etag, is_unchanged, require_match
from service.http.idempotency import REPLAYED
from service.http.response import Response

_JSON = "application/json"
CREATED = 201
NO_CONTENT = 204
UTF16 = "utf16"


def outcome_response(outcome: Outcome, collection: str, *, utf16: bool = False) -> Response:
    """Return the response for what a command did.

    Args:
        outcome: Of the command.
        collection: The path below ``/v1`` that the entity lives in.
        utf16: Offsets in the body count UTF-16 units.
    """
    headers: dict[str, str] = {}
    if outcome.status == CREATED:
        headers[hdrs.LOCATION] = f"/v1/{collection}/{outcome.id}"
    if outcome.status != NO_CONTENT:
        headers[hdrs.CONTENT_TYPE] = _JSON
        headers[hdrs.ETAG] = etag(outcome.version, UTF16 if utf16 else "")
    if outcome.replayed:
        headers[REPLAYED] = "true"
    return Response(status=outcome.status, body=outcome.body or None, headers=headers)


def results_response(outcome: Outcome) -> Response:
    """Return the response for what several operations did: it is no entity, and has no tag."""
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: _JSON}
    if outcome.replayed:
        headers[REPLAYED] = "true"
    return Response(status=outcome.status, body=outcome.body, headers=headers)


def entity_response(request: web.Request, entity: Entity, *, utf16: bool = False) -> Response:
    """Return the response for an entity that was read, 304 if the client has it already.

    Raises:
        MalformedError: A condition cannot be read.
        PreconditionFailedError: The client asked for another version.
    """
    tag = etag(entity.version, UTF16 if utf16 else "")
    require_match(request, tag)
    if is_unchanged(request, tag):
        return Response(status=304, headers={hdrs.ETAG: tag})
    return Response(body=entity.body, headers={hdrs.CONTENT_TYPE: _JSON, hdrs.ETAG: tag})


def json_response(body: bytes, *, status: int = 200) -> Response:
    """Return a response that nobody may keep: it holds a secret, or tells of this moment."""
    return Response(status=status, body=body, headers={hdrs.CONTENT_TYPE: _JSON, hdrs.CACHE_CONTROL: "no-store"})
