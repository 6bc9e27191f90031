"""Defects in what teams do, for `tests.drill.broken_server`: each breaks a promise that only the second judge knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

import service.decide
import service.decide.giving
import service.progress
import service.server
from service.commands import Command, SetMember
from service.decide.decision import Context, Decision
from service.engine import Engine
from service.kinds.assignment import AssignmentRule, Task
from service.logins import RevokeKey
from service.operations import Transact
from service.reviews import Adjudicate, ChangeLabels
from service.state.state import State
from wal.change import Change

Rule = Callable[[Context, Any], Decision]


def halved() -> None:
    """Carry out half of an adjudication: one annotation that it rejects stays as it was."""
    _spoil(Adjudicate, _without_last("annotation", b'"status":"rejected"'))


def undecided() -> None:
    """Lose one of the annotations that an adjudication decides, which its answer shows."""
    _spoil(Adjudicate, _without_last("annotation", b'"rests_on"'))


def overlooked() -> None:
    """Rename or merge a label on all marks but one."""
    _spoil(ChangeLabels, _without_last("annotation", b""))


def partial() -> None:
    """Carry out a transaction without its last operation."""
    _spoil(Transact, _without_last("annotation", b""))


def resident() -> None:
    """Forget to take a member out."""

    def kept(decision: Decision, command: Command) -> Sequence[Change]:
        is_removal = isinstance(command, SetMember) and command.role is None
        return [one for one in decision.changes if one.kind != "project"] if is_removal else decision.changes

    _spoil(SetMember, kept)


def revived() -> None:
    """Forget that a key was revoked."""
    _spoil(RevokeKey, lambda _decision, _command: [])


def generous(is_old: bool) -> None:
    """Give everybody the first document to annotate, from the second start on."""
    own, chosen = service.decide.giving._own, service.decide.giving._chosen

    def forgetting(context: Context, user_id: str, project_id: str, task: Task) -> str | None:
        return None if task == "annotate" else own(context, user_id, project_id, task)

    def first(
        context: Context, user_id: str, project_id: str, task: Task, rule: AssignmentRule, overdue: Iterable[str]
    ) -> int | None:
        rows = context.state.tables["document"].select({"project_id": (project_id,)})
        return rows.min() if rows and task == "annotate" else chosen(context, user_id, project_id, task, rule, overdue)

    if is_old:
        service.decide.giving._own = forgetting
        service.decide.giving._chosen = first


class SpeechlessEngine(Engine):
    """Lacks the first verdict; the log has it."""

    def __init__(self, state: State, *parts: Any) -> None:
        super().__init__(state, *parts)
        table = state.tables["annotation"]
        verdicts: Iterator[str] = (key for key, value in table.items() if b'"verdict":"corrected"' in value)
        for key in list(verdicts)[:1]:
            table.remove(key)


def speechless(is_old: bool) -> None:
    """Lose a verdict of an earlier round."""
    if is_old:
        setattr(service.server, "Engine", SpeechlessEngine)  # noqa: B010 - it is not exported


def boastful() -> None:
    """Count one more in the progress than there is."""
    by_task = service.progress._by_task

    def more(numbers: Sequence[int]) -> dict[str, service.progress.StateCounts]:
        return by_task([numbers[0], numbers[1], numbers[2] + 1, *numbers[3:]])

    service.progress._by_task = more


def _spoil(command_type: type[Command], changes: Callable[[Decision, Command], Sequence[Change]]) -> None:
    """Let something else come of a command than its rule says; what is answered stays."""
    rule: Rule = service.decide._RULES[command_type, ""]

    def spoilt(context: Context, command: Command) -> Decision:
        decision = rule(context, command)
        return msgspec.structs.replace(decision, changes=list(changes(decision, command)))

    service.decide._RULES[command_type, ""] = spoilt


def _without_last(kind: str, holding: bytes) -> Callable[[Decision, Command], Sequence[Change]]:
    def without(decision: Decision, _command: Command) -> Sequence[Change]:
        places = [
            place
            for place, one in enumerate(decision.changes)
            if one.kind == kind and one.value is not None and holding in one.value
        ]
        return [one for place, one in enumerate(decision.changes) if place not in places[-1:]]

    return without
