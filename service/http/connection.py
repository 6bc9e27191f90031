"""What is decided below the application: requests that do not parse get problems, and connections are counted.

aiohttp answers a request that does not parse on its own and logs each at length, which would let anybody fill the log.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import InvalidURLError

from service.errors import MalformedError
from service.http import problems
from service.http.finishing import decorate
from service.http.middleware import request_id
from service.settings import LimitSettings

_LINGERING_SECONDS = 3.0


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return a problem, and close the connection: where the next request begins is not known."""
        operation = request_id(request)
        if status < web.HTTPInternalServerError.status_code:
            # The first line says what is wrong, the rest repeats what was sent.
            said = (message or "").partition("\n")[0].rstrip(":.")
            if isinstance(exc, InvalidURLError):  # it says no more than what was sent
                said = "The target of the request line cannot be read, expected a path such as /v1/documents"
            exc = MalformedError(f"{said or 'The request cannot be read'}.")
        response = problems.respond(exc or TimeoutError("the request was given up"), operation)
        response.force_close()
        return decorate(response, operation)


class Server(web.Server):
    """All connections.

    Args:
        server: As the application made it.
        connections_max: Open at the same time; one more is closed at once.
        options: Of each connection.
    """

    def __init__(self, server: web.Server, connections_max: int, **options: Any) -> None:
        super().__init__(self._answer, request_factory=server.request_factory, **options)
        self._app = server.request_handler
        self._connections_max = connections_max
        self._options = options

    def __call__(self) -> web.RequestHandler:
        """Return what handles a new connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; what is refused before the application's middleware is reached is a problem too."""
        try:
            return await self._app(request)
        except web.HTTPException as error:
            operation = request_id(request)
            response = problems.respond(error, operation)
            response.force_close()
            return decorate(response, operation)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._connections_max:
            transport.abort()


class Runner(web.AppRunner):
    """Runs the application on any number of sites.

    Args:
        app: The application.
        limits: Of connections and headers.
    """

    def __init__(self, app: web.Application, limits: LimitSettings) -> None:
        super().__init__(
            app,
            max_line_size=limits.header_line_bytes,
            max_field_size=limits.header_line_bytes,
            max_headers=limits.headers_max,
            shutdown_timeout=limits.stop_seconds,
            # aiohttp has no header time limit of its own: what bounds it is that a connection may idle so long.
            keepalive_timeout=limits.keepalive_seconds,
            # A coded body is refused, and must not be decoded just to be thrown away.
            auto_decompress=False,
            # After an early refusal the rest of a body is read so long, or the client might never see the answer.
            lingering_time=_LINGERING_SECONDS,
            access_log=None,
        )
        self._connections_max = limits.connections_max

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self._connections_max, **self._kwargs)
