"""Handlers that every collection has: create, list, get, update, replace, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from service.bodies import decode
from service.commands import Command, Create, Delete, Get, Outcome, Replace, Update
from service.http import pagination
from service.http.body import read_body
from service.http.call import CALL, Call
from service.http.conditions import conditions_of
from service.http.idempotency import flight, key_of
from service.http.parameters import CASCADE, OFFSET_UNIT, parameters
from service.http.response import Response
from service.http.responses import entity_response, outcome_response
from service.kinds.base import Kind


@dataclass(frozen=True)
class Collection:
    """The entities of one kind at their path.

    Attributes:
        path: Below ``/v1``.
        kind: Of the entities.
        draft: What clients send.
    """

    path: str
    kind: Kind
    draft: type[msgspec.Struct]

    async def create(self, request: web.Request) -> Response:
        """Create an entity: POST /v1/{collection}."""
        body = await read_body(request)
        utf16 = OFFSET_UNIT.of(parameters(request))
        draft = decode(body, self.draft, request[CALL].services.settings.limits)
        return await self.submit_create(request, body, draft, utf16=utf16)

    async def submit_create(
        self, request: web.Request, body: bytes, draft: Any, *, within: str | None = None, utf16: bool = False
    ) -> Response:
        """Create an entity from a draft.

        Args:
            request: Whose idempotency key counts.
            body: As it was received.
            draft: The kind's, or `Invalid`.
            within: The document that the path names.
            utf16: Offsets count UTF-16 units.
        """
        call = request[CALL]
        command = Create(
            actor=call.actor,
            operation=call.operation,
            idempotency=key_of(request, call.actor, body),
            kind=self.kind.name,
            new_id=call.services.ids.new(self.kind.prefix),
            draft=draft,
            within=within,
            utf16=utf16,
        )
        return outcome_response(await submit(call, command), self.path, utf16=utf16)

    async def list(self, request: web.Request) -> Response:
        """List a page: GET /v1/{collection}."""
        return await self.list_where(request, {})

    async def list_where(self, request: web.Request, fixed: dict[str, tuple[str, ...]]) -> Response:
        """List a page of the entities that pass filters which the path sets."""
        call = request[CALL]
        query = pagination.query_of(request, self.kind, call.actor, call.services.settings.limits, fixed)
        return pagination.respond(request, query, await call.engine.page(query))

    async def get(self, request: web.Request) -> Response:
        """Return one entity: GET /v1/{collection}/{id}."""
        call = request[CALL]
        utf16 = OFFSET_UNIT.of(parameters(request))
        query = Get(actor=call.actor, kind=self.kind.name, id=request.match_info["id"], utf16=utf16)
        return entity_response(request, await call.engine.get(query), utf16=utf16)

    async def update(self, request: web.Request) -> Response:
        """Apply a merge patch: PATCH /v1/{collection}/{id}."""
        call = request[CALL]
        body = await read_body(request)
        utf16 = OFFSET_UNIT.of(parameters(request))
        command = Update(
            actor=call.actor,
            operation=call.operation,
            idempotency=key_of(request, call.actor, body),
            kind=self.kind.name,
            id=request.match_info["id"],
            patch=decode(body, dict[str, Any], call.services.settings.limits),
            conditions=conditions_of(request),
            utf16=utf16,
        )
        return outcome_response(await submit(call, command), self.path, utf16=utf16)

    async def replace(self, request: web.Request) -> Response:
        """Replace an entity, or create it under this id: PUT /v1/{collection}/{id}."""
        call = request[CALL]
        body = await read_body(request)
        utf16 = OFFSET_UNIT.of(parameters(request))
        command = Replace(
            actor=call.actor,
            operation=call.operation,
            idempotency=key_of(request, call.actor, body),
            kind=self.kind.name,
            id=request.match_info["id"],
            draft=decode(body, self.draft, call.services.settings.limits),
            conditions=conditions_of(request),
            utf16=utf16,
        )
        return outcome_response(await submit(call, command), self.path, utf16=utf16)

    async def delete(self, request: web.Request) -> Response:
        """Delete an entity and what cannot be without it: DELETE /v1/{collection}/{id}."""
        call = request[CALL]
        command = Delete(
            actor=call.actor,
            operation=call.operation,
            idempotency=key_of(request, call.actor, b""),
            kind=self.kind.name,
            id=request.match_info["id"],
            conditions=conditions_of(request),
            cascade=CASCADE.of(parameters(request)),
        )
        return outcome_response(await submit(call, command), self.path)


async def submit(call: Call, command: Command) -> Outcome:
    """Carry a command out while its idempotency key is held.

    Raises:
        InFlightError: Another request holds the key.
    """
    with flight(call.services.in_flight, command.idempotency):
        return await call.engine.submit(command)
