"""What a check can find."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from service.drill.history import Operation


class Broken(StrEnum):
    """Which promise is broken."""

    LOST = "lost"
    OLDER = "older"
    RETURNED = "returned"
    DUPLICATED = "duplicated"
    ANSWER = "answer changed"
    REFUSED = "refused, but done"
    VALUE = "wrong value"
    UPDATE = "lost update"
    VERSIONS = "versions"
    COUNT = "count"
    INDEX = "index"
    REFUSAL = "unfounded refusal"
    UNEXPECTED = "unexpected answer"
    UNANSWERED = "unanswered"
    EXIT = "exit"
    START = "start"
    LOG = "log"
    FAULT = "fault"
    HALF = "half done"
    GIVEN = "given too often"
    ACCESS = "access"


class Violation(msgspec.Struct, frozen=True):
    """A broken promise, and the smallest history that shows it.

    Attributes:
        broken: Which promise.
        subject: The entity, key or file.
        says: What was found and what was expected.
        operations: In the order in which they were sent.
    """

    broken: Broken
    subject: str
    says: str
    operations: tuple[Operation, ...] = ()


def violation(broken: Broken, subject: str, says: str, operations: Iterable[Operation] = ()) -> Violation:
    """Return a violation with each operation once, in order, and of a list's answer no more than the subject."""
    found = {operation.number: _trimmed(operation, subject) for operation in operations}
    return Violation(broken, subject, says, tuple(found[number] for number in sorted(found)))


def _trimmed(operation: Operation, subject: str) -> Operation:
    answer = operation.answer
    if answer is None or operation.action not in ("list", "survey"):
        return operation
    shown = tuple(one for one in answer.shown if one.id == subject)
    return msgspec.structs.replace(operation, answer=msgspec.structs.replace(answer, shown=shown))
