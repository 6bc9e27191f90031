"""The next document for somebody, and how far a project is."""

from __future__ import annotations

from aiohttp import web

from service.assigning import DocumentProgress, Progress, TakeNext
from service.bodies import decode
from service.http import pagination
from service.http.body import JSON, read_body
from service.http.call import CALL
from service.http.collections import submit
from service.http.idempotency import key_of
from service.http.parameters import parameters
from service.http.responses import json_response, outcome_response
from service.kinds.assignment import ASSIGNMENT, TakeNextDraft
from service.kinds.document import DOCUMENT


async def take_next(request: web.Request) -> web.Response:
    """Give who asks the next document: POST /v1/projects/{id}/next. The answer is the assignment, or 204."""
    call = request[CALL]
    body = await read_body(request, JSON)
    parameters(request, ())
    command = TakeNext(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        id=request.match_info["id"],
        new_id=call.services.ids.new(ASSIGNMENT.prefix),
        draft=decode(body, TakeNextDraft, call.services.settings.limits),
    )
    return outcome_response(await submit(call, command), ASSIGNMENT.collection or "")


async def progress(request: web.Request) -> web.Response:
    """Return how far a project is: GET /v1/projects/{id}/progress."""
    call = request[CALL]
    parameters(request, ())
    return json_response(await call.engine.progress(Progress(actor=call.actor, project_id=request.match_info["id"])))


async def document_progress(request: web.Request) -> web.Response:
    """List how far each document of a project is, page by page: GET /v1/projects/{id}/progress/documents."""
    call = request[CALL]
    project_id = request.match_info["id"]
    limits = call.services.settings.limits
    documents = pagination.query_of(request, DOCUMENT, call.actor, limits, {"project_id": (project_id,)})
    query = DocumentProgress(actor=call.actor, project_id=project_id, documents=documents)
    return pagination.respond(request, documents, await call.engine.document_progress(query))
