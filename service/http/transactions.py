"""Several operations in one request, all or none."""

from __future__ import annotations

from aiohttp import web

from service.errors import (
    CascadeTooLargeError,
    ConflictError,
    GoneError,
    ImmutableError,
    InsufficientScopeError,
    InUseError,
    LabelUnknownError,
    NotFoundError,
    PreconditionFailedError,
    TakenError,
    TextInUseError,
    TextMismatchError,
)
from service.http import examples
from service.http.body import read_body
from service.http.call import CALL, Call
from service.http.collections import submit
from service.http.endpoint import Body, Endpoint, Reply
from service.http.idempotency import REPLAYED, key_of
from service.http.parameters import OFFSET_UNIT, parameters
from service.http.response import Response
from service.http.responses import results_response
from service.operations import Transact, TransactionResults
from service.slices import in_slices
from service.steps import Sender, Transaction, steps_of_transaction


async def transact(request: web.Request) -> Response:
    """Carry out several operations, all or none: POST /v1/transactions."""
    call = request[CALL]
    body = await read_body(request)
    sender = sender_of(call, utf16=OFFSET_UNIT.of(parameters(request)))
    command = Transact(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        steps=await in_slices(steps_of_transaction(body, sender)),
    )
    return results_response(await submit(call, command))


def sender_of(call: Call, *, utf16: bool) -> Sender:
    """Return in whose name the operations of a request are carried out."""
    services = call.services
    return Sender(call.actor, call.operation, services.ids, services.settings.limits, utf16)


REFUSALS = (
    CascadeTooLargeError,
    ConflictError,
    GoneError,
    ImmutableError,
    InsufficientScopeError,
    InUseError,
    LabelUnknownError,
    NotFoundError,
    PreconditionFailedError,
    TakenError,
    TextInUseError,
    TextMismatchError,
)
"""What requests of their own would be refused by."""
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/transactions",
        handler=transact,
        operation="transact",
        summary="Carry out several operations, all or none",
        description="`@name` stands for the id of what another operation makes under that `ref`, before or after it. "
        "What one of them is refused by is the answer, and its places are within `/operations`.",
        replies=[
            Reply(
                status=200,
                description="All were carried out.",
                type=TransactionResults,
                example={
                    "results": [
                        {"index": 0, "status": 201, "id": examples.OTHER_DOCUMENT_ID, "version": 1},
                        {"index": 1, "status": 201, "id": examples.OTHER_ANNOTATION_ID, "version": 1},
                        {"index": 2, "status": 200, "id": examples.ANNOTATION_ID, "version": 2},
                    ]
                },
                headers=(REPLAYED,),
            )
        ],
        query=(OFFSET_UNIT,),
        body=Body(type=Transaction, example={"operations": examples.OPERATIONS}),
        refuses=REFUSALS,
        scope="write",
        takes_key=True,
    ),
)
