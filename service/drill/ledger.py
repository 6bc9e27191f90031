"""What follows from a history: who made which version of what, and where each stamp went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from service.drill.history import Effect, Operation, Shown, effect_of
from service.drill.timeline import Timeline

Reading = tuple[Operation, Shown | None]
"""Who was shown an entity, and how; None: it was said not to be there."""
Place = tuple[int, str]
"""User and collection: what one full list shows."""


class Ledger:
    """Grows round by round.

    Attributes:
        stamps: Stamp → the request that carries it.
        touched: Entities to be checked in this round.
        readings: Entity → what was shown of it in this round, surveys only as far as they differ from the one before.
    """

    def __init__(self) -> None:
        self.stamps: dict[str, Operation] = {}
        self.touched: set[str] = set()
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        self._effects: dict[str, list[Effect]] = defaultdict(list)
        self._deletions: dict[str, list[Effect]] = defaultdict(list)
        self._documents: dict[str, str] = {}
        self._annotations: dict[str, set[str]] = defaultdict(set)
        self._found: dict[tuple[int, str, str, str], set[str]] = defaultdict(set)
        self._alive: dict[Place, set[str]] = defaultdict(set)
        self._surveyed: dict[str, Shown] = {}
        self._timelines: dict[str, Timeline] = {}

    def learn(self, operations: Iterable[Operation]) -> None:
        """Take in a round, of which no request is open any more."""
        self.touched.clear()
        self.readings.clear()
        self._timelines.clear()
        reads = []
        for operation in operations:
            if operation.is_read:
                reads.append(operation)
            else:
                self._mutation(operation)
        for operation in reads:
            if operation.action == "survey":
                self._survey(operation)
            else:
                self._reading(operation)

    def timeline(self, entity: str) -> Timeline:
        """Return what happened to an entity."""
        known = self._timelines.get(entity)
        if known is not None:
            return known
        document = self._documents.get(entity)
        above = self._deletions.get(document, []) if document else []
        timeline = Timeline(self._effects.get(entity, []), [*self._deletions.get(entity, []), *above])
        self._timelines[entity] = timeline
        return timeline

    def candidates(self, operation: Operation) -> set[str]:
        """Return the entities that a list may ever have found."""
        field, value = operation.filter or ("", "")
        return self._found.get((operation.user, operation.collection, field, value), set())

    def _mutation(self, operation: Operation) -> None:
        if operation.stamp:
            self.stamps[operation.stamp] = operation
        effect = effect_of(operation)
        if effect is None:
            return
        if operation.action == "delete":
            self._deletions[operation.id].append(effect)
            self.touched |= {operation.id, *self._annotations.get(operation.id, ())}
        elif effect.shown is not None:
            self._version(operation, effect, effect.shown)

    def _version(self, operation: Operation, effect: Effect, shown: Shown) -> None:
        place = (operation.user, operation.collection)
        self._effects[shown.id].append(effect)
        self._alive[place].add(shown.id)
        self._found[*place, "label", shown.label].add(shown.id)
        self.touched.add(shown.id)
        if shown.document_id:
            self._documents[shown.id] = shown.document_id
            self._annotations[shown.document_id].add(shown.id)
            self._found[*place, "document_id", shown.document_id].add(shown.id)

    def _reading(self, operation: Operation) -> None:
        answer = operation.answer
        if answer is None or not answer.is_success:
            return
        for shown in answer.shown:
            self.readings[shown.id].append((operation, shown))
            self.touched.add(shown.id)

    def _survey(self, operation: Operation) -> None:
        answer = operation.answer
        if answer is None or not answer.is_success:
            return
        alive, listed = self._alive[operation.user, operation.collection], set()
        for shown in answer.shown:
            listed.add(shown.id)
            if self._surveyed.get(shown.id) != shown or shown.id in self.touched:
                self._surveyed[shown.id] = shown
                self.readings[shown.id].append((operation, shown))
                self.touched.add(shown.id)
        for entity in alive - listed:
            self.readings[entity].append((operation, None))
            self.touched.add(entity)
            if self.timeline(entity).deletions:
                # It need not be missed again.
                alive.discard(entity)
                self._surveyed.pop(entity, None)
