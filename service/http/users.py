"""Users: registration, oneself, and passwords. These requests carry a secret, so they take no idempotency key."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.bodies import decode
from service.commands import CredentialOf, Get, Invalid, Register, SetPassword
from service.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError, TakenError
from service.http import examples, identity
from service.http.attempts import Limit
from service.http.body import read_body
from service.http.call import CALL, Call
from service.http.collection_endpoints import Described
from service.http.collections import Collection
from service.http.endpoint import Body, Endpoint, Reply, done
from service.http.failures import BusyError, TooManyError
from service.http.parameters import parameters
from service.http.passwords import NewPassword, Password, verify
from service.http.response import Response
from service.http.responses import entity_response, outcome_response
from service.kinds.account import User, UserDraft
from service.passwords import UNUSABLE


class Registration(UserDraft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user with the password that they choose."""

    password: NewPassword


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password; who sets their own tells the current one, and whether the user's API keys go on."""

    password: NewPassword
    current_password: Password | None = None
    keep_api_keys: bool = False


class Users(Collection):
    """The collection of users."""

    async def create(self, request: web.Request) -> Response:
        """Register: POST /v1/users. Nobody needs to be logged in where registration is open."""
        call = request[CALL]
        setup = call.services.setup.is_sent(request)
        actor = None if setup else await identity.identify(request, call.engine)
        if not setup:
            await _admit(request, msgspec.structs.replace(call, actor=actor))
        body = await read_body(request)
        parameters(request)
        registration = decode(body, Registration, call.services.settings.limits)
        draft: msgspec.Struct | Invalid = registration
        password_hash = ""
        if not isinstance(registration, Invalid):
            draft = msgspec.convert(registration, self.draft, from_attributes=True)
            password_hash = await call.services.passwords.hash(registration.password)
        command = Register(
            actor=actor,
            operation=call.operation,
            new_id=call.services.ids.new(self.kind.prefix),
            draft=draft,
            password_hash=password_hash,
            loopback=identity.is_loopback(request),
            open=call.services.registration_open,
            setup=setup,
        )
        return outcome_response(await call.engine.submit(command), self.path)

    async def me(self, request: web.Request) -> Response:
        """Return who asks: GET /v1/me."""
        call = request[CALL]
        parameters(request)
        if call.actor is None or call.actor.user_id is None:
            raise NotFoundError("The local administrator on the control socket is no user.")
        query = Get(actor=call.actor, kind=self.kind.name, id=call.actor.user_id)
        return entity_response(request, await call.engine.get(query))


async def _admit(request: web.Request, call: Call) -> None:
    """Refuse what will be refused before a password is hashed, which takes long, and too many from one address.

    Raises:
        ForbiddenError: Registration is closed, and it is no administrator who asks.
        TooManyError: Too many have registered from this address of late.
    """
    if await identity.is_admin(call):
        return
    if not call.services.registration_open:
        raise ForbiddenError("Registration is closed here. Ask an administrator for an account.")
    limit = call.services.settings.limits.registrations_address_max
    call.services.attempts.begin({f"registrations from {identity.network(request)}": Limit(limit, limit)})


async def set_password(request: web.Request) -> Response:
    """Set a password: PUT /v1/users/{id}/password. Who sets their own tells the current one."""
    call = request[CALL]
    user_id = request.match_info["id"]
    body = await read_body(request)
    parameters(request)
    change = decode(body, PasswordChange, call.services.settings.limits)
    if isinstance(change, Invalid):
        raise InvalidError("The body does not fit the schema.", change.errors)
    is_own = call.actor is not None and call.actor.user_id == user_id
    command = SetPassword(
        actor=call.actor,
        operation=call.operation,
        user_id=user_id,
        credential_generation=await _verify_current(request, call, user_id, change) if is_own else None,
        password_hash=UNUSABLE,
        keeps_keys=change.keep_api_keys,
    )
    # Who may not do it must not keep those waiting who log in: hashes are few at a time.
    await call.engine.foresee(command)
    password_hash = await call.services.passwords.hash(change.password)
    await call.engine.submit(msgspec.structs.replace(command, password_hash=password_hash))
    return Response(status=204)


async def _verify_current(request: web.Request, call: Call, user_id: str, change: PasswordChange) -> int:
    if change.current_password is None:
        errors = [FieldError("/current_password", "missing: it is needed to set one's own password")]
        raise InvalidError("The current password is missing.", errors)
    query = CredentialOf(actor=call.actor, user_id=user_id)
    verified = await verify(request, call, change.current_password, query)
    if verified is None:
        raise ForbiddenError("The current password is wrong.")
    verified.attempt.succeeded()
    return verified.credential.generation


PASSWORD_ENDPOINT = Endpoint(
    method="PUT",
    path="/v1/users/{id}/password",
    handler=set_password,
    operation="setPassword",
    summary="Set a password",
    description="Who sets their own tells the current one. It ends the other sessions, and the API keys unless they "
    "are kept.",
    replies=[done("The password counts from now on.")],
    body=Body(
        type=PasswordChange,
        example={"password": "another good long sentence", "current_password": examples.PASSWORD},
        is_secret=True,
    ),
    refuses=(BusyError, ConflictError, TooManyError),
    scope="session",
)


def registering(users: Described) -> Endpoint:
    """Return the endpoint that creates a user."""
    return Endpoint(
        method="POST",
        path="/v1/users",
        handler=users.handlers.create,
        operation="createUser",
        summary="Register a user",
        description="Without a token where registration is open; administrators always may.",
        replies=[users.reply(201, "Registered.", "Location", "ETag")],
        body=Body(type=Registration, example=examples.REGISTRATION, is_secret=True),
        refuses=(TakenError, TooManyError, BusyError),
        access="may_log_in",
        scope="admin",
    )


def me(users: Users) -> Endpoint:
    """Return the endpoint that tells who asks."""
    return Endpoint(
        method="GET",
        path="/v1/me",
        handler=users.me,
        operation="getMe",
        summary="Read who is logged in",
        replies=[
            Reply(
                status=200,
                description="The user.",
                type=User,
                example=examples.STORED_USER,
                headers=("ETag",),
            ),
            Reply(status=304, description="What `If-None-Match` names is still so.", media_types=(), headers=("ETag",)),
        ],
        refuses=(NotFoundError,),
        conditional=True,
    )
