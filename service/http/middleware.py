"""What every request goes through, in one place: its id, the gate, who asks, and errors that become problems."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from time import perf_counter

from aiohttp import HttpVersion10, hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from service.errors import MalformedError
from service.http import identity, problems
from service.http.accept import require_acceptable
from service.http.call import CALL, Call, Services
from service.http.endpoint import API, Endpoint
from service.http.failures import MethodError
from service.http.finishing import Finishing, decorate, tell_timing
from service.http.response import Response
from service.timing import WAITED, Waited

_REQUEST_ID = istr("X-Request-ID")
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_ID_DIGITS = 24
_IDS_AHEAD = 256
_ids: list[str] = []


def middleware(services: Services, finishing: Finishing, endpoints: Mapping[Handler, Endpoint]) -> Middleware:
    """Return the one middleware.

    Args:
        services: What answers requests.
        finishing: What is done to their answers.
        endpoints: Those that there are, by what answers.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        waited = Waited(perf_counter())
        WAITED.set(waited)
        operation = request_id(request)
        endpoint = endpoints.get(request.match_info.handler)
        try:
            response = await _serve(services, request, handler, endpoint, operation)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the place where every error becomes a response
            response = _refuse(request, error, operation)
        if response.prepared:
            # A stream, which `begin` has finished.
            return response
        if finishing.compresses and endpoint is not None:
            await finishing.compress(request, endpoint, response)
        finishing.apply(request, endpoint, response)
        tell_timing(response, waited)
        return decorate(response, operation)

    return answer


async def _serve(
    services: Services, request: web.Request, handler: Handler, endpoint: Endpoint | None, operation: str
) -> web.StreamResponse:
    if request.version < HttpVersion10:
        raise MalformedError("The request line names no version, expected HTTP/1.1.")
    if not request.path.startswith(API):
        if endpoint is not None:
            require_acceptable(request, endpoint.offers)
        return await handler(request)
    engine = services.gate.enter()
    actor = None
    if (endpoint is None or not endpoint.is_public) and request.method != hdrs.METH_OPTIONS:
        actor = await identity.require(request, engine)
    if endpoint is not None:
        require_acceptable(request, endpoint.offers)
        request[CALL] = Call(services, engine, endpoint, operation, actor)
    return await handler(request)


def request_id(request: web.BaseRequest) -> str:
    """Return the id that the client gave, if it is a harmless one, else a new one."""
    given = request.headers.get(_REQUEST_ID)
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    if not _ids:
        random = os.urandom(_ID_DIGITS // 2 * _IDS_AHEAD).hex()
        _ids.extend(random[start : start + _ID_DIGITS] for start in range(0, len(random), _ID_DIGITS))
    return _ids.pop()


def _refuse(request: web.Request, error: Exception, operation: str) -> Response:
    failure = problems.to_failure(error)
    if request.method == hdrs.METH_OPTIONS and isinstance(failure, MethodError):
        return Response(status=204, headers=failure.headers)
    response = problems.respond(error, operation)
    # The client may send its body or not, or something else than HTTP: where the next request begins is not known.
    is_awaited = hdrs.EXPECT in request.headers and not request.content.is_eof()
    if is_awaited or request.method == hdrs.METH_CONNECT or request.version < HttpVersion10:
        response.force_close()
    return response
