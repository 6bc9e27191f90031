"""What every request goes through, in one place: its id, the gate, who asks, and errors that become problems."""

from __future__ import annotations

import asyncio
import os
import re

from aiohttp import HttpVersion10, hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from service.errors import MalformedError
from service.http import identity, problems
from service.http.call import CALL, Call, Services
from service.http.failures import MethodError

API = "/v1/"
_REQUEST_ID = istr("X-Request-ID")
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_ID_BYTES = 12
_NOSNIFF = istr("X-Content-Type-Options")
_SERVER = "annolog"


def middleware(services: Services, public: frozenset[Handler]) -> Middleware:
    """Return the one middleware.

    Args:
        services: What answers requests.
        public: Handlers that nobody needs to be logged in for.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = request_id(request)
        try:
            response = await _serve(request, handler, operation)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the place where every error becomes a response
            response = _refuse(request, error, operation)
        return decorate(response, operation)

    async def _serve(request: web.Request, handler: Handler, operation: str) -> web.StreamResponse:
        if request.version < HttpVersion10:
            raise MalformedError("The request line names no version, expected HTTP/1.1.")
        if not request.path.startswith(API):
            return await handler(request)
        engine = services.gate.enter()
        call = Call(services, engine, operation, None)
        if request.match_info.handler not in public and request.method != hdrs.METH_OPTIONS:
            call.actor = await identity.require(request, engine)
        request[CALL] = call
        return await handler(request)

    return answer


def decorate(response: web.StreamResponse, operation: str) -> web.StreamResponse:
    """Set the header fields that every response has, and return it."""
    headers = response.headers
    headers[_REQUEST_ID] = operation
    headers[_NOSNIFF] = "nosniff"
    headers[hdrs.SERVER] = _SERVER
    return response


def request_id(request: web.BaseRequest) -> str:
    """Return the id that the client gave, if it is a harmless one, else a new one."""
    given = request.headers.get(_REQUEST_ID)
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return os.urandom(_ID_BYTES).hex()


def _refuse(request: web.Request, error: Exception, operation: str) -> web.Response:
    failure = problems.to_failure(error)
    if request.method == hdrs.METH_OPTIONS and isinstance(failure, MethodError):
        return web.Response(status=204, headers=failure.headers)
    response = problems.respond(error, operation)
    # The client may send its body or not, or something else than HTTP: where the next request begins is not known.
    is_awaited = hdrs.EXPECT in request.headers and not request.content.is_eof()
    if is_awaited or request.method == hdrs.METH_CONNECT or request.version < HttpVersion10:
        response.force_close()
    return response
