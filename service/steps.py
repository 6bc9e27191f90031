"""Operations as they are sent become steps: each is checked for its form, and its value decoded as its kind's.

What is wrong with one is not raised but kept in its step: it is told when its turn comes, after access was checked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service import bodies
from service.commands import UNCONDITIONAL, Actor, Conditions, Create, Delete, Invalid, Replace, Update
from service.errors import DomainError, FieldError, InvalidError, TooLargeError, clipped, shown
from service.ids import IdSource
from service.nearest import nearest
from service.operations import OPERABLE, Operable, Single, Step
from service.settings import LimitSettings

_NOTHING = msgspec.Raw(b"null")
_CREATED_UNDER_ID = Conditions(create_only=True)


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation as a client sends it.

    Attributes:
        op: What is done.
        kind: To which sort of entity.
        id: Of the entity; of one that is created only if it is the client's own.
        ref: A name: `@` and the name is the new id elsewhere.
        if_match: The version that the entity must have.
        cascade: A deletion takes the marks that point to a mark with it.
        value: What is sent to create, replace or change such an entity (`DocumentDraft`, `DocumentDraftPatch`, and
            so on), where `@` and a name may stand for an id; none for a deletion.
    """

    op: Literal["create", "update", "replace", "delete"]
    kind: Annotated[str, Meta(extra_json_schema={"enum": list(OPERABLE)})]
    id: str | None = None
    ref: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    if_match: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    cascade: bool = False
    value: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": ["object", "null"]})] = msgspec.field(
        # No plain default: the description could not tell it.
        default_factory=lambda: _NOTHING
    )


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operations that are carried out together, or not at all.

    Attributes:
        operations: As many as `limits.transaction_operations_max` says.
    """

    operations: list[Operation]


class Sender(msgspec.Struct, frozen=True):
    """In whose name operations are carried out, and under what terms.

    Attributes:
        actor: Who sends them.
        operation: The request's id.
        ids: Of what they create.
        limits: In force.
        utf16: Offsets count UTF-16 units.
    """

    actor: Actor | None
    operation: str
    ids: IdSource
    limits: LimitSettings
    utf16: bool


def steps_of_transaction(body: bytes, sender: Sender) -> Generator[None, None, tuple[Step, ...] | Invalid]:
    """Return the operations of a transaction, in steps: their values may hold much.

    Raises:
        MalformedError: It is not JSON, or a value is nested too deeply or holds too many items.
        TooLargeError: They are too many.
    """
    found = bodies.decode_outer(body, Transaction, sender.limits)
    if isinstance(found, Invalid):
        return found
    limit = sender.limits.transaction_operations_max
    if len(found.operations) > limit:
        raise TooLargeError(
            f"The transaction has {len(found.operations)} operations, the limit is {limit}. "
            "Divide it, or use POST /v1/bulk if they need not be done together."
        )
    steps = []
    for operation in found.operations:
        yield
        steps.append(_step(operation, sender))
    return tuple(steps)


def step_of_line(line: bytes, sender: Sender) -> Step:
    """Return the operation of a line; what does not parse is a fault of its step too."""
    try:
        found = bodies.decode_outer(line, Operation, sender.limits)
        if isinstance(found, Invalid):
            raise InvalidError("The line does not fit the schema.", found.errors)
        return _step(found, sender, line)
    except DomainError as error:
        return Step(fault=error, line=line)


def _step(operation: Operation, sender: Sender, line: bytes = b"") -> Step:
    """Return a step.

    Raises:
        MalformedError: Its value is nested too deeply, or holds too many items.
    """
    operable = OPERABLE.get(operation.kind)
    if operable is None:
        known = ", ".join(OPERABLE)
        detail = f"{shown(operation.kind)} found, expected one of {known}{nearest(operation.kind, OPERABLE)}"
        fault = InvalidError("The operation breaks a rule.", [FieldError("/kind", detail)])
        return Step(fault=fault, line=line)
    value = bytes(operation.value)
    errors = _form_errors(operation, value)
    if errors:
        return Step(ref=operation.ref, fault=InvalidError("The operation breaks a rule.", errors), line=line)
    command = _command(operation, value, operable, sender)
    return Step(command=command, ref=operation.ref, names=_may_name(operation, value), line=line)


def _may_name(operation: Operation, value: bytes) -> bool:
    # JSON has two ways to write the mark. It may stand elsewhere too, in a note perhaps: then more is looked through.
    is_name = operation.id is not None and operation.id.startswith("@")
    return is_name or b"@" in value or b"\\u0040" in value


def _form_errors(operation: Operation, value: bytes) -> list[FieldError]:
    errors = []
    is_new = operation.op in {"create", "replace"}
    if operation.id is None and operation.op != "create":
        errors.append(FieldError("/id", f"missing: {operation.op} needs the id of an entity"))
    has_value = value != b"null"
    if not has_value and operation.op != "delete":
        errors.append(FieldError("/value", f"missing: {operation.op} needs a value"))
    if has_value and operation.op == "delete":
        errors.append(FieldError("/value", "must be absent: a deletion has none"))
    if operation.ref is not None and not is_new:
        errors.append(FieldError("/ref", f"must be absent: {operation.op} makes nothing that could have a name"))
    if operation.ref is not None and (operation.id or "").startswith("@"):
        errors.append(FieldError("/ref", f"must be absent: {clipped(operation.id or '')} is a name already"))
    if operation.if_match is not None and operation.op == "create":
        errors.append(FieldError("/if_match", "must be absent: what is created has no version yet"))
    if operation.cascade and operation.op != "delete":
        errors.append(FieldError("/cascade", "must be absent: only deletions cascade"))
    return errors


def _command(operation: Operation, value: bytes, operable: Operable, sender: Sender) -> Single:
    conditions = UNCONDITIONAL if operation.if_match is None else Conditions(if_match=(operation.if_match,))
    utf16 = sender.utf16 and operable.has_offsets
    kind, actor, request = operable.kind.name, sender.actor, sender.operation
    if operation.op == "delete":
        return Delete(
            actor=actor,
            operation=request,
            kind=kind,
            id=operation.id or "",
            conditions=conditions,
            cascade=operation.cascade,
        )
    if operation.op == "update":
        patch = bodies.decode(value, dict[str, Any], sender.limits)
        return Update(
            actor=actor,
            operation=request,
            kind=kind,
            id=operation.id or "",
            patch=patch,
            conditions=conditions,
            utf16=utf16,
        )
    draft = bodies.decode(value, operable.draft, sender.limits)
    if operation.id is None:
        new_id = sender.ids.new(operable.kind.prefix)
        return Create(actor=actor, operation=request, kind=kind, new_id=new_id, draft=draft, utf16=utf16)
    if operation.op == "create":
        conditions = _CREATED_UNDER_ID
    return Replace(
        actor=actor,
        operation=request,
        kind=kind,
        id=operation.id,
        draft=draft,
        conditions=conditions,
        utf16=utf16,
    )
