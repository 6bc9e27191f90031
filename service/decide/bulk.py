"""Bulk loads: lines that are carried out each for itself, as many of them in one record as it should hold.

A line that is refused changes nothing, and the others of its chunk go on. Each sees what those before it have changed,
as in a transaction. A chunk ends where it would hold too much, before that line: so neither a record nor the turn of
the loop in which it is decided becomes too long, whatever the lines do.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

import msgspec

from service.commands import Outcome
from service.decide.access import require_caller
from service.decide.decision import OK, Context, Decision
from service.decide.idempotency import refuse_reused_key
from service.decide.steps import Decide, bytes_of, decided, overlaid, result_of
from service.errors import DomainError, FieldError, InvalidError, TooLargeError, encode_problem
from service.operations import Load, Loaded, OperationFailure, Step, fingerprint_of
from service.settings import LimitSettings
from wal.change import Change

_CHANGES_A_LINE = 4
_ERRORS_MAX = 10
_FAILED_MAX = 25
"""Lines that fail a chunk: to tell why can take longer than to carry them out."""
_encode = msgspec.json.Encoder().encode


def load(context: Context, command: Load, decide: Decide) -> Decision:
    """Return what the next lines of a bulk load do; its outcome tells how many of them.

    Args:
        context: Of the decision.
        command: The lines.
        decide: Decides a command.

    Raises:
        UnauthenticatedError: Nobody is logged in any more.
        KeyReusedError: The idempotency key belongs to other lines.
    """
    caller = require_caller(context, command.actor)
    refuse_reused_key(context, command)
    inner, overlay = overlaid(context, caller)
    chunk = _Chunk(command, context.limits)
    for place, step in enumerate(command.steps):
        try:
            chunk.require_name(step)
            decision = decided(inner, step, command.actor, chunk.ids, decide)
        except DomainError as error:
            chunk.refuse(place, error)
        else:
            size = bytes_of(decision.changes)
            if not chunk.has_room_for(size):
                break
            overlay.put(decision.changes)
            chunk.add(place, step, decision, size)
        if chunk.is_full:
            break
    fingerprint = fingerprint_of(command.fingerprint, command.steps[: chunk.lines]) if command.fingerprint else None
    return Decision(chunk.changes, Outcome(status=OK, body=chunk.body()), fingerprint)


class _Chunk:
    """What gathers of a chunk.

    Attributes:
        changes: Of the lines that were carried out.
        lines: How many were carried out or refused.
        ids: By name, of this chunk and those before.

    Args:
        command: Whose lines.
        limits: In force.
    """

    def __init__(self, command: Load, limits: LimitSettings) -> None:
        self.changes: list[Change] = []
        self.lines = 0
        self._new: dict[str, str] = {}
        self.ids: Mapping[str, str] = ChainMap(self._new, command.refs)  # type: ignore[arg-type]
        self._command = command
        self._limits = limits
        self._failed = 0
        self._results: list[msgspec.Raw] = []
        self._awaited: list[str] = []
        self._bytes = 0
        self._result_bytes = 0
        self._names_before = len(command.refs)

    @property
    def is_full(self) -> bool:
        """It should hold no more, though another line might have had room."""
        return (
            len(self.changes) >= _CHANGES_A_LINE * self._limits.bulk_chunk_lines
            or self._result_bytes >= self._limits.bulk_chunk_bytes
            or self._failed >= _FAILED_MAX
        )

    def require_name(self, step: Step) -> None:
        """Make sure that the name of what a line makes is new.

        Raises:
            InvalidError: An earlier line has it.
            TooLargeError: There are too many.
        """
        if step.ref is None:
            return
        if step.ref in self.ids:
            raise InvalidError("The name is there twice.", [FieldError("/ref", "an earlier line has this name")])
        if self._names_before + len(self._new) >= self._limits.bulk_refs_max:
            limit = self._limits.bulk_refs_max
            raise TooLargeError(f"The load has {limit} names, which is the limit.", [FieldError("/ref", "too many")])

    def has_room_for(self, size: int) -> bool:
        """Tell if changes of one more line, of so many bytes, should be in this chunk; the first line's always."""
        return not self.changes or self._bytes + size <= self._limits.bulk_chunk_bytes

    def add(self, place: int, step: Step, decision: Decision, size: int) -> None:
        """Take in a line that is carried out, whose changes have so many bytes."""
        self.lines += 1
        self.changes += decision.changes
        self._bytes += size
        self._awaited += decision.awaited
        if step.ref is not None:
            self._new[step.ref] = decision.outcome.id
        if self._command.tells_all:
            self._tell(_encode(result_of(self._command.first + place, decision)))

    def refuse(self, place: int, error: DomainError) -> None:
        """Take in a line that is refused."""
        self.lines += 1
        self._failed += 1
        told = type(error)(error.detail, error.errors[:_ERRORS_MAX], **error.members)
        problem = msgspec.Raw(encode_problem(told))
        self._tell(_encode(OperationFailure(self._command.first + place, error.status, problem)))

    def body(self) -> bytes:
        """Return the answer."""
        return _encode(Loaded(self.lines, self._failed, self._results, self._new, self._awaited))

    def _tell(self, line: bytes) -> None:
        self._results.append(msgspec.Raw(line))
        self._result_bytes += len(line)
