"""Who asks: a bearer token's owner, or the local administrator on the control socket."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import socket

from aiohttp import hdrs, web

from service.commands import LOCAL_ADMIN, Actor, Authenticate
from service.errors import UnauthenticatedError
from service.http.call import Engine

_SCHEME = "bearer"
_TOKEN_BYTES = 32
_TOKEN_LENGTH_MAX = 512


async def require(request: web.Request, engine: Engine) -> Actor:
    """Return who asks.

    Raises:
        UnauthenticatedError: Nobody that the engine knows.
    """
    actor = await identify(request, engine)
    if actor is None:
        raise UnauthenticatedError(
            "There is no Authorization header. Log in with POST /v1/sessions and send 'Authorization: Bearer <token>'."
        )
    return actor


async def identify(request: web.Request, engine: Engine) -> Actor | None:
    """Return who asks, None when there is no token.

    Raises:
        UnauthenticatedError: There is a token, but nobody owns it.
    """
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return LOCAL_ADMIN if is_control_socket(request) else None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != _SCHEME or not 0 < len(token) <= _TOKEN_LENGTH_MAX:
        raise UnauthenticatedError("The Authorization header is not of the form 'Bearer <token>'.")
    return await engine.authenticate(Authenticate(actor=None, token_hash=hash_token(token)))


def new_token() -> str:
    """Return a secret for a session."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what is stored in place of a token: SHA-256 in hex. Tokens are random, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def is_control_socket(request: web.Request) -> bool:
    """Tell if a request came over the Unix socket, which only the server's own user can open."""
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("socket")
    return peer is not None and peer.family == socket.AF_UNIX


def is_loopback(request: web.Request) -> bool:
    """Tell if a request came from this machine."""
    if is_control_socket(request):
        return True
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
