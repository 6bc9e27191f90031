"""The entities of one kind, as the client sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import hdrs

from service.client.editing import EditConflictError, Editing
from service.client.edits import Edit
from service.client.errors import UnexpectedAnswerError
from service.client.transport import Answer, Request, Transport, new_key
from service.client.types import Entity

Filter = str | Iterable[str] | None
D = TypeVar("D", bound=msgspec.Struct)
E = TypeVar("E", bound=Entity)
M = TypeVar("M", bound=Edit)
T = TypeVar("T")
_MERGE_PATCH = "application/merge-patch+json"
_PAGE_SIZE = 200
_ATTEMPTS = 10


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A piece of a list. `total` is there if it was asked for."""

    items: list[T]
    next: str | None = None
    total: int | None = None


class Readable(Generic[E, M]):
    """Entities that can be read, changed and deleted.

    Args:
        transport: To the server.
        path: Of the collection.
        entity: What its members are decoded to.
        edit: What of them can be edited.
    """

    def __init__(self, transport: Transport, path: str, entity: type[E], edit: type[M]) -> None:
        self._transport = transport
        self._path = path
        self._entity = entity
        self._edit = edit

    async def get(self, entity_id: str) -> E:
        """Return one entity.

        Raises:
            ProblemError: 404 if there is none that the user may see, 410 if it was deleted.
        """
        return await self._one(Request(method=hdrs.METH_GET, path=self._at(entity_id)))

    async def list(self, *, page_size: int = _PAGE_SIZE, **filters: Filter) -> AsyncIterator[E]:
        """Yield all entities that pass the filters, page by page, in the order of their creation.

        Args:
            page_size: Entities a request.
            filters: Those of the API, such as ``label`` or ``document_id``; one value or several, of which any is
                accepted, so that nothing passes one without values. None is no filter. ``sort`` and the bounds
                ``created_at_ge`` and ``created_at_lt`` are among them.
        """
        query = _pairs(filters)
        cursor: str | None = None
        while True:
            page = await self._page(query, page_size, cursor, count=False)
            for entity in page.items:
                yield entity
            cursor = page.next
            if cursor is None:
                return

    async def page(
        self, *, page_size: int = _PAGE_SIZE, cursor: str | None = None, count: bool = False, **filters: Filter
    ) -> Page[E]:
        """Return one page; `cursor` is the `next` of the page before it."""
        return await self._page(_pairs(filters), page_size, cursor, count=count)

    async def _page(
        self, filters: Sequence[tuple[str, str]] | None, page_size: int, cursor: str | None, *, count: bool
    ) -> Page[E]:
        if filters is None:
            return Page(items=[], total=0 if count else None)
        query = [*filters, ("limit", str(page_size))]
        query += [("cursor", cursor)] if cursor is not None else []
        query += [("count", "true")] if count else []
        answer = await self._transport.send(Request(method=hdrs.METH_GET, path=self._path, query=query))
        return decoded(answer, Page[self._entity], f"GET {self._path}")  # type: ignore[name-defined]

    async def count(self, **filters: Filter) -> int:
        """Return how many entities pass the filters; the server counts without reading them."""
        page = await self._page(_pairs(filters), 1, None, count=True)
        return page.total or 0

    async def update(
        self,
        entity_id: str,
        changes: Mapping[str, Any],
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> E:
        """Apply a merge patch (RFC 7396): members that are None are removed, others take the value.

        Args:
            entity_id: Of the entity.
            changes: The members that change.
            version: Refuse with 412 if the entity is not at this version.
            idempotency_key: A new one if there is none.
        """
        request = Request(
            method=hdrs.METH_PATCH,
            path=self._at(entity_id),
            body=msgspec.json.encode(changes),
            media_type=_MERGE_PATCH,
            headers=if_match(version),
            idempotency_key=idempotency_key or new_key(),
        )
        return await self._one(request)

    def edit(self, entity_id: str, *, idempotency_key: str | None = None) -> Editing[E, M]:
        """Read an entity, let the block of ``async with`` change it, and send what has changed for that version.

        Raises:
            EditConflictError: At the end of the block: somebody else has changed it meanwhile.
        """
        return Editing(self.get, self.update, entity_id, self._edit, idempotency_key=idempotency_key)

    async def revise(self, entity_id: str, change: Callable[[M], object], *, attempts: int = _ATTEMPTS) -> E:
        """Edit an entity by a function; when somebody else was quicker, read it and apply the function again.

        Args:
            entity_id: Of the entity.
            change: Changes what it is given. It is called once an attempt, each time with what was read then.
            attempts: At most; each that fails means that somebody else's change was carried out.

        Returns:
            The entity after it.

        Raises:
            EditConflictError: At the last attempt too somebody else was quicker.
            ValueError: There is to be no attempt.
        """
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}, expected 1 or more.")
        while True:
            attempts -= 1
            editing = self.edit(entity_id)
            try:
                async with editing as edited:
                    change(edited)
            except EditConflictError:
                if attempts == 0:
                    raise
            else:
                return editing.after

    async def delete(
        self,
        entity_id: str,
        *,
        cascade: bool = False,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Delete an entity and what cannot be without it.

        Args:
            entity_id: Of the entity.
            cascade: Delete also the marks that point to it, which are 409 otherwise.
            version: Refuse with 412 if the entity is not at this version.
            idempotency_key: A new one if there is none.
        """
        request = Request(
            method=hdrs.METH_DELETE,
            path=self._at(entity_id),
            query=[("cascade", "true")] if cascade else [],
            headers=if_match(version),
            idempotency_key=idempotency_key or new_key(),
        )
        await self._transport.send(request)

    def _at(self, entity_id: str) -> str:
        return f"{self._path}/{quote(entity_id, safe='')}"

    async def _one(self, request: Request) -> E:
        return decoded(await self._transport.send(request), self._entity, f"{request.method} {request.path}")


class Collection(Readable[E, M], Generic[D, E, M]):
    """Entities that can also be created and replaced from drafts."""

    async def create(self, draft: D, *, idempotency_key: str | None = None) -> E:
        """Create an entity.

        Args:
            draft: What it is made from.
            idempotency_key: A new one if there is none. Under a key that was used, the same draft gives the entity
                that it made then, and another one is 422 ``idempotency-key-reused``.
        """
        request = Request(
            method=hdrs.METH_POST,
            path=self._path,
            body=msgspec.json.encode(draft),
            idempotency_key=idempotency_key or new_key(),
        )
        return await self._one(request)

    async def replace(
        self,
        entity_id: str,
        draft: D,
        *,
        version: int | None = None,
        create_only: bool = False,
        idempotency_key: str | None = None,
    ) -> E:
        """Replace an entity as a whole, or create one under an id of one's own.

        Args:
            entity_id: A TypeID of the kind.
            draft: What it becomes.
            version: Refuse with 412 if the entity is not at this version.
            create_only: Refuse with 412 if it exists.
            idempotency_key: A new one if there is none.
        """
        headers = if_match(version) | ({hdrs.IF_NONE_MATCH: "*"} if create_only else {})
        request = Request(
            method=hdrs.METH_PUT,
            path=self._at(entity_id),
            body=msgspec.json.encode(draft),
            headers=headers,
            idempotency_key=idempotency_key or new_key(),
        )
        return await self._one(request)


def decoded(answer: Answer, type_: type[T], call: str) -> T:
    """Return the body of an answer as a value of a type.

    Raises:
        UnexpectedAnswerError: It is none.
    """
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswerError(call, answer.status, f"a body that cannot be read ({error})") from error


def if_match(version: int | None) -> dict[str, str]:
    """Return the header fields that ask for a version, none if any will do."""
    return {} if version is None else {hdrs.IF_MATCH: f'"{version}"'}


def _pairs(filters: Mapping[str, Filter]) -> list[tuple[str, str]] | None:
    """Return filters as parameters of a query, None if one of them accepts no value: then nothing passes."""
    pairs: list[tuple[str, str]] = []
    for name, value in filters.items():
        if value is None:
            continue
        values = [value] if isinstance(value, str) else list(value)
        if not values:
            return None
        pairs += [(name, one) for one in values]
    return pairs
