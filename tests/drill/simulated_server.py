"""A server of a few lines with clients that get in each other's way, a crash, and defects on request."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import msgspec

from service.drill.history import Action, Answer, Operation, Retry, Shown

_CLIENTS = 4
_STEPS = 120
_LABELS = ("red", "blue")


@dataclass
class Simulation:
    """Rounds of requests in a random order; `defect` is what the restart does wrong in the last one.

    Attributes:
        chance: Of everything.
        operations: Of the present round.
        harmed: The defect met something that it could do wrong.
    """

    chance: random.Random
    operations: list[Operation] = field(default_factory=list)
    harmed: bool = False
    _now: float = 0.0
    _number: int = 0
    _round: int = 0
    _entities: dict[str, Shown] = field(default_factory=dict)
    _buried: set[str] = field(default_factory=set)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _applied: list[tuple[Operation, str, Shown | None]] = field(default_factory=list)

    def round(self, defect: str = "") -> list[Operation]:
        """Return the history of a round with a crash at its end."""
        self.operations, self._applied = [], []
        self._round += 1
        pending: dict[int, tuple[Operation, Answer | None]] = {}
        for _ in range(_STEPS):
            self._tick()
            client = self.chance.randrange(_CLIENTS)
            if client not in pending:
                pending[client] = self._invoke(client), None
                continue
            operation, answer = pending[client]
            if answer is None:
                pending[client] = operation, self._apply(operation)
            else:
                operation.answer = msgspec.structs.replace(answer, at=self._now)
                del pending[client]
        self._crash(defect)
        self._survey()
        self._retries(defect)
        self._survey()
        return self.operations

    def _tick(self) -> None:
        self._now += 1.0

    def _invoke(self, client: int) -> Operation:
        actions: list[Action] = ["create", "put", "update", "update", "delete", "get", "list", "list"]
        action = self.chance.choice(actions)
        entity = self.chance.choice([*self._entities, *self._buried, "ann_none"][-8:])
        if action in ("update", "delete", "get") and entity == "ann_none":
            action = "create"
        operation = self._operation(action, client)
        if action == "put":
            operation.id, operation.create_only = f"ann_own{operation.number}", True
        elif action in ("update", "delete", "get"):
            operation.id = entity
        if action in ("create", "put", "update"):
            operation.stamp, operation.label = f"s{operation.number}", self.chance.choice(_LABELS)
        if action == "update" and entity in self._entities and self.chance.random() < 0.7:
            operation.expects = self._entities[entity].version
        if action == "list":
            operation.filter = ("label", self.chance.choice(_LABELS))
        return operation

    def _operation(self, action: Action, client: int = 0) -> Operation:
        self._number += 1
        operation = Operation(
            number=self._number,
            round=self._round,
            client=f"c{client}",
            user=0,
            action=action,
            collection="annotations",
            key=f"k{self._number}",
            invoked=self._now,
        )
        self.operations.append(operation)
        return operation

    def _apply(self, operation: Operation) -> Answer:
        if operation.key in self._answers:
            return msgspec.structs.replace(self._answers[operation.key], replayed=True)
        if operation.action == "list":
            return self._listed(operation)
        current = self._entities.get(operation.id)
        if operation.id and not operation.create_only and current is None:
            return Answer(at=0, status=410, problem="gone")
        if operation.action == "get":
            return _told(200, current)
        if operation.expects is not None and current is not None and current.version != operation.expects:
            return Answer(at=0, status=412, problem="precondition-failed")
        return self._changed(operation, current)

    def _changed(self, operation: Operation, current: Shown | None) -> Answer:
        entity = operation.id or f"ann_{operation.number}_{len(self._answers)}"
        self._applied.append((operation, entity, current))
        if operation.action == "delete":
            del self._entities[entity]
            self._buried.add(entity)
            answer = Answer(at=0, status=204)
        else:
            version = 1 if current is None else current.version + 1
            digest = f"{operation.stamp}.{version}"
            shown = Shown(id=entity, version=version, stamp=operation.stamp, label=operation.label, digest=digest)
            self._entities[entity] = shown
            answer = _told(200 if operation.action == "update" else 201, shown)
        self._answers[operation.key] = answer
        return answer

    def _listed(self, operation: Operation) -> Answer:
        wanted = None if operation.filter is None else operation.filter[1]
        shown = tuple(one for one in self._entities.values() if wanted in (None, one.label))
        return Answer(at=0, status=200, shown=shown, total=len(shown), complete=True)

    def _crash(self, defect: str) -> None:
        last = {entity: (operation, before) for operation, entity, before in self._applied}
        for entity, (operation, before) in last.items():
            is_chosen = {
                "loses what was acknowledged": operation.is_acknowledged,
                "loses what was shown": self._was_seen(operation, entity),
            }.get(defect, False)
            if is_chosen and not self.harmed:
                self._undo(operation, entity, before)

    def _undo(self, operation: Operation, entity: str, before: Shown | None) -> None:
        self.harmed = True
        self._entities.pop(entity, None)
        if before is not None:
            self._entities[entity] = before
        del self._answers[operation.key]

    def _was_seen(self, operation: Operation, entity: str) -> bool:
        """Tell if somebody was shown what nobody acknowledged."""
        made = self._entities.get(entity)
        answers = [one.answer for one in self.operations if one.is_read and one.answer is not None]
        return operation.answer is None and made is not None and any(made in answer.shown for answer in answers)

    def _retries(self, defect: str) -> None:
        for operation in list(self.operations):
            if operation.is_read or not (operation.is_unknown or operation.is_acknowledged):
                continue
            if defect == "forgets a key" and operation.is_acknowledged and not self.harmed:
                self.harmed = True
                del self._answers[operation.key]
            invoked = self._now
            self._tick()
            answer = msgspec.structs.replace(self._apply(operation), at=self._now)
            operation.retries = [*operation.retries, Retry(invoked=invoked, answer=answer)]

    def _survey(self) -> None:
        self._tick()
        operation = self._operation("survey")
        self._tick()
        operation.answer = msgspec.structs.replace(self._listed(operation), at=self._now)
        self._tick()


def _told(status: int, shown: Shown | None) -> Answer:
    if shown is None:
        return Answer(at=0, status=404, problem="not-found")
    return Answer(at=0, status=status, shown=(shown,), body=f"{shown.id} {shown.digest}")
