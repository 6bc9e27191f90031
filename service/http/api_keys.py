"""API keys, for programs. The token is told once, and stored hashed; so these requests take no idempotency key."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.bodies import decode
from service.http.body import JSON, read_body
from service.http.call import CALL
from service.http.parameters import parameters
from service.http.responses import CREATED, json_response
from service.http.tokens import hash_token, new_token
from service.kinds.account import API_KEY, ApiKeyDraft
from service.logins import Keys, MakeKey, OpenKey, RevokeKey

_DAY_US = 24 * 3_600_000_000
_END_LENGTH = 4
_TOKEN_BEGIN = "annolog_"  # noqa: S105 - by which who finds one somewhere, or looks for such, knows what it opens


class Made(OpenKey, frozen=True, kw_only=True):
    """The answer to who makes a key: the only one with the token."""

    token: str


class Listed(msgspec.Struct, frozen=True):
    """The answer to who asks for their keys; there are few, so there is no next page."""

    items: list[OpenKey]
    next: None = None


async def make(request: web.Request) -> web.Response:
    """Make an API key: POST /v1/api-keys."""
    call = request[CALL]
    settings = call.services.settings
    body = await read_body(request, JSON, bytes_max=settings.limits.credentials_bytes)
    parameters(request, ())
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
    return json_response(msgspec.json.encode(Made(**msgspec.structs.asdict(key), token=token)), status=CREATED)


async def list_keys(request: web.Request) -> web.Response:
    """Return one's API keys that have not expired, the oldest first, without their tokens: GET /v1/api-keys."""
    call = request[CALL]
    parameters(request, ())
    return json_response(msgspec.json.encode(Listed(await call.engine.keys(Keys(actor=call.actor)))))


async def revoke(request: web.Request) -> web.Response:
    """End one of one's API keys: DELETE /v1/api-keys/{id}."""
    call = request[CALL]
    parameters(request, ())
    command = RevokeKey(actor=call.actor, operation=call.operation, key_id=request.match_info["id"])
    await call.engine.submit(command)
    return web.Response(status=204)
