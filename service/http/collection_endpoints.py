"""The endpoints that every collection has, made from what is told of it once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from service.errors import DomainError, GoneError, ImmutableError
from service.http import pagination
from service.http.collections import Collection
from service.http.endpoint import API, JSON_TYPE, MERGE_PATCH_TYPE, Body, Endpoint, Reply, done
from service.http.parameters import CASCADE, OFFSET_UNIT
from service.http.query import Parameter
from service.kinds.account import Scope

_REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, kw_only=True)
class Described:
    """A collection, and what the description needs to know of it.

    Attributes:
        handlers: That answer.
        entity: What lists hold.
        shown: What GET of one answers, if it is more.
        draft_example: What creates one.
        patch_example: What changes it.
        entity_example: What is stored then.
        shown_example: What GET of one answers, if it is more.
        scope: That changes need of an API key.
        writes: Problems of creating, replacing and changing.
        deletes: Problems of deleting.
        lists: Problems of listing.
        create_query: Parameters of creating, besides that for offsets.
        create_media_types: That creating takes.
        offsets: Entities hold offsets.
    """

    handlers: Collection
    entity: type[msgspec.Struct]
    draft_example: dict[str, Any]
    patch_example: dict[str, Any]
    entity_example: dict[str, Any]
    shown: type[msgspec.Struct] | None = None
    shown_example: dict[str, Any] | None = None
    scope: Scope = "write"
    writes: tuple[type[DomainError], ...] = ()
    deletes: tuple[type[DomainError], ...] = ()
    offsets: bool = True
    lists: tuple[type[DomainError], ...] = ()
    create_query: tuple[Parameter, ...] = field(default=())
    create_media_types: tuple[str, ...] = (JSON_TYPE,)

    @property
    def name(self) -> str:
        """What one of them is called."""
        return self.handlers.kind.name

    @property
    def unit(self) -> tuple[Parameter, ...]:
        """The parameter for offsets, if there are any."""
        return (OFFSET_UNIT,) if self.offsets else ()

    def reply(self, status: int, description: str, *headers: str) -> Reply:
        """Return the reply that holds the entity as it is stored."""
        return Reply(
            status=status, description=description, type=self.entity, example=self.entity_example, headers=headers
        )


@cache
def page_of(entity: Any, name: str) -> type[msgspec.Struct]:
    """Return the type of a page of a list.

    Args:
        entity: The type of its items.
        name: Of the type.
    """
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = [
        ("items", list[entity]),
        ("next", str | None),
        ("total", int | msgspec.UnsetType, msgspec.UNSET),
    ]
    namespace = {"__doc__": "A page of a list: its items, where the next one begins, and the number of all if asked."}
    return msgspec.defstruct(name, fields, namespace=namespace, frozen=True)


def list_reply(entity: Any, name: str, example: Any) -> Reply:
    """Return the reply that holds a page of a list."""
    return Reply(
        status=200,
        description="A page.",
        type=page_of(entity, name),
        example={"items": [example], "next": None},
        headers=("Link",),
    )


def creating(one: Described) -> Endpoint:
    """Return the endpoint that creates."""
    handlers = one.handlers
    return Endpoint(
        method="POST",
        path=f"{API}{handlers.path}",
        handler=handlers.create,
        operation=f"create{_upper(one.name)}",
        summary=f"Create {_article(one.name)}",
        replies=[one.reply(201, "Created.", "Location", "ETag", _REPLAYED)],
        query=(*one.unit, *one.create_query),
        body=Body(type=handlers.draft, example=one.draft_example, media_types=one.create_media_types),
        refuses=one.writes,
        scope=one.scope,
        takes_key=True,
    )


def listing(one: Described) -> Endpoint:
    """Return the endpoint that lists."""
    handlers = one.handlers
    return Endpoint(
        method="GET",
        path=f"{API}{handlers.path}",
        handler=handlers.list,
        operation=f"list{_upper(one.name)}s",
        summary=f"List {one.name}s, page by page",
        replies=[list_reply(one.entity, f"{_upper(one.name)}Page", one.entity_example)],
        query=pagination.parameters_of(handlers.kind),
        refuses=one.lists,
    )


def getting(one: Described) -> Endpoint:
    """Return the endpoint that shows one."""
    shown = Reply(
        status=200,
        description=f"The {one.name}.",
        type=one.shown or one.entity,
        example=one.shown_example or one.entity_example,
        headers=("ETag",),
    )
    unchanged = Reply(
        status=304, description="What `If-None-Match` names is still so.", media_types=(), headers=("ETag",)
    )
    return Endpoint(
        method="GET",
        path=f"{API}{one.handlers.path}/{{id}}",
        handler=one.handlers.get,
        operation=f"get{_upper(one.name)}",
        summary=f"Read {_article(one.name)}",
        replies=[shown, unchanged],
        query=one.unit,
        refuses=() if one.name == "user" else (GoneError,),
        conditional=True,
    )


def updating(one: Described) -> Endpoint:
    """Return the endpoint that changes members."""
    handlers = one.handlers
    return Endpoint(
        method="PATCH",
        path=f"{API}{handlers.path}/{{id}}",
        handler=handlers.update,
        operation=f"update{_upper(one.name)}",
        summary=f"Change members of {_article(one.name)}, by a JSON Merge Patch",
        replies=[one.reply(200, "Changed.", "ETag", _REPLAYED)],
        query=one.unit,
        body=Body(
            type=handlers.draft,
            example=one.patch_example,
            media_types=(MERGE_PATCH_TYPE, JSON_TYPE),
            is_patch=True,
        ),
        refuses=(*one.writes, GoneError, ImmutableError),
        scope=one.scope,
        takes_key=True,
        conditional=True,
    )


def replacing(one: Described) -> Endpoint:
    """Return the endpoint that replaces, or creates under an id of the client's."""
    handlers = one.handlers
    return Endpoint(
        method="PUT",
        path=f"{API}{handlers.path}/{{id}}",
        handler=handlers.replace,
        operation=f"replace{_upper(one.name)}",
        summary=f"Replace {_article(one.name)}, or create it under an id of one's own",
        replies=[
            one.reply(200, "Replaced.", "ETag", _REPLAYED),
            one.reply(201, "Created.", "Location", "ETag", _REPLAYED),
        ],
        query=one.unit,
        body=Body(type=handlers.draft, example=one.draft_example),
        refuses=(*one.writes, GoneError, ImmutableError),
        scope=one.scope,
        takes_key=True,
        conditional=True,
    )


def deleting(one: Described) -> Endpoint:
    """Return the endpoint that deletes."""
    handlers = one.handlers
    return Endpoint(
        method="DELETE",
        path=f"{API}{handlers.path}/{{id}}",
        handler=handlers.delete,
        operation=f"delete{_upper(one.name)}",
        summary=f"Delete {_article(one.name)}, and what cannot be without it",
        replies=[done("Deleted.")],
        query=(CASCADE,),
        refuses=(*one.deletes, GoneError),
        scope=one.scope,
        takes_key=True,
        conditional=True,
    )


def collection(one: Described) -> list[Endpoint]:
    """Return all of them."""
    return [creating(one), listing(one), getting(one), updating(one), replacing(one), deleting(one)]


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeio" else f"a {name}"
