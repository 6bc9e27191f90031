"""Sessions: logging in and out. The token is told once, and stored hashed."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.bodies import decode
from service.clock import format_time
from service.commands import Actor, CredentialOf, Get, Invalid, LogIn, LogOut, OpenSession, Sessions
from service.errors import InvalidError, NotFoundError, UnauthenticatedError
from service.http import examples
from service.http.body import read_body
from service.http.call import CALL, Call
from service.http.endpoint import Body, Endpoint, Reply, done
from service.http.failures import BusyError, TooManyError, WrongCredentialsError
from service.http.guessing import Attempt
from service.http.parameters import parameters
from service.http.passwords import Password, verify
from service.http.response import Response
from service.http.responses import CREATED, json_response
from service.http.tokens import hash_token, new_token
from service.kinds.account import RawUser

_HOUR_US = 3_600_000_000
_SESSION_PREFIX = "sess"
_EXAMPLE = {
    "id": examples.SESSION_ID,
    "opened_at": examples.TIME,
    "expires_at": examples.LATER,
    "current": True,
}
_WRONG = "The e-mail address or the password is wrong."


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who logs in."""

    email: str
    password: Password


class OpenedSession(msgspec.Struct, frozen=True):
    """The answer to a login: the token, until when it counts, and whose it is."""

    token: str
    expires_at: str
    user: RawUser


class CurrentSession(msgspec.Struct, frozen=True):
    """The answer to who asks for their session."""

    id: str
    user: RawUser


class SessionList(msgspec.Struct, frozen=True):
    """The answer to who asks for all of their sessions; there are few, so there is no next page."""

    items: list[OpenSession]
    next: None = None


async def log_in(request: web.Request) -> Response:
    """Open a session: POST /v1/sessions."""
    call = request[CALL]
    body = await read_body(request)
    parameters(request)
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
    opened = OpenedSession(token, expires_at, msgspec.Raw(await _open(call, command, verified.attempt)))
    return json_response(msgspec.json.encode(opened), status=CREATED)


async def current(request: web.Request) -> Response:
    """Return the session of the token that is sent, and its user: GET /v1/sessions/current."""
    call = request[CALL]
    parameters(request)
    actor = call.actor
    if actor is None or actor.user_id is None or actor.session_id is None:
        raise NotFoundError("There is no session: who asks is an API key, or the local administrator.")
    user = await call.engine.get(Get(actor=actor, kind="user", id=actor.user_id))
    return json_response(msgspec.json.encode(CurrentSession(actor.session_id, msgspec.Raw(user.body))))


async def list_sessions(request: web.Request) -> Response:
    """Return one's sessions that have not ended, the oldest first: GET /v1/sessions."""
    call = request[CALL]
    parameters(request)
    found = await call.engine.sessions(Sessions(actor=call.actor))
    return json_response(msgspec.json.encode(SessionList(found)))


async def revoke(request: web.Request) -> Response:
    """End one of one's sessions: DELETE /v1/sessions/{id}."""
    call = request[CALL]
    parameters(request)
    command = LogOut(actor=call.actor, operation=call.operation, session_id=request.match_info["id"])
    await call.engine.submit(command)
    return Response(status=204)


async def log_out(request: web.Request) -> Response:
    """End the session of the token that is sent: DELETE /v1/sessions/current."""
    call = request[CALL]
    parameters(request)
    await call.engine.submit(LogOut(actor=call.actor, operation=call.operation))
    return Response(status=204)


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


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/sessions",
        handler=log_in,
        operation="logIn",
        summary="Log in",
        description="The token goes into `Authorization: Bearer <token>` of all further requests.",
        replies=[
            Reply(
                status=201,
                description="The session is open. This is the only answer that holds its token.",
                type=OpenedSession,
                example={
                    "token": "T6vYw0rYk2bqkQm3xqV1cO0m5Yd3s7oKf8nJ2wZ4hUc",
                    "expires_at": examples.LATER,
                    "user": examples.STORED_USER,
                },
            )
        ],
        body=Body(type=Login, example={"email": examples.USER["email"], "password": examples.PASSWORD}, is_secret=True),
        refuses=(WrongCredentialsError, TooManyError, BusyError),
        access="anybody",
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions",
        handler=list_sessions,
        operation="listSessions",
        summary="List one's open sessions, the oldest first",
        replies=[
            Reply(
                status=200,
                description="All of them, without their tokens.",
                type=SessionList,
                example={"items": [_EXAMPLE], "next": None},
            )
        ],
        scope="session",
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/current",
        handler=current,
        operation="getCurrentSession",
        summary="Read the session in use",
        replies=[
            Reply(
                status=200,
                description="The session and its user.",
                type=CurrentSession,
                example={"id": examples.SESSION_ID, "user": examples.STORED_USER},
            )
        ],
        refuses=(NotFoundError,),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/sessions/current",
        handler=log_out,
        operation="logOut",
        summary="Log out",
        replies=[done("The session is closed.")],
        scope="session",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/sessions/{id}",
        handler=revoke,
        operation="closeSession",
        summary="Close one of one's sessions",
        replies=[done("The session is closed.")],
        scope="session",
    ),
)
