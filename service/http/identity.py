"""Who asks: a bearer token's owner, or the local administrator on the control socket."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import web

from service.commands import LOCAL_ADMIN, Actor, Authenticate
from service.errors import UnauthenticatedError
from service.http.call import Call, Engine
from service.http.tokens import hash_token, token_of
from service.logins import Administers

_IPV6_BITS = 128
_HOST_BITS = 64


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
    token = token_of(request)
    if token is None:
        return LOCAL_ADMIN if is_control_socket(request) else None
    return await engine.authenticate(Authenticate(actor=None, token_hash=hash_token(token)))


async def is_admin(call: Call) -> bool:
    """Tell if an administrator asks: a user, an API key of theirs for that, or who can open the control socket."""
    return call.actor is not None and await call.engine.administers(Administers(actor=call.actor))


def is_control_socket(request: web.Request) -> bool:
    """Tell if a request came over the Unix socket, which only the server's own user can open."""
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("socket")
    return peer is not None and peer.family == socket.AF_UNIX


def network(request: web.Request) -> str:
    """Return where a request comes from, as far as limits tell apart: of IPv6, what one customer is given whole."""
    try:
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return str(request.remote)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)}/{_IPV6_BITS - _HOST_BITS}"


def is_loopback(request: web.Request) -> bool:
    """Tell if a request came from this machine."""
    if is_control_socket(request):
        return True
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
