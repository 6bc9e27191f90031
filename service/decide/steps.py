"""One operation among several: decided on what those before it have changed, and refused with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from service.commands import Actor, Command, Create, Replace
from service.decide.decision import Caller, Context, Decision
from service.decide.refs import with_ids
from service.errors import DomainError, FieldError
from service.exports import Restore
from service.ids import has_form
from service.kinds.private import TOMBSTONE
from service.operations import OPERABLE, OperationResult, Single, Step
from service.state.overlay import Overlay
from service.state.state import State
from wal.change import Change

Decide = Callable[[Context, Command], Decision]


def overlaid(context: Context, caller: Caller) -> tuple[Context, Overlay]:
    """Return the context of the operations of one record, and the overlay in which their changes gather.

    Args:
        context: Of the record.
        caller: Who asks for all of them.
    """
    if not isinstance(context.state, State):
        raise TypeError("operations do not hold operations")
    overlay = Overlay(context.state)
    return msgspec.structs.replace(context, state=overlay, caller=caller), overlay


def decided(context: Context, step: Step, actor: Actor | None, ids: Mapping[str, str], decide: Decide) -> Decision:
    """Return what an operation does.

    Args:
        context: With what those before it have changed.
        step: The operation.
        actor: Who asks for all of them.
        ids: What names stand for.
        decide: Decides a command.

    Raises:
        DomainError: It is refused; places are within the operation.
    """
    if step.fault is not None:
        raise step.fault
    if step.command is None:
        raise AssertionError("an operation without a fault does something")
    command = with_ids(step, step.command, ids)
    if command.actor != actor:
        # Who asks was looked up once, for all of them.
        raise AssertionError("an operation is its record's actor's")
    try:
        return decide(context, command)
    except DomainError as error:
        # Rules tell places within the value; only of an id without the form of one they speak as of the path's.
        raise placed(error, "/value" if _has_form(command) else "") from error


def id_of(step: Step) -> str | None:
    """Return the id of what an operation with a name makes."""
    if isinstance(step.command, Create):
        return step.command.new_id
    return step.command.id if isinstance(step.command, Replace) else None


def placed(error: DomainError, pointer: str, detail: str | None = None) -> DomainError:
    """Return an error of the same sort whose places are below another one."""
    errors = [FieldError(f"{pointer}{one.pointer}", one.detail) for one in error.errors]
    return type(error)(detail or error.detail, errors, **error.members)


def result_of(index: int, decision: Decision) -> OperationResult:
    """Return what is told of an operation."""
    outcome = decision.outcome
    return OperationResult(index, outcome.status, outcome.id, outcome.version or None)


def bytes_of(changes: list[Change]) -> int:
    """Return how much of a record some changes take, nearly."""
    size = 0
    for change in changes:
        size += len(change.value or b"") + len(change.before or b"")
    return size


def deletions_in(changes: list[Change]) -> int:
    """Return how many entities some changes delete."""
    return sum(change.kind == TOMBSTONE.name and change.value is not None for change in changes)


def _has_form(command: Single) -> bool:
    return not isinstance(command, (Replace, Restore)) or has_form(command.id, OPERABLE[command.kind].kind.prefix)
