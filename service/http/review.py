"""Reviews: comparing annotators, adjudication, and how far annotators agree."""

from __future__ import annotations

from aiohttp import web

from service.agreement.comparison import Comparison
from service.agreement.figures import Agreement
from service.bodies import decode
from service.commands import Invalid
from service.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    InUseError,
    LabelUnknownError,
    TakenError,
    TextMismatchError,
    TooManyMarksError,
)
from service.http import examples
from service.http.body import read_body
from service.http.call import CALL
from service.http.collections import submit
from service.http.conditions import conditions_of
from service.http.endpoint import Body, Endpoint, Reply
from service.http.idempotency import REPLAYED, key_of
from service.http.parameters import OFFSET_UNIT, parameters
from service.http.query import Texts, flag
from service.http.response import Response
from service.http.responses import json_response, outcome_response
from service.kinds.document import DOCUMENT
from service.kinds.marks import ANNOTATION
from service.kinds.review import Adjudicated, Adjudication
from service.reviews import Adjudicate, Agree, Compare

_PATH = DOCUMENT.collection or ""
_ANNOTATOR = Texts(
    "annotator", "Whose annotations count, two or more users; without it those of everybody who has annotated.", 2
)
_ATTRIBUTES = flag("attributes", "Annotations whose attributes differ do not agree.", default=True)
_LABEL = Texts("label", "Labels that count, each alone; without it all of them.")


async def adjudicate(request: web.Request) -> Response:
    """Decide which annotations a document has: POST /v1/documents/{id}/adjudication."""
    call = request[CALL]
    body = await read_body(request)
    utf16 = OFFSET_UNIT.of(parameters(request))
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


async def compare(request: web.Request) -> Response:
    """Return what annotators have put on a document, side by side: GET /v1/documents/{id}/comparison."""
    call = request[CALL]
    found = parameters(request)
    query = Compare(
        actor=call.actor,
        document_id=request.match_info["id"],
        annotators=_ANNOTATOR.of(found),
        attributes=_ATTRIBUTES.of(found),
        utf16=OFFSET_UNIT.of(found),
    )
    return json_response(await call.engine.compare(query))


async def agree(request: web.Request) -> Response:
    """Return how far the annotators of a project agree: GET /v1/projects/{id}/agreement."""
    call = request[CALL]
    found = parameters(request)
    query = Agree(
        actor=call.actor,
        project_id=request.match_info["id"],
        annotators=_ANNOTATOR.of(found),
        labels=_LABEL.of(found),
    )
    return json_response(await call.engine.agree(query))


_FIGURES = {"spans": 2, "exact_f1": 1.0, "overlap_f1": 1.0, "kappa": 1.0, "alpha": 1.0}
_ITEM = {
    "kind": "only_one",
    "annotations": [examples.STORED_ANNOTATION],
    "type": "span",
    "start": 24,
    "end": 30,
}
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/documents/{id}/comparison",
        handler=compare,
        operation="compareAnnotators",
        summary="Compare what annotators have put on a document",
        replies=[
            Reply(
                status=200,
                description="Their annotations, side by side.",
                type=Comparison,
                example={
                    "document_id": examples.DOCUMENT_ID,
                    "annotators": [examples.USER_ID, examples.OTHER_ID],
                    "agreements": 0,
                    "disagreements": 0,
                    "only_one": 1,
                    "items": [_ITEM],
                },
            )
        ],
        query=(_ANNOTATOR, _ATTRIBUTES, OFFSET_UNIT),
        refuses=(ForbiddenError, GoneError, TooManyMarksError),
    ),
    Endpoint(
        method="POST",
        path="/v1/documents/{id}/adjudication",
        handler=adjudicate,
        operation="adjudicate",
        summary="Decide which annotations a document has, and end its review",
        replies=[
            Reply(
                status=200,
                description="The document, and what was decided.",
                type=Adjudicated,
                example={
                    "document": {
                        **examples.STORED_DOCUMENT,
                        "reviewed_at": examples.TIME,
                        "reviewed_by": examples.USER_ID,
                    },
                    "decided": [{**examples.STORED_ANNOTATION, "status": "accepted", "rests_on": []}],
                    "rejected": [],
                },
                headers=("ETag", REPLAYED),
            )
        ],
        query=(OFFSET_UNIT,),
        body=Body(type=Adjudication, example={"decided": [{"take": examples.ANNOTATION_ID}]}),
        refuses=(
            ConflictError,
            GoneError,
            InUseError,
            LabelUnknownError,
            TakenError,
            TextMismatchError,
            TooManyMarksError,
        ),
        scope="write",
        takes_key=True,
        conditional=True,
    ),
    Endpoint(
        method="GET",
        path="/v1/projects/{id}/agreement",
        handler=agree,
        operation="measureAgreement",
        summary="Tell how far the annotators of a project agree",
        replies=[
            Reply(
                status=200,
                description="The figures.",
                type=Agreement,
                example={
                    "project_id": examples.PROJECT_ID,
                    "annotators": [examples.USER_ID, examples.OTHER_ID],
                    "documents": 1,
                    "code_points": len(examples.TEXT),
                    "overall": _FIGURES,
                    "labels": {"place": _FIGURES},
                    "pairs": [
                        {
                            "annotators": [examples.USER_ID, examples.OTHER_ID],
                            "documents": 1,
                            "overall": _FIGURES,
                            "labels": {"place": _FIGURES},
                        }
                    ],
                },
            )
        ],
        query=(_ANNOTATOR, _LABEL),
        refuses=(ForbiddenError, GoneError, TooManyMarksError),
    ),
)
