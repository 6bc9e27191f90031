"""What the clients of one user know of their entities: so they ask for what is there, and get in each other's way."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

from service.drill.history import Operation, Shown

_RECENT = 12
_RECENT_SHARE = 0.6
_GRAVES = 50


class Shelf:
    """Entities of one collection, to pick from at random."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._shown: dict[str, Shown] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def put(self, shown: Shown) -> None:
        """Remember an entity, unless a newer version of it is known."""
        known = self._shown.get(shown.id)
        if known is None:
            self._places[shown.id] = len(self._ids)
            self._ids.append(shown.id)
        if known is None or known.version < shown.version:
            self._shown[shown.id] = shown

    def remove(self, entity: str) -> bool:
        """Forget an entity; tells if it was known."""
        place = self._places.pop(entity, None)
        if place is None:
            return False
        del self._shown[entity]
        last = self._ids.pop()
        if last != entity:
            self._ids[place] = last
            self._places[last] = place
        return True

    def pick(self, chance: random.Random) -> Shown | None:
        """Return an entity, often one of the newest, which others pick too; None if there is none."""
        share, spot = chance.random(), chance.random()
        if not self._ids:
            return None
        within: Sequence[str] = self._ids[-_RECENT:] if share < _RECENT_SHARE else self._ids
        return self._shown[within[int(spot * len(within))]]


class Known:
    """What the clients of one user know.

    Attributes:
        shelves: Collection → its entities.
        graves: Collection and id of what was deleted lately.
        lasting: Documents that nobody deletes, so that whoever creates one again must be refused.
    """

    def __init__(self) -> None:
        self.shelves = {"documents": Shelf(), "annotations": Shelf()}
        self.graves: deque[tuple[str, str]] = deque(maxlen=_GRAVES)
        self.lasting: list[str] = []

    def learn(self, operation: Operation) -> None:
        """Take in an answer."""
        answer = operation.answer
        if answer is None:
            return
        shelf = self.shelves[operation.collection]
        if operation.action == "delete" and answer.is_success:
            shelf.remove(operation.id)
            self.graves.append((operation.collection, operation.id))
        elif answer.status in (404, 410):
            shelf.remove(operation.id)
            if operation.document_id:
                self.shelves["documents"].remove(operation.document_id)
        elif answer.is_success and operation.action in ("create", "put", "update"):
            for shown in answer.shown:
                shelf.put(shown)
                if operation.action == "put" and operation.collection == "documents":
                    self.lasting.append(shown.id)
