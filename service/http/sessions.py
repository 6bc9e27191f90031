"""Sessions: logging in and out. The token is told once, and stored hashed."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.bodies import decode
from service.clock import format_time
from service.commands import Actor, CredentialOf, Get, Invalid, LogIn, LogOut, OpenSession, Sessions
from service.errors import InvalidError, NotFoundError, UnauthenticatedError
from service.http.body import JSON, read_body
from service.http.call import CALL, Call
from service.http.failures import WrongCredentialsError
from service.http.guessing import Attempt
from service.http.parameters import parameters
from service.http.passwords import Password, verify
from service.http.responses import CREATED, json_response
from service.http.tokens import hash_token, new_token

_HOUR_US = 3_600_000_000
_SESSION_PREFIX = "sess"
_WRONG = "The e-mail address or the password is wrong."


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who logs in."""

    email: str
    password: Password


class Opened(msgspec.Struct, frozen=True):
    """The answer to a login: the token, until when it counts, and whose it is."""

    token: str
    expires_at: str
    user: msgspec.Raw


class Current(msgspec.Struct, frozen=True):
    """The answer to who asks for their session."""

    id: str
    user: msgspec.Raw


class Listed(msgspec.Struct, frozen=True):
    """The answer to who asks for all of their sessions; there are few, so there is no next page."""

    items: list[OpenSession]
    next: None = None


async def log_in(request: web.Request) -> web.Response:
    """Open a session: POST /v1/sessions."""
    call = request[CALL]
    body = await read_body(request, JSON, bytes_max=call.services.settings.limits.credentials_bytes)
    parameters(request, ())
    login = decode(body, Login, call.services.settings.limits)
    if isinstance(login, Invalid):
        raise InvalidError("The body does not fit the schema.", login.errors)
    verified = await verify(request, call, login.password, CredentialOf(actor=None, email=login.email))
    if verified is None:
        raise WrongCredentialsError(_WRONG)
    token = new_token()
    lifetime_us = round(call.services.settings.sessions.lifetime_hours * _HOUR_US)
    # Asked before the engine does, so that a session never ends before the time that is told.
    expires_at = format_time(call.services.now() + lifetime_us)
    command = LogIn(
        actor=None,
        operation=call.operation,
        user_id=verified.credential.user_id,
        credential_generation=verified.credential.generation,
        session_id=call.services.ids.new(_SESSION_PREFIX),
        token_hash=hash_token(token),
        lifetime_us=lifetime_us,
        sessions_max=call.services.settings.sessions.of_user_max,
        rehashed=verified.rehashed,
    )
    opened = Opened(token, expires_at, msgspec.Raw(await _open(call, command, verified.attempt)))
    return json_response(msgspec.json.encode(opened), status=CREATED)


async def current(request: web.Request) -> web.Response:
    """Return the session of the token that is sent, and its user: GET /v1/sessions/current."""
    call = request[CALL]
    parameters(request, ())
    actor = call.actor
    if actor is None or actor.user_id is None or actor.session_id is None:
        raise NotFoundError("There is no session: who asks is an API key, or the local administrator.")
    user = await call.engine.get(Get(actor=actor, kind="user", id=actor.user_id))
    return json_response(msgspec.json.encode(Current(actor.session_id, msgspec.Raw(user.body))))


async def list_sessions(request: web.Request) -> web.Response:
    """Return one's sessions that have not ended, the oldest first: GET /v1/sessions."""
    call = request[CALL]
    parameters(request, ())
    found = await call.engine.sessions(Sessions(actor=call.actor))
    return json_response(msgspec.json.encode(Listed(found)))


async def revoke(request: web.Request) -> web.Response:
    """End one of one's sessions: DELETE /v1/sessions/{id}."""
    call = request[CALL]
    parameters(request, ())
    command = LogOut(actor=call.actor, operation=call.operation, session_id=request.match_info["id"])
    await call.engine.submit(command)
    return web.Response(status=204)


async def log_out(request: web.Request) -> web.Response:
    """End the session of the token that is sent: DELETE /v1/sessions/current."""
    call = request[CALL]
    parameters(request, ())
    await call.engine.submit(LogOut(actor=call.actor, operation=call.operation))
    return web.Response(status=204)


async def _open(call: Call, command: LogIn, attempt: Attempt) -> bytes:
    try:
        await call.engine.submit(command)
    except UnauthenticatedError as error:
        await attempt.failed()
        # Disabled, or changed since the password was compared: the client is told no more than for a wrong one.
        raise WrongCredentialsError(_WRONG) from error
    except BaseException:
        attempt.came_to_nothing()
        raise
    attempt.succeeded()
    actor = Actor(user_id=command.user_id, session_id=command.session_id)
    return (await call.engine.get(Get(actor=actor, kind="user", id=command.user_id))).body
