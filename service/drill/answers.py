"""The judge of single answers: refusals must have a cause, retries say the same again, counts are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.drill.history import Answer, Operation, Shown
from service.drill.ledger import Ledger
from service.drill.violation import Broken, Violation, violation

PRECONDITION_FAILED = 412
_GONE = (404, 410)
# A document may have come to hold more marks than one record of a drill's small log takes.
_ORDINARY = frozenset({"cascade-too-large"})


def check_answers(ledger: Ledger, operations: Sequence[Operation], allowed: frozenset[str]) -> Iterator[Violation]:
    """Yield what is broken about the answers of a round.

    Args:
        ledger: That has learned the round.
        operations: Of the round.
        allowed: Problems that its fault may cause.
    """
    for operation in operations:
        if operation.answer is not None:
            yield from _first(ledger, operation, operation.answer, allowed)
        elif operation.action == "survey":
            yield violation(Broken.UNANSWERED, operation.collection, "Nobody answered after the restart.", [operation])
        if not operation.is_read:
            yield from check_retries(ledger, operation)


def _first(ledger: Ledger, operation: Operation, answer: Answer, allowed: frozenset[str]) -> Iterator[Violation]:
    if not answer.is_success:
        yield from _refusal(ledger, operation, operation.invoked, answer, allowed)
    elif answer.replayed:
        says = "The answer to a first request says that it was given before."
        yield violation(Broken.ANSWER, operation.key, says, [operation])
    elif operation.action in ("list", "survey"):
        yield from _list(ledger, operation, answer)
    elif operation.action == "get" and [one.id for one in answer.shown] != [operation.id]:
        yield violation(Broken.VALUE, operation.id, "Another entity was answered.", [operation])


def _refusal(
    ledger: Ledger, operation: Operation, invoked: float, answer: Answer, allowed: frozenset[str]
) -> Iterator[Violation]:
    subject = operation.id or operation.document_id or operation.key
    if answer.problem in allowed | _ORDINARY:
        return
    if answer.status == PRECONDITION_FAILED:
        effects = ledger.timeline(operation.id).versions
        after = operation.expects or 0
        if not any(one > after and effect.begin <= answer.at for one, effect in effects.items()):
            says = f"412, but nobody had made a version after {after}."
            yield violation(Broken.REFUSAL, subject, says, [*_made(ledger, operation.id), operation])
    elif answer.status in _GONE:
        if not any(_may_be_absent(ledger, one, invoked, answer.at) for one in (operation.id, operation.document_id)):
            says = f"{answer.status} {answer.problem}, but it was there and nobody had deleted it."
            yield violation(Broken.LOST, subject, says, [*_made(ledger, subject), operation])
    else:
        says = f"{answer.status} {answer.problem or 'without a problem'} was not to be expected."
        yield violation(Broken.UNEXPECTED, subject, says, [operation])


def _may_be_absent(ledger: Ledger, entity: str, begin: float, end: float) -> bool:
    if not entity:
        return False
    timeline = ledger.timeline(entity)
    return timeline.born >= begin or timeline.deleted_begin <= end


def _made(ledger: Ledger, entity: str) -> list[Operation]:
    return ledger.timeline(entity).operations


def check_retries(ledger: Ledger, operation: Operation) -> Iterator[Violation]:
    """Yield what is broken about the answers to one request under its key."""
    if operation.is_unknown and operation.resolution is None:
        says = "The request was sent again after the restart, and nobody answered."
        yield violation(Broken.UNANSWERED, operation.key, says, [operation])
        return
    if not operation.is_unknown and not operation.is_acknowledged:
        return
    first = operation.answer if operation.is_acknowledged else None
    for retry in operation.retries:
        if retry.answer is None or retry.answer.is_open:
            continue
        if first is None:
            if not retry.answer.is_success:
                yield from _refusal(ledger, operation, retry.invoked, retry.answer, frozenset())
                return
            first = retry.answer
            continue
        says = difference(first, retry.answer)
        if says:
            yield violation(Broken.ANSWER, operation.key, says, [operation])


def difference(first: Answer, again: Answer) -> str:
    """Tell how the answer to a retry differs from the first one, empty if it does not."""
    if first.status != again.status:
        return f"First {first.status}, then {again.status} {again.problem}".rstrip() + " under the same key."
    if _heads(first) != _heads(again):
        return f"First {_heads(first)}, then {_heads(again)} under the same key."
    if first.body != again.body:
        return "The same entity and version, but another body under the same key."
    if not again.replayed:
        return "The same answer, but it was carried out anew under the same key."
    return ""


def _heads(answer: Answer) -> list[tuple[str, int]]:
    return [(one.id, one.version) for one in answer.shown]


def _list(ledger: Ledger, operation: Operation, answer: Answer) -> Iterator[Violation]:
    ids = [one.id for one in answer.shown]
    if len(set(ids)) != len(ids):
        twice = sorted({one for one in ids if ids.count(one) > 1})
        yield violation(Broken.INDEX, ", ".join(twice), "A list shows it twice.", [operation])
    if answer.complete and answer.total is not None and answer.total != len(ids):
        says = f"The list shows {len(ids)} entities and counts {answer.total}."
        yield violation(Broken.INDEX, _named(operation), says, [operation])
    if operation.filter is None:
        return
    for shown in answer.shown:
        if not _matches(operation.filter, shown):
            yield violation(Broken.INDEX, shown.id, f"{_named(operation)} shows it, and it has another.", [operation])
    if answer.total is not None:
        yield from _count(ledger, operation, answer, answer.total)


def _count(ledger: Ledger, operation: Operation, answer: Answer, total: int) -> Iterator[Violation]:
    """Compare a count with the entities that must, and that may, have been there at some moment of the request."""
    certain: list[str] = []
    possible: list[str] = []
    for entity in ledger.candidates(operation):
        states = [
            state is not None and _matches(operation.filter, state)
            for state in ledger.timeline(entity).states(operation.invoked, answer.at)
        ]
        if any(states):
            possible.append(entity)
            if all(states):
                certain.append(entity)
    if not len(certain) <= total <= len(possible):
        says = f"Counted {total}; there were {len(certain)} at least and {len(possible)} at most."
        shown = {one.id for one in answer.shown}
        missed = sorted(set(certain) - shown) if answer.complete else []
        made = [operation for entity in missed[:1] for operation in _made(ledger, entity)]
        yield violation(Broken.COUNT, _named(operation), says, [*made, operation])


def _matches(wanted: tuple[str, str] | None, shown: Shown) -> bool:
    field, value = wanted or ("", "")
    return (shown.document_id if field == "document_id" else shown.label) == value


def _named(operation: Operation) -> str:
    field, value = operation.filter or ("all", operation.collection)
    return f"{operation.collection}?{field}={value}"
