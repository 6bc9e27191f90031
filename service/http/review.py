"""Reviews: comparing annotators, adjudication, and how far annotators agree."""

from __future__ import annotations

from aiohttp import web

from service.bodies import decode
from service.commands import Invalid
from service.errors import MalformedError
from service.http.body import JSON, read_body
from service.http.call import CALL
from service.http.collections import submit
from service.http.conditions import conditions_of
from service.http.idempotency import key_of
from service.http.parameters import flag, in_utf16, parameters
from service.http.responses import json_response, outcome_response
from service.kinds.document import DOCUMENT
from service.kinds.marks import ANNOTATION
from service.kinds.review import Adjudication
from service.reviews import Adjudicate, Agree, Compare

_PATH = DOCUMENT.collection or ""


async def adjudicate(request: web.Request) -> web.Response:
    """Decide which annotations a document has: POST /v1/documents/{id}/adjudication."""
    call = request[CALL]
    body = await read_body(request, JSON)
    utf16 = in_utf16(parameters(request, ("offset_unit",)))
    limits = call.services.settings.limits
    draft = decode(body, Adjudication, limits)
    # One too many is refused where it is decided.
    wanted = 0 if isinstance(draft, Invalid) else min(len(draft.decided), limits.adjudication_max + 1)
    command = Adjudicate(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        id=request.match_info["id"],
        new_ids=tuple(call.services.ids.new(ANNOTATION.prefix) for _ in range(wanted)),
        draft=draft,
        conditions=conditions_of(request),
        utf16=utf16,
    )
    return outcome_response(await submit(call, command), _PATH, utf16=utf16)


async def compare(request: web.Request) -> web.Response:
    """Return what annotators have put on a document, side by side: GET /v1/documents/{id}/comparison."""
    call = request[CALL]
    found = parameters(request, ("annotator", "attributes", "offset_unit"))
    annotators = tuple(dict.fromkeys(found.getall("annotator", ())))
    if len(annotators) == 1:
        raise MalformedError("annotator is given once, expected two or more; without it all annotators are compared.")
    query = Compare(
        actor=call.actor,
        document_id=request.match_info["id"],
        annotators=annotators,
        attributes="attributes" not in found or flag(found, "attributes"),
        utf16=in_utf16(found),
    )
    return json_response(await call.engine.compare(query))


async def agree(request: web.Request) -> web.Response:
    """Return how far the annotators of a project agree: GET /v1/projects/{id}/agreement."""
    call = request[CALL]
    found = parameters(request, ("annotator", "label"))
    annotators = tuple(dict.fromkeys(found.getall("annotator", ())))
    if len(annotators) == 1:
        raise MalformedError("annotator is given once, expected two or more; without it all annotators count.")
    query = Agree(
        actor=call.actor,
        project_id=request.match_info["id"],
        annotators=annotators,
        labels=tuple(dict.fromkeys(found.getall("label", ()))),
    )
    return json_response(await call.engine.agree(query))
