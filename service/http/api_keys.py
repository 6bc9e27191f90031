"""API keys, for programs. The token is told once, and stored hashed; so these requests take no idempotency key."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from service.bodies import decode
from service.errors import ConflictError
from service.http import examples
from service.http.body import read_body
from service.http.call import CALL
from service.http.endpoint import Body, Endpoint, Reply, done
from service.http.parameters import parameters
from service.http.response import Response
from service.http.responses import CREATED, json_response
from service.http.tokens import hash_token, new_token
from service.kinds.account import API_KEY, ApiKeyDraft
from service.logins import Keys, MakeKey, OpenKey, RevokeKey

_DAY_US = 24 * 3_600_000_000
_END_LENGTH = 4
_TOKEN_BEGIN = "annolog_"  # noqa: S105 - by which who finds one somewhere, or looks for such, knows what it opens


class MadeApiKey(OpenKey, frozen=True, kw_only=True):
    """The answer to who makes a key: the only one with the token."""

    token: str


class ApiKeyList(msgspec.Struct, frozen=True):
    """The answer to who asks for their keys; there are few, so there is no next page."""

    items: list[OpenKey]
    next: None = None


async def make(request: web.Request) -> Response:
    """Make an API key: POST /v1/api-keys."""
    call = request[CALL]
    settings = call.services.settings
    body = await read_body(request)
    parameters(request)
    token = _TOKEN_BEGIN + new_token()
    command = MakeKey(
        actor=call.actor,
        operation=call.operation,
        key_id=call.services.ids.new(API_KEY.prefix),
        token_hash=hash_token(token),
        token_end=token[-_END_LENGTH:],
        draft=decode(body, ApiKeyDraft, settings.limits),
        lifetime_max_us=round(settings.api_keys.lifetime_days_max * _DAY_US),
        keys_max=settings.api_keys.of_user_max,
    )
    outcome = await call.engine.submit(command)
    key = msgspec.json.decode(outcome.body, type=OpenKey)
    return json_response(msgspec.json.encode(MadeApiKey(**msgspec.structs.asdict(key), token=token)), status=CREATED)


async def list_keys(request: web.Request) -> Response:
    """Return one's API keys that have not expired, the oldest first, without their tokens: GET /v1/api-keys."""
    call = request[CALL]
    parameters(request)
    return json_response(msgspec.json.encode(ApiKeyList(await call.engine.keys(Keys(actor=call.actor)))))


async def revoke(request: web.Request) -> Response:
    """End one of one's API keys: DELETE /v1/api-keys/{id}."""
    call = request[CALL]
    parameters(request)
    command = RevokeKey(actor=call.actor, operation=call.operation, key_id=request.match_info["id"])
    await call.engine.submit(command)
    return Response(status=204)


_DRAFT: dict[str, Any] = {"name": "Nightly import", "scopes": ["read", "write"], "expires_at": examples.LATER}
_EXAMPLE: dict[str, Any] = {
    **_DRAFT,
    "id": examples.API_KEY_ID,
    "token_end": "wXyZ",
    "created_at": examples.TIME,
}
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/api-keys",
        handler=make,
        operation="createApiKey",
        summary="Make an API key, a token for a program",
        replies=[
            Reply(
                status=201,
                description="The key is made. This is the only answer that holds its token.",
                type=MadeApiKey,
                example={**_EXAMPLE, "token": "annolog_kq3V9t5b1cXoRr0dJ6mWZs2yP8uHn4eLfGaQ7iTwXyZ"},
            )
        ],
        body=Body(type=ApiKeyDraft, example=_DRAFT, is_secret=True),
        refuses=(ConflictError,),
        scope="session",
    ),
    Endpoint(
        method="GET",
        path="/v1/api-keys",
        handler=list_keys,
        operation="listApiKeys",
        summary="List one's API keys, the oldest first",
        replies=[
            Reply(
                status=200,
                description="All that have not expired, without their tokens.",
                type=ApiKeyList,
                example={"items": [_EXAMPLE], "next": None},
            )
        ],
        scope="session",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/api-keys/{id}",
        handler=revoke,
        operation="revokeApiKey",
        summary="Revoke one of one's API keys",
        replies=[done("The key counts no more.")],
        scope="session",
    ),
)
