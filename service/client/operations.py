"""Several operations in one request, as the client sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import msgspec
from aiohttp import hdrs

from service.client.assignments import AssignmentDraft
from service.client.collection import decoded
from service.client.errors import Problem
from service.client.streaming import Source, stream
from service.client.transport import Request, Transport, new_key
from service.client.types import AnnotationDraft, DocumentDraft, ExtractionDraft, Part, ProjectDraft

Draft = ProjectDraft | DocumentDraft | ExtractionDraft | AnnotationDraft | AssignmentDraft
Kind = Literal["project", "document", "extraction", "annotation", "assignment"]
_KINDS: Mapping[type, Kind] = {
    ProjectDraft: "project",
    DocumentDraft: "document",
    ExtractionDraft: "extraction",
    AnnotationDraft: "annotation",
    AssignmentDraft: "assignment",
}
_TRANSACTIONS = "/v1/transactions"
_BULK = "/v1/bulk"
_FAILURES_KEPT = 100


class Operation(Part, frozen=True, kw_only=True):
    """One operation. In members that hold ids ``@`` and a `ref` stand for what another operation makes."""

    op: Literal["create", "update", "replace", "delete"]
    kind: Kind
    id: str | None = None
    ref: str | None = None
    if_match: int | None = None
    cascade: bool = False
    value: Any = None

    @classmethod
    def create(cls, draft: Draft, *, ref: str | None = None, entity_id: str | None = None) -> Self:
        """Return an operation that creates an entity, perhaps under a name or an id of one's own."""
        return cls(op="create", kind=_KINDS[type(draft)], id=entity_id, ref=ref, value=draft)

    @classmethod
    def replace(cls, entity_id: str, draft: Draft, *, ref: str | None = None, version: int | None = None) -> Self:
        """Return an operation that puts a whole entity, perhaps in the place of a version."""
        return cls(op="replace", kind=_KINDS[type(draft)], id=entity_id, ref=ref, if_match=version, value=draft)

    @classmethod
    def update(cls, kind: Kind, entity_id: str, changes: Mapping[str, Any], *, version: int | None = None) -> Self:
        """Return an operation that applies a merge patch: members that are None are removed."""
        return cls(op="update", kind=kind, id=entity_id, if_match=version, value=dict(changes))

    @classmethod
    def delete(cls, kind: Kind, entity_id: str, *, cascade: bool = False, version: int | None = None) -> Self:
        """Return an operation that deletes an entity, with `cascade` also the marks that point to it."""
        return cls(op="delete", kind=kind, id=entity_id, if_match=version, cascade=cascade)


class OperationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation has done.

    Attributes:
        index: Its place among the others.
        status: What a request of its own would have been answered with.
        id: Of the entity; of what was refused None.
        version: Of the entity after it.
        problem: Why it was refused; in transactions nothing is.
    """

    index: int
    status: int
    id: str | None = None
    version: int | None = None
    problem: Problem | None = None


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk load has done; all of it is durable.

    Attributes:
        lines: Operations.
        failed: How many of them were refused.
        sequence: Of the last record.
        omitted: Results that the server left out because they were not read in time.
        failures: The first of those that were refused.
    """

    lines: int
    failed: int
    sequence: int
    omitted: int = 0
    failures: tuple[OperationResult, ...] = ()


class _Results(msgspec.Struct, frozen=True):
    results: list[OperationResult]


class Operations:
    """Sends several operations at once.

    Args:
        transport: To the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def transaction(
        self, operations: Sequence[Operation], *, idempotency_key: str | None = None
    ) -> list[OperationResult]:
        """Carry out all operations, or none.

        Args:
            operations: In order; what is called by its name may come later.
            idempotency_key: A new one if there is none.

        Raises:
            ProblemError: One of them is refused: `errors` name it, as ``/operations/3/value/end``.
        """
        request = Request(
            method=hdrs.METH_POST,
            path=_TRANSACTIONS,
            body=msgspec.json.encode({"operations": list(operations)}),
            idempotency_key=idempotency_key or new_key(),
        )
        return decoded(await self._transport.send(request), _Results, f"POST {_TRANSACTIONS}").results

    async def bulk(
        self,
        operations: Source[Operation],
        *,
        on_result: Callable[[OperationResult], None] | None = None,
        tells_all: bool = False,
        idempotency_key: str | None = None,
    ) -> BulkResult:
        """Carry out operations one by one, however many, while they come.

        Args:
            operations: In order. What can be gone through again, such as a list, is sent again when the connection is
                lost, and what is durable is not done twice. Of an iterator there is only one try: call this again
                with the same operations and the key that `ConnectionLostError` tells.
            on_result: Called with each operation that is refused, in order.
            tells_all: It is called with each other one too.
            idempotency_key: A new one if there is none.

        Raises:
            ProblemError: The load could not go on; what was told until then is done.
        """
        told = Told(on_result)
        request = Request(
            method=hdrs.METH_POST,
            path=_BULK,
            query=[("results", "all")] if tells_all else [],
            idempotency_key=idempotency_key or new_key(),
        )
        last = await stream(self._transport, request, operations, told.take)
        done = decoded(last, BulkResult, f"POST {_BULK}")
        return msgspec.structs.replace(done, failures=tuple(told.failures))


class Told:
    """What was told of lines, each once, whatever was sent again."""

    def __init__(self, on_result: Callable[[OperationResult], None] | None) -> None:
        self.failures: list[OperationResult] = []
        self._on_result = on_result
        self._next = 0

    def take(self, line: bytes) -> None:
        """Take in a line."""
        result = msgspec.json.decode(line, type=OperationResult)
        if result.index < self._next:
            return
        self._next = result.index + 1
        if result.problem is not None and len(self.failures) < _FAILURES_KEPT:
            self.failures.append(result)
        if self._on_result is not None:
            self._on_result(result)
