"""What a client asks for next. Pure: it follows from the seed and from what is known."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from service.client.transport import Request
from service.drill.history import Action, Operation, Shown
from service.drill.known import Known
from service.drill.reading import digest
from service.ids import named

LABELS = 6
TEXT_WORDS_MAX = 120
_CONDITIONAL_SHARE = 0.8
_GRAVE_SHARE = 0.1
_TAKEN_SHARE = 0.15
_SPAN_MAX = 12
_PAGE = 20
_PREFIXES = {"documents": "doc", "annotations": "ann"}
_PATCH_TYPE = "application/merge-patch+json"

Planned = tuple[Operation, Request]


class Workload:
    """The requests of one client in one round.

    Args:
        seed: Of the drill.
        round_number: Of the round.
        client: Its name.
        user: Whose session it has.
        known: By the clients of that user.
    """

    def __init__(self, seed: int, round_number: int, client: str, user: int, known: Known) -> None:
        self._chance = random.Random(f"{seed}/{round_number}/{client}")  # noqa: S311 - seeded, so that it can be repeated
        self._name = f"{seed:x}-{round_number}-{client}"
        self._round = round_number
        self._client = client
        self._user = user
        self._known = known
        self._count = 0
        self._mix: list[tuple[Callable[[], Planned | None], int]] = [
            (lambda: self._create("documents"), 9),
            (lambda: self._create("annotations"), 22),
            (lambda: self._put("documents"), 3),
            (lambda: self._put("annotations"), 5),
            (lambda: self._update("documents"), 9),
            (lambda: self._update("annotations"), 18),
            (lambda: self._delete("annotations"), 5),
            (lambda: self._delete("documents"), 1),
            (lambda: self._get("documents"), 7),
            (lambda: self._get("annotations"), 11),
            (lambda: self._list("documents"), 4),
            (lambda: self._list("annotations"), 6),
        ]

    def next(self) -> Planned:
        """Return a request; its number and times are left to be filled in."""
        self._count += 1
        makers, weights = zip(*self._mix, strict=True)
        (maker,) = self._chance.choices(makers, weights)
        return maker() or self._document()

    def _operation(self, action: Action, collection: str, **members: Any) -> Operation:
        return Operation(
            number=0,
            round=self._round,
            client=self._client,
            user=self._user,
            action=action,
            collection=collection,
            **members,
        )

    def _stamp(self) -> str:
        return f"{self._name}-{self._count}"

    def _label(self) -> str:
        return self._chance.choice(labels_of(self._round))

    def _create(self, collection: str) -> Planned | None:
        return self._document() if collection == "documents" else self._annotation()

    def _document(self) -> Planned:
        body, members = self._draft("documents", None)
        return self._sent(self._operation("create", "documents", **members), "POST", "", body)

    def _annotation(self) -> Planned | None:
        document = self._known.shelves["documents"].pick(self._chance)
        if document is None:
            return None
        body, members = self._draft("annotations", document)
        return self._sent(self._operation("create", "annotations", **members), "POST", "", body)

    def _put(self, collection: str) -> Planned | None:
        """Create under an id of one's own; a document now and then under one that is taken."""
        document = self._known.shelves["documents"].pick(self._chance)
        is_taken, spot = self._chance.random() < _TAKEN_SHARE, self._chance.random()
        if collection == "annotations" and document is None:
            return None
        body, members = self._draft(collection, document)
        entity = named(_PREFIXES[collection], self._stamp().encode())
        taken = self._known.lasting
        if is_taken and collection == "documents" and taken:
            entity = taken[int(spot * len(taken))]
        operation = self._operation("put", collection, id=entity, create_only=True, **members)
        return self._sent(operation, "PUT", f"/{entity}", body)

    def _update(self, collection: str) -> Planned | None:
        entity = self._known.shelves[collection].pick(self._chance)
        is_conditional = self._chance.random() < _CONDITIONAL_SHARE
        label = self._label()
        if entity is None:
            return None
        stamp = self._stamp()
        body: dict[str, Any] = {"attributes": {"stamp": stamp}, "label": label}
        if collection == "documents":
            body = {"title": stamp, "external_id": label}
        operation = self._operation(
            "update",
            collection,
            id=entity.id,
            document_id=entity.document_id,
            stamp=stamp,
            label=label,
            expects=entity.version if is_conditional else None,
        )
        return self._sent(operation, "PATCH", f"/{entity.id}", body)

    def _delete(self, collection: str) -> Planned | None:
        entity = self._known.shelves[collection].pick(self._chance)
        if entity is None or entity.id in self._known.lasting:
            return None
        operation = self._operation("delete", collection, id=entity.id, document_id=entity.document_id)
        return self._sent(operation, "DELETE", f"/{entity.id}", None)

    def _get(self, collection: str) -> Planned | None:
        entity = self._known.shelves[collection].pick(self._chance)
        is_grave, spot = self._chance.random() < _GRAVE_SHARE, self._chance.random()
        graves = self._known.graves
        if is_grave and graves:
            collection, buried = graves[int(spot * len(graves))]
            return self._read(self._operation("get", collection, id=buried), f"/{buried}", [])
        if entity is None:
            return None
        operation = self._operation("get", collection, id=entity.id, document_id=entity.document_id)
        return self._read(operation, f"/{entity.id}", [])

    def _list(self, collection: str) -> Planned | None:
        document = self._known.shelves["documents"].pick(self._chance)
        label = self._label()
        if collection == "annotations" and document is not None and self._chance.random() < 1 / 2:
            operation = self._operation(
                "list", collection, document_id=document.id, filter=("document_id", document.id)
            )
        else:
            operation = self._operation("list", collection, filter=("label", label))
        return self._read(operation, "", list_query(operation, _PAGE))

    def _draft(self, collection: str, document: Shown | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a body, and the members of its operation."""
        stamp, label = self._stamp(), self._label()
        members: dict[str, Any] = {"stamp": stamp, "label": label}
        if collection == "documents":
            text = " ".join(
                [stamp, *(f"w{self._chance.getrandbits(24):x}" for _ in range(self._chance.randrange(TEXT_WORDS_MAX)))]
            )
            return {"title": stamp, "external_id": label, "text": text}, members | {"text": digest(text.encode())}
        if document is None:
            raise AssertionError("an annotation has a document")
        body = {
            "document_id": document.id,
            "start": 0,
            # Each text begins with a stamp, so it is longer than that.
            "end": 1 + self._chance.randrange(5),
            "label": label,
            "attributes": {"stamp": stamp},
        }
        return body, members | {"document_id": document.id}

    def _sent(self, operation: Operation, method: str, path: str, body: dict[str, Any] | None) -> Planned:
        operation.key = self._stamp()
        headers = {}
        if operation.expects is not None:
            headers["If-Match"] = f'"{operation.expects}"'
        if operation.create_only:
            headers["If-None-Match"] = "*"
        request = Request(
            method=method,
            path=f"/v1/{operation.collection}{path}",
            body=None if body is None else msgspec.json.encode(body),
            media_type=_PATCH_TYPE if method == "PATCH" else "application/json",
            headers=headers,
            idempotency_key=operation.key,
        )
        return operation, request

    def _read(self, operation: Operation, path: str, query: list[tuple[str, str]]) -> Planned:
        return operation, Request(method="GET", path=f"/v1/{operation.collection}{path}", query=query)


def labels_of(round_number: int) -> list[str]:
    """Return all labels that a round gives to entities."""
    return [f"{round_number}-{number}" for number in range(LABELS)]


def list_query(operation: Operation, limit: int) -> list[tuple[str, str]]:
    """Return the parameters of a list with a count."""
    query = [("count", "true"), ("limit", str(limit))]
    if operation.filter is not None:
        field, value = operation.filter
        is_external = operation.collection == "documents" and field == "label"
        query.append(("external_id" if is_external else field, value))
    return query
