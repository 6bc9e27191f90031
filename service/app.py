"""The composition of the application: what answers requests, and the routes to it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from service.blobs import Blobs
from service.clock import now
from service.http.attempts import Attempts
from service.http.call import SERVICES, Gate, Services
from service.http.connection import Runner
from service.http.contract import DESCRIPTION, Description
from service.http.finishing import FINISHING, Finishing
from service.http.middleware import middleware
from service.http.routes import ENDPOINTS, routes
from service.http.tokens import SetupToken
from service.ids import IdSource
from service.passwords import Passwords
from service.settings import ServerSettings, Settings
from wal.file_system import FileSystem
from wal.layout import BLOB_DIRECTORY


def make_services(
    settings: Settings,
    status: Callable[[], dict[str, Any]],
    compact: Callable[[], None] = lambda: None,
    file_system: FileSystem | None = None,
) -> Services:
    """Return what requests are answered with. Its gate is closed until it is given an engine.

    Args:
        settings: In force.
        status: Tells what administrators may know of the process and its log.
        compact: Asks for a snapshot.
        file_system: Where blobs are; this machine's by default.
    """
    return Services(
        gate=Gate(),
        settings=settings,
        passwords=Passwords(settings.passwords),
        ids=IdSource(now),
        now=now,
        registration_open=_registration_open(settings.server),
        status=status,
        compact=compact,
        setup=SetupToken(),
        blobs=Blobs(
            Path(settings.data.directory).absolute() / BLOB_DIRECTORY,
            reserve_bytes=settings.limits.content_reserve_bytes,
            file_system=file_system,
        ),
        attempts=Attempts(settings.limits.failed_login_seconds, time.monotonic),
    )


def make_app(services: Services) -> web.Application:
    """Return the application. It ends the threads of passwords and blobs at its end."""
    finishing = Finishing(services.settings)
    app = web.Application(
        middlewares=[middleware(services, finishing, {one.handler: one for one in ENDPOINTS})],
        client_max_size=services.settings.limits.body_bytes,
    )
    app[SERVICES] = services
    app[FINISHING] = finishing
    app[DESCRIPTION] = Description(ENDPOINTS, services.settings.limits)
    app.add_routes(routes())
    app.on_cleanup.append(_close_threads)
    return app


def make_runner(app: web.Application) -> Runner:
    """Return what runs the application, with the limits of connections."""
    return Runner(app, app[SERVICES].settings.limits)


async def _close_threads(app: web.Application) -> None:
    app[SERVICES].passwords.close()
    app[SERVICES].blobs.close()


def _registration_open(server: ServerSettings) -> bool:
    return server.registration == "open" or (server.registration == "auto" and is_loopback(server.host))


def is_loopback(host: str) -> bool:
    """Tell if only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
