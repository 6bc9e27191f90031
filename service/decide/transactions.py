"""Transactions: several operations in one record, all or none.

They are decided in the order in which they were sent, except that what others call by its name comes before them: so a
relation may stand before its spans. Each sees what those before it have changed (`service.state.overlay`).
"""

from __future__ import annotations

import msgspec

from service.commands import Outcome
from service.decide.access import require_caller
from service.decide.decision import OK, Context, Decision, require_valid
from service.decide.idempotency import refuse_reused_key
from service.decide.refs import in_order
from service.decide.steps import Decide, bytes_of, decided, deletions_in, id_of, overlaid, placed, result_of
from service.errors import CascadeTooLargeError, DomainError, FieldError, InvalidError, TooLargeError, shown
from service.operations import OperationResult, Step, Transact, TransactionResults
from wal.change import Change


def transact(context: Context, command: Transact, decide: Decide) -> Decision:
    """Return what the operations of a transaction do together.

    Args:
        context: Of the decision.
        command: The transaction.
        decide: Decides a command.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        KeyReusedError: The idempotency key belongs to another request.
        DomainError: An operation is refused, as a request of its own would be; the places name it.
        TooLargeError: They change more than one transaction may.
        CascadeTooLargeError: They delete more than one transaction may.
    """
    caller = require_caller(context, command.actor)
    refuse_reused_key(context, command)
    steps: tuple[Step, ...] = require_valid(command.steps)
    ids = _ids(steps)
    inner, overlay = overlaid(context, caller)
    results: list[OperationResult | None] = [None] * len(steps)
    changes: list[Change] = []
    size = deletions = 0
    for place in in_order(steps):
        try:
            decision = decided(inner, steps[place], command.actor, ids, decide)
        except DomainError as error:
            raise _of_operation(place, error) from error
        changes += decision.changes
        size += bytes_of(decision.changes)
        deletions += deletions_in(decision.changes)
        _require_room(context, place, size, deletions)
        overlay.put(decision.changes)
        results[place] = result_of(place, decision)
    body = msgspec.json.encode(TransactionResults([result for result in results if result is not None]))
    return Decision(changes, Outcome(status=OK, body=body))


def _ids(steps: tuple[Step, ...]) -> dict[str, str]:
    """Return the ids of what is made, by name: they are known before anything is decided."""
    ids: dict[str, str] = {}
    for place, step in enumerate(steps):
        made = id_of(step)
        if step.ref is None or made is None:
            continue
        if step.ref in ids:
            detail = f"{shown(step.ref)} is the name of another operation too"
            raise InvalidError("A name is there twice.", [FieldError(f"/operations/{place}/ref", detail)])
        ids[step.ref] = made
    return ids


def _of_operation(place: int, error: DomainError) -> DomainError:
    pointer = f"/operations/{place}"
    found = placed(error, pointer, f"Operation {place}: {error.detail}")
    if not found.errors:
        found.errors = (FieldError(pointer, error.detail),)
    return found


def _require_room(context: Context, place: int, size: int, deletions: int) -> None:
    """Make sure that operations do not become more than one transaction may, before more of them are decided."""
    limits = context.limits
    if size > limits.transaction_bytes:
        errors = [FieldError(f"/operations/{place}", "up to here they are too large")]
        detail = f"The transaction changes more than {limits.transaction_bytes} bytes of JSON, which is the limit."
        raise TooLargeError(detail, errors)
    if deletions > limits.cascade_max:
        errors = [FieldError(f"/operations/{place}", "up to here they are too many")]
        detail = f"More than {limits.cascade_max} entities would be deleted at once. Divide the transaction."
        raise CascadeTooLargeError(detail, errors)
