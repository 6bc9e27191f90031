"""Several operations in one request, all or none."""

from __future__ import annotations

from aiohttp import web

from service.http.body import JSON, read_body
from service.http.call import CALL, Call
from service.http.collections import submit
from service.http.idempotency import key_of
from service.http.parameters import in_utf16, parameters
from service.http.responses import results_response
from service.operations import Transact
from service.slices import in_slices
from service.steps import Sender, steps_of_transaction


async def transact(request: web.Request) -> web.Response:
    """Carry out several operations, all or none: POST /v1/transactions."""
    call = request[CALL]
    body = await read_body(request, JSON)
    sender = sender_of(call, utf16=in_utf16(parameters(request, ("offset_unit",))))
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
