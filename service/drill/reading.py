"""Answers of the server, reduced to what the checker compares."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from service.drill.history import Answer, Operation, Shown

_DIGEST_BYTES = 8


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
    value = msgspec.json.decode(body, type=dict[str, Any])
    if operation.action in ("list", "survey"):
        shown, cursor = tuple(shown_of(item) for item in _member(value, "items")), _member(value, "next")
        return msgspec.structs.replace(
            answer, shown=shown, total=value.get("total"), complete=cursor is None, cursor=cursor or ""
        )
    return msgspec.structs.replace(answer, shown=(shown_of(value),))


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
