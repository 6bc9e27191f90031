"""Is the process alive, does it take requests, and how is it."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.errors import ForbiddenError
from service.http import examples
from service.http.call import CALL, SERVICES
from service.http.endpoint import Endpoint, Reply
from service.http.failures import NotReadyError, StoppingError
from service.http.identity import is_admin
from service.http.parameters import parameters
from service.http.response import Response
from service.http.responses import json_response
from service.status import ServerStatus

_ACCEPTED = 202


class Health(msgspec.Struct, frozen=True):
    """How the process is."""

    status: str


async def livez(_request: web.Request) -> Response:
    """Answer, whatever the state: GET /livez."""
    return json_response(b'{"status":"alive"}')


async def readyz(request: web.Request) -> Response:
    """Tell if requests are taken: GET /readyz. 503 during replay and once the server stops."""
    request.app[SERVICES].gate.enter()
    return json_response(b'{"status":"ready"}')


async def status(request: web.Request) -> Response:
    """Tell administrators about the process and its log: GET /v1/status."""
    return json_response(await _told(request))


async def compact(request: web.Request) -> Response:
    """Ask for a snapshot: POST /v1/compactions. 202 with the status, which tells later what came of it."""
    told = await _told(request)
    request[CALL].services.compact()
    return json_response(told, status=_ACCEPTED)


async def _told(request: web.Request) -> bytes:
    call = request[CALL]
    parameters(request)
    if not await is_admin(call):
        raise ForbiddenError("This is for administrators.")
    told = msgspec.json.encode(call.services.status())
    await call.engine.settled()
    return told


_STATUS_EXAMPLE = {
    "sequence": 1234,
    "entities": {"user": 3, "document": 20},
    "event_loop": {"lag_seconds_max": 0.002},
    "batches": {"count": 800, "records": 1234, "seconds": 0.4},
    "content": {"blobs": 1, "bytes": len(examples.CONTENT), "removed": 0, "damaged": 0, "looks": 2},
    "compaction": {
        "requested": False,
        "running": False,
        "runs": 1,
        "failures": 0,
        "last_error": "",
        "last_seconds": 0.8,
        "snapshot": 1200,
        "snapshot_bytes": 65536,
    },
}
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/livez",
        handler=livez,
        operation="isAlive",
        summary="Tell if the process lives",
        replies=[Reply(status=200, description="It does.", type=Health, example={"status": "alive"})],
        access="anybody",
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        handler=readyz,
        operation="isReady",
        summary="Tell if requests are taken",
        replies=[Reply(status=200, description="They are.", type=Health, example={"status": "ready"})],
        refuses=(NotReadyError, StoppingError),
        access="anybody",
    ),
    Endpoint(
        method="GET",
        path="/v1/status",
        handler=status,
        operation="getStatus",
        summary="Read the state of the server and its log; for administrators",
        replies=[Reply(status=200, description="The state.", type=ServerStatus, example=_STATUS_EXAMPLE)],
        refuses=(ForbiddenError,),
        scope="admin",
    ),
    Endpoint(
        method="POST",
        path="/v1/compactions",
        handler=compact,
        operation="compact",
        summary="Ask for a snapshot; for administrators",
        replies=[
            Reply(
                status=202,
                description="Asked for. The state, at /v1/status too, tells later what came of it.",
                type=ServerStatus,
                example=_STATUS_EXAMPLE,
            )
        ],
        scope="admin",
    ),
)
