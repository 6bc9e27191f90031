"""Documents: besides JSON they come as plain text, and their marks are listed and created below them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web

from service.bodies import decode
from service.commands import Invalid
from service.errors import FieldError, MalformedError
from service.http.body import DOCUMENT, JSON, media_type_of, read_body
from service.http.call import CALL
from service.http.collections import Collection
from service.http.parameters import in_utf16, parameters, single
from service.settings import LimitSettings

_TEXT_FIELDS = ("external_id", "language", "project_id", "title")


class Documents(Collection):
    """The collection of documents."""

    async def create(self, request: web.Request) -> web.Response:
        """Create a document from JSON, or from plain text with the other members as parameters: POST /v1/documents."""
        body = await read_body(request, DOCUMENT)
        limits = request[CALL].services.settings.limits
        if media_type_of(request, DOCUMENT) in JSON:
            utf16 = in_utf16(parameters(request, self.options))
            return await self.submit_create(request, body, decode(body, self.draft, limits), utf16=utf16)
        found = parameters(request, _TEXT_FIELDS)
        members = {name: single(found, name) for name in _TEXT_FIELDS if name in found} | {"text": _text(body)}
        # Through JSON, so that parameters obey the same rules as members.
        return await self.submit_create(request, body, decode(msgspec.json.encode(members), self.draft, limits))


@dataclass(frozen=True)
class Nested:
    """Marks below their document: /v1/documents/{id}/{collection}.

    Attributes:
        marks: The collection that they are in.
    """

    marks: Collection

    async def list(self, request: web.Request) -> web.Response:
        """List a page of a document's marks."""
        return await self.marks.list_where(request, {"document_id": (request.match_info["id"],)})

    async def create(self, request: web.Request) -> web.Response:
        """Create a mark on a document; `document_id` may be left out."""
        body = await read_body(request, JSON)
        utf16 = in_utf16(parameters(request, self.marks.options))
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
            return Invalid((FieldError("/document_id", f"is not the path's, {document_id}"),))
        members["document_id"] = msgspec.Raw(own)
        return decode(msgspec.json.encode(members), self.marks.draft, limits)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"The text is not UTF-8: {error.reason} at byte {error.start}.") from error
