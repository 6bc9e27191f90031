"""The next document for somebody, and how far a project is."""

from __future__ import annotations

from aiohttp import web

from service.assigning import DocumentProgress, Progress, TakeNext
from service.bodies import decode
from service.errors import CascadeTooLargeError, GoneError
from service.http import examples, pagination
from service.http.body import read_body
from service.http.call import CALL
from service.http.collection_endpoints import list_reply
from service.http.collections import submit
from service.http.endpoint import Body, Endpoint, Reply, done
from service.http.idempotency import REPLAYED, key_of
from service.http.parameters import parameters
from service.http.response import Response
from service.http.responses import json_response, outcome_response
from service.kinds.assignment import ASSIGNMENT, Assignment, TakeNextDraft
from service.kinds.document import DOCUMENT
from service.progress import ProgressOfDocument, ProjectProgress


async def take_next(request: web.Request) -> Response:
    """Give who asks the next document: POST /v1/projects/{id}/next. The answer is the assignment, or 204."""
    call = request[CALL]
    body = await read_body(request)
    parameters(request)
    command = TakeNext(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        id=request.match_info["id"],
        new_id=call.services.ids.new(ASSIGNMENT.prefix),
        draft=decode(body, TakeNextDraft, call.services.settings.limits),
    )
    return outcome_response(await submit(call, command), ASSIGNMENT.collection or "")


async def progress(request: web.Request) -> Response:
    """Return how far a project is: GET /v1/projects/{id}/progress."""
    call = request[CALL]
    parameters(request)
    return json_response(await call.engine.progress(Progress(actor=call.actor, project_id=request.match_info["id"])))


async def document_progress(request: web.Request) -> Response:
    """List how far each document of a project is, page by page: GET /v1/projects/{id}/progress/documents."""
    call = request[CALL]
    project_id = request.match_info["id"]
    limits = call.services.settings.limits
    documents = pagination.query_of(request, DOCUMENT, call.actor, limits, {"project_id": (project_id,)})
    query = DocumentProgress(actor=call.actor, project_id=project_id, documents=documents)
    return pagination.respond(request, documents, await call.engine.document_progress(query))


_STATES = {"todo": 0, "in_progress": 1, "done": 0, "skipped": 0}
_NONE = dict.fromkeys(_STATES, 0)
_BEGUN = {**examples.STORED_ASSIGNMENT, "state": "in_progress", "started_at": examples.TIME}


def _given(status: int, description: str, *headers: str) -> Reply:
    return Reply(
        status=status, description=description, type=Assignment, example=_BEGUN, headers=(*headers, "ETag", REPLAYED)
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/projects/{id}/next",
        handler=take_next,
        operation="takeNext",
        summary="Take the next document to annotate or to review",
        replies=[
            _given(200, "What was given before and is not done."),
            _given(201, "Given now.", "Location"),
            done("There is nothing to do."),
        ],
        body=Body(type=TakeNextDraft, example={"task": "annotate"}),
        refuses=(CascadeTooLargeError, GoneError),
        scope="write",
        takes_key=True,
    ),
    Endpoint(
        method="GET",
        path="/v1/projects/{id}/progress",
        handler=progress,
        operation="measureProgress",
        summary="Tell how far a project is",
        replies=[
            Reply(
                status=200,
                description="The figures, as of one moment.",
                type=ProjectProgress,
                example={
                    "project_id": examples.PROJECT_ID,
                    "documents": {"total": 1, "waiting": 1, "annotated": 0, "ready": 0, "reviewed": 0},
                    "annotate": _STATES,
                    "review": _NONE,
                    "members": [{"user_id": examples.USER_ID, "annotate": _STATES, "review": _NONE}],
                },
            )
        ],
        refuses=(GoneError,),
    ),
    Endpoint(
        method="GET",
        path="/v1/projects/{id}/progress/documents",
        handler=document_progress,
        operation="listDocumentProgress",
        summary="List how far each document of a project is",
        replies=[
            list_reply(
                ProgressOfDocument,
                "DocumentProgressPage",
                {"document_id": examples.DOCUMENT_ID, "annotating": 1, "annotated": 0, "reviewing": 0},
            )
        ],
        query=pagination.parameters_of(DOCUMENT, ("project_id",)),
        refuses=(GoneError,),
    ),
)
