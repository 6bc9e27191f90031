"""What every response is given at its end, or a stream before it begins."""

from __future__ import annotations

from time import perf_counter

from aiohttp import hdrs, web
from multidict import istr

from service.http.call import CALL
from service.http.compression import Compression
from service.http.cors import Cors
from service.http.endpoint import Deprecation, Endpoint
from service.settings import Settings
from service.timing import WAITED, Waited

_REQUEST_ID = istr("X-Request-ID")
_NOSNIFF = istr("X-Content-Type-Options")
_SERVER_TIMING = istr("Server-Timing")
_SERVER = "annolog"
_MS = 1000.0


class Finishing:
    """What is done to responses where the settings or the table of endpoints say so.

    Attributes:
        compresses: Some responses are compressed; else nobody need ask.

    Args:
        settings: In force.
    """

    def __init__(self, settings: Settings) -> None:
        self._cors = Cors(settings.server.cors_origins) if settings.server.cors_origins else None
        self._compression = Compression(settings.compression)
        self.compresses = bool(settings.compression.codings)

    async def compress(self, request: web.Request, endpoint: Endpoint, response: web.StreamResponse) -> None:
        """Compress a response, if the client wants it."""
        await self._compression.apply(request, endpoint, response)

    def apply(self, request: web.Request, endpoint: Endpoint | None, response: web.StreamResponse) -> None:
        """Tell of a deprecation, and let pages of other origins in."""
        if endpoint is not None and endpoint.deprecation is not None:
            _say_deprecated(response, endpoint, endpoint.deprecation)
        if self._cors is not None:
            self._cors.apply(request, response)


FINISHING: web.AppKey[Finishing] = web.AppKey("finishing", Finishing)


def begin(request: web.Request, response: web.StreamResponse) -> None:
    """Finish a stream before it begins: it is on its way before the middleware sees it."""
    call = request[CALL]
    request.app[FINISHING].apply(request, call.endpoint, response)
    waited = WAITED.get()
    if waited is not None:
        tell_timing(response, waited)
    decorate(response, call.operation)


def tell_timing(response: web.StreamResponse, waited: Waited) -> None:
    """Tell how long a request took until now, and how much of it was waiting for syncs."""
    took = perf_counter() - waited.began
    response.headers[_SERVER_TIMING] = (
        f"app;dur={(took - waited.seconds) * _MS:.2f}, sync;dur={waited.seconds * _MS:.2f}"
    )


def decorate(response: web.StreamResponse, operation: str) -> web.StreamResponse:
    """Set the header fields that every response has, and return it."""
    headers = response.headers
    headers[_REQUEST_ID] = operation
    headers[_NOSNIFF] = "nosniff"
    headers[hdrs.SERVER] = _SERVER
    return response


def _say_deprecated(response: web.StreamResponse, endpoint: Endpoint, deprecation: Deprecation) -> None:
    response.headers.update(deprecation.headers)
    # `add`, because a list links to its next page too.
    response.headers.add(hdrs.LINK, f'</docs#{endpoint.operation}>; rel="deprecation"; type="text/html"')
