"""Answers of the server, reduced to what the checker compares."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from service.drill.history import Answer, Operation, Shown

_DIGEST_BYTES = 8
_REMEMBERED = 1 << 17


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next: str | None
    total: int | None = None


def digest(data: bytes) -> str:
    """Return a short digest."""
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def answer_of(operation: Operation, at: float, status: int, body: bytes, *, replayed: bool) -> Answer:
    """Return what an answer that is no refusal says.

    Args:
        operation: That was answered.
        at: When.
        status: Of HTTP.
        body: As it came.
        replayed: As the server said.

    Raises:
        msgspec.DecodeError: The body is no JSON, or lacks a member that is always there.
    """
    answer = Answer(at=at, status=status, replayed=replayed, body=digest(body))
    if not body:
        return answer
    if operation.action in ("list", "survey"):
        page = msgspec.json.decode(body, type=_Page)
        shown = tuple(_listed(bytes(item)) for item in page.items)
        return msgspec.structs.replace(
            answer, shown=shown, total=page.total, complete=page.next is None, cursor=page.next or ""
        )
    return msgspec.structs.replace(answer, shown=(shown_of(_members(body)),))


@lru_cache(_REMEMBERED)
def _listed(item: bytes) -> Shown:
    # Most of what a survey shows was shown byte by byte the same before. Only what is read out of it is remembered.
    return shown_of(_members(item))


def _members(data: bytes) -> dict[str, Any]:
    return msgspec.json.decode(data, type=dict[str, Any])


def shown_of(entity: dict[str, Any]) -> Shown:
    """Return what an entity's JSON says.

    Raises:
        msgspec.ValidationError: A member that is always there is not.
    """
    entity = dict(entity)
    text = entity.pop("text", None) if "document_id" not in entity else None
    document_id = entity.get("document_id", "")
    stamp = entity.get("title", "") if not document_id else entity.get("attributes", {}).get("stamp", "")
    return Shown(
        id=_member(entity, "id"),
        version=_member(entity, "version"),
        stamp=stamp,
        label=entity.get("label" if document_id else "external_id", ""),
        document_id=document_id,
        digest=digest(msgspec.json.encode(entity)),
        text="" if text is None else digest(text.encode()),
    )


def _member(value: dict[str, Any], name: str) -> Any:
    if name not in value:
        raise msgspec.ValidationError(f"The answer has no member {name!r}: {sorted(value)} found.")
    return value[name]
