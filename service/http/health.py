"""Is the process alive, does it take requests, and how is it."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.errors import ForbiddenError
from service.http.call import CALL, SERVICES
from service.http.identity import is_admin
from service.http.parameters import parameters
from service.http.responses import json_response

_ACCEPTED = 202


async def livez(_request: web.Request) -> web.Response:
    """Answer, whatever the state: GET /livez."""
    return json_response(b'{"status":"alive"}')


async def readyz(request: web.Request) -> web.Response:
    """Tell if requests are taken: GET /readyz. 503 during replay and once the server stops."""
    request.app[SERVICES].gate.enter()
    return json_response(b'{"status":"ready"}')


async def status(request: web.Request) -> web.Response:
    """Tell administrators about the process and its log: GET /v1/status."""
    return json_response(await _told(request))


async def compact(request: web.Request) -> web.Response:
    """Ask for a snapshot: POST /v1/compactions. 202 with the status, which tells later what came of it."""
    told = await _told(request)
    request[CALL].services.compact()
    return json_response(told, status=_ACCEPTED)


async def _told(request: web.Request) -> bytes:
    call = request[CALL]
    parameters(request, ())
    if not await is_admin(call):
        raise ForbiddenError("This is for administrators.")
    told = msgspec.json.encode(call.services.status())
    await call.engine.settled()
    return told
