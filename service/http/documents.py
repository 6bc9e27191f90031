"""Documents: besides JSON they come as plain text, and their marks are listed and created below them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from service.bodies import decode
from service.commands import Invalid
from service.errors import FieldError, GoneError, MalformedError
from service.http import pagination
from service.http.body import media_type_of, read_body
from service.http.call import CALL
from service.http.collection_endpoints import Described, creating, listing
from service.http.collections import Collection
from service.http.endpoint import API, TEXT_TYPE, Body, Endpoint
from service.http.parameters import OFFSET_UNIT, parameters
from service.http.query import Text
from service.http.response import Response
from service.settings import LimitSettings

TEXT_FIELDS = tuple(
    Text(name, f"With a body of plain text: the document's `{name}`.", {"maxLength": length_max})
    for name, length_max in (("external_id", 500), ("language", 35), ("project_id", 100), ("title", 1000))
)


class Documents(Collection):
    """The collection of documents."""

    async def create(self, request: web.Request) -> Response:
        """Create a document from JSON, or from plain text with the other members as parameters: POST /v1/documents."""
        body = await read_body(request)
        limits = request[CALL].services.settings.limits
        found = parameters(request)
        utf16 = OFFSET_UNIT.of(found)
        given = {one.name: one.of(found) for one in TEXT_FIELDS if one.name in found}
        if media_type_of(request) != TEXT_TYPE:
            draft = decode(body, self.draft, limits)
            return await self.submit_create(request, body, _without(given) or draft, utf16=utf16)
        members = {**given, "text": _text(body)}
        # Through JSON, so that parameters obey the same rules as members.
        draft = decode(msgspec.json.encode(members), self.draft, limits)
        return await self.submit_create(request, body, draft, utf16=utf16)


@dataclass(frozen=True)
class Nested:
    """Marks below their document: /v1/documents/{id}/{collection}.

    Attributes:
        marks: The collection that they are in.
    """

    marks: Collection

    async def list(self, request: web.Request) -> Response:
        """List a page of a document's marks."""
        return await self.marks.list_where(request, {"document_id": (request.match_info["id"],)})

    async def create(self, request: web.Request) -> Response:
        """Create a mark on a document; `document_id` may be left out."""
        body = await read_body(request)
        utf16 = OFFSET_UNIT.of(parameters(request))
        document_id = request.match_info["id"]
        draft = self._decode(body, document_id, request[CALL].services.settings.limits)
        return await self.marks.submit_create(request, body, draft, within=document_id, utf16=utf16)

    def _decode(self, body: bytes, document_id: str, limits: LimitSettings) -> msgspec.Struct | Invalid:
        members = decode(body, dict[str, msgspec.Raw], limits)
        if isinstance(members, Invalid):
            return members
        own = msgspec.json.encode(document_id)
        given = members.setdefault("document_id", msgspec.Raw(own))
        if bytes(given) not in (own, b"null") and decode(bytes(given), str, limits) != document_id:
            errors = (FieldError("/document_id", f"is not the path's, {document_id}"),)
            return Invalid(errors, "The body is about another document than the path.")
        members["document_id"] = msgspec.Raw(own)
        return decode(msgspec.json.encode(members), self.marks.draft, limits)


def _without(given: Iterable[str]) -> Invalid | None:
    """Return why parameters that go with plain text cannot go with JSON, None if there are none."""
    told = "is a parameter, and the body is JSON: make it a member of the body"
    errors = tuple(FieldError(f"/{name}", told) for name in given)
    return Invalid(errors, "With JSON, members of the document are not parameters.") if given else None


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"The text is not UTF-8: {error.reason} at byte {error.start}.") from error


def nested(one: Described) -> list[Endpoint]:
    """Return the endpoints of marks below their document."""
    marks = one.handlers
    handlers = Nested(marks)
    name = marks.kind.name.title()
    example = {member: value for member, value in one.draft_example.items() if member != "document_id"}
    path = f"{API}documents/{{id}}/{marks.path}"
    return [
        Endpoint(
            method="POST",
            path=path,
            handler=handlers.create,
            operation=f"createDocument{name}",
            summary=f"Create an {marks.kind.name} on a document",
            replies=creating(one).replies,
            query=(OFFSET_UNIT,),
            body=Body(type=without_document(marks.draft), example=example),
            refuses=(*one.writes, GoneError),
            scope=one.scope,
            takes_key=True,
        ),
        Endpoint(
            method="GET",
            path=path,
            handler=handlers.list,
            operation=f"listDocument{name}s",
            summary=f"List a document's {marks.path}, page by page",
            replies=listing(one).replies,
            query=pagination.parameters_of(marks.kind, ("document_id",)),
            refuses=(GoneError,),
        ),
    ]


def without_document(draft: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the type of a mark's draft that may leave its document out."""
    return msgspec.defstruct(
        f"Document{draft.__name__}",
        [("document_id", str | None, None)],
        bases=(draft,),
        namespace={"__doc__": f"{draft.__doc__} The path names its document."},
        kw_only=True,
        frozen=True,
    )
