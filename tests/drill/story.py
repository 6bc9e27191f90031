"""Histories written by hand: a few requests, each with the answer that it got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from service.drill.checker import Checker
from service.drill.history import Action, Answer, Operation, Retry, Shown
from service.drill.violation import Broken, Violation

DOCUMENT, ANNOTATION = "doc_1", "ann_1"


class Story:
    """A round. Each request takes a second, and the next one is sent a second later.

    Attributes:
        now: In seconds since the drill began.
        operations: So far.
    """

    def __init__(self, round_number: int = 1, now: float = 0.0, number: int = 0) -> None:
        self.now = now
        self.operations: list[Operation] = []
        self._round = round_number
        self._number = number

    def next_round(self) -> Story:
        """Return the round after this one."""
        return Story(self._round + 1, self.now, self._number)

    def create(self, entity: str = ANNOTATION, *, version: int = 1, stamp: str = "", **members: Any) -> Operation:
        """Send a creation."""
        return self._mutation("create", entity, version, stamp, members)

    def put(self, entity: str = ANNOTATION, *, version: int = 1, stamp: str = "", **members: Any) -> Operation:
        """Send a creation under an id of one's own."""
        return self._mutation("put", entity, version, stamp, {"create_only": True, **members})

    def update(self, entity: str = ANNOTATION, *, version: int, stamp: str = "", **members: Any) -> Operation:
        """Send a change."""
        return self._mutation("update", entity, version, stamp, members)

    def delete(self, entity: str = ANNOTATION, **members: Any) -> Operation:
        """Send a deletion."""
        operation = self._sent("delete", entity, members)
        return self._answered(operation, Answer(at=0, status=204), members)

    def get(self, entity: str = ANNOTATION, shown: Shown | None = None, **members: Any) -> Operation:
        """Ask for an entity."""
        operation = self._sent("get", entity, members)
        answer = Answer(at=0, status=404, problem="not-found") if shown is None else answer_with(shown)
        return self._answered(operation, answer, members)

    def list(self, *shown: Shown, label: str = "red", total: int | None = None, complete: bool = True) -> Operation:
        """Ask for a list with a count."""
        operation = self._sent("list", ANNOTATION, {"filter": ("label", label)})
        operation.id = ""
        count = len(shown) if total is None else total
        answer = Answer(at=0, status=200, shown=shown, total=count, complete=complete)
        return self._answered(operation, answer, {})

    def survey(self, *shown: Shown, collection: str = "annotations", total: int | None = None) -> Operation:
        """Look at all that is there after a restart."""
        operation = self._sent("survey", DOCUMENT if collection == "documents" else ANNOTATION, {})
        operation.id = ""
        count = len(shown) if total is None else total
        return self._answered(operation, Answer(at=0, status=200, shown=shown, total=count, complete=True), {})

    def retry(self, operation: Operation, answer: Answer | None) -> None:
        """Send a request again."""
        invoked = self.now
        self.now += 1
        answered = None if answer is None else msgspec.structs.replace(answer, at=self.now)
        operation.retries = [*operation.retries, Retry(invoked=invoked, answer=answered)]
        self.now += 1

    def _mutation(self, action: Action, entity: str, version: int, stamp: str, members: dict[str, Any]) -> Operation:
        operation = self._sent(action, entity, members)
        operation.stamp = stamp or f"s{operation.number}"
        operation.label = members.get("label", "red")
        shown = shown_of(operation, entity, version)
        return self._answered(operation, answer_with(shown, 200 if action == "update" else 201), members)

    def _sent(self, action: Action, entity: str, members: dict[str, Any]) -> Operation:
        self._number += 1
        operation = Operation(
            number=self._number,
            round=self._round,
            client=members.get("client", "c0"),
            user=0,
            action=action,
            collection="documents" if entity.startswith("doc") else "annotations",
            id="" if action == "create" else entity,
            document_id=members.get("document_id", "") if action != "list" else "",
            expects=members.get("expects"),
            create_only=members.get("create_only", False),
            filter=members.get("filter"),
            key=f"k{self._number}",
            invoked=self.now,
        )
        self.operations.append(operation)
        return operation

    def _answered(self, operation: Operation, answer: Answer, members: dict[str, Any]) -> Operation:
        at = self.now + 1
        answer = members.get("answer", answer)
        begin, at = members.get("during", (operation.invoked, at))
        operation.invoked = begin
        operation.answer = None if answer is None else msgspec.structs.replace(answer, at=at)
        self.now = max(self.now, at) + 1
        return operation


def shown_of(operation: Operation, entity: str, version: int) -> Shown:
    """Return the entity as a mutation leaves it."""
    return Shown(
        id=entity,
        version=version,
        stamp=operation.stamp,
        label=operation.label,
        document_id=operation.document_id,
        digest=f"{operation.stamp}{version}",
    )


def answer_with(shown: Shown, status: int = 200, *, replayed: bool = False) -> Answer:
    """Return an answer that shows an entity."""
    body = f"{shown.id}{shown.digest}"
    return Answer(at=0, status=status, shown=(shown,), replayed=replayed, body=body)


def refusal(status: int, problem: str) -> Answer:
    """Return a problem."""
    return Answer(at=0, status=status, problem=problem)


def again(operation: Operation) -> Answer:
    """Return the answer to a retry of what was acknowledged, as it must be."""
    assert operation.answer is not None
    return msgspec.structs.replace(operation.answer, replayed=True)


def entity_of(operation: Operation) -> Shown:
    """Return the entity that a mutation was answered with."""
    assert operation.answer is not None
    return operation.answer.shown[0]


def judged(*stories: Story, allowed: Sequence[str] = ()) -> list[Violation]:
    """Judge rounds one after the other; returns what the last one breaks."""
    checker = Checker()
    found: list[Violation] = []
    for story in stories:
        assert not found, "a round before the last one breaks something"
        found = checker.check(story.operations, allowed)
    return found


def broken(*stories: Story, allowed: Sequence[str] = ()) -> set[Broken]:
    """Judge rounds; returns the sorts of violations."""
    return {one.broken for one in judged(*stories, allowed=allowed)}
