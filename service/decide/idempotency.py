"""Idempotency keys: the answer is kept in the record of the change itself, so a retry finds both or neither."""

from __future__ import annotations

import msgspec

from service.commands import Command, Outcome
from service.decide.decision import Context, Decision, created
from service.errors import KeyReusedError
from service.kinds.private import IDEMPOTENCY, Answer


class _Lines(msgspec.Struct):
    lines: int


class _Chunk(msgspec.Struct):
    body: _Lines


def replayed(context: Context, command: Command) -> Outcome | None:
    """Return the answer that the same request was given before, None if it was not.

    This comes before access: who retries a deletion is told again that it was done, not that it is gone.
    """
    answer = _answer(context, command)
    if answer is None or command.idempotency is None or answer.fingerprint != command.idempotency.fingerprint:
        return None
    body = b"" if answer.body is msgspec.UNSET else bytes(answer.body)
    return Outcome(
        status=answer.status,
        kind=answer.kind,
        id=answer.entity_id,
        version=answer.version,
        body=body,
        replayed=True,
    )


def chunk_lines(context: Context, key: str) -> int | None:
    """Return how many lines had the chunk of a bulk load that was answered under a key, None if there was none."""
    value = context.state.tables[IDEMPOTENCY.name].value(key)
    return None if value is None else msgspec.json.decode(value, type=_Chunk).body.lines


def is_answered(context: Context, command: Command) -> bool:
    """Tell if an answer is kept under a command's key, to the same request or to another one."""
    return _answer(context, command) is not None


def refuse_reused_key(context: Context, command: Command) -> None:
    """Make sure that the key was not used for another request.

    Raises:
        KeyReusedError: It was.
    """
    answer = _answer(context, command)
    if answer is not None:
        raise KeyReusedError("This idempotency key was used for another request. Make a new key for each request.")


def kept(context: Context, command: Command, decision: Decision) -> Decision:
    """Return the decision with its answer kept under the command's key."""
    if command.idempotency is None:
        return decision
    outcome = decision.outcome
    answer = Answer(
        id=command.idempotency.id,
        fingerprint=decision.fingerprint or command.idempotency.fingerprint,
        time=context.now,
        status=outcome.status,
        kind=outcome.kind,
        entity_id=outcome.id,
        version=outcome.version,
        body=msgspec.Raw(outcome.body) if outcome.body else msgspec.UNSET,
    )
    return Decision([*decision.changes, created(context, IDEMPOTENCY, answer.id, answer)], outcome)


def _answer(context: Context, command: Command) -> Answer | None:
    if command.idempotency is None:
        return None
    value = context.state.tables[IDEMPOTENCY.name].value(command.idempotency.id)
    return None if value is None else msgspec.json.decode(value, type=Answer)
