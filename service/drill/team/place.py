"""What a crew knows of one of its projects: so people ask for what is there, and get in each other's way."""

from __future__ import annotations

import random
from collections.abc import Iterable

from service.drill.team.history import Deed, Seen, seen_in, shown_labels
from service.drill.team.people import GUESTS

RECENT = 20
LABELS_LOCK = "labels"
_SHELVES = ("documents", "annotations", "extractions", "assignments")


class Place:
    """A project.

    Some things are done by one person at a time, so that their order is known: changes of labels, and of what one
    guest is. Who has begun holds a lock until there is an answer. Without one nobody goes on with it in that round.

    Args:
        project: Its id.
        number: Of the round in which it was made.

    Attributes:
        labels: As they are.
        documents: Their ids, oldest first.
        reviewed: Documents that somebody has adjudicated.
        annotations: As they were last shown, oldest first.
        extractions: The same.
        assignments: The same.
        guests: Who of them is a member.
        locks: That are held.
    """

    def __init__(self, project: str, number: int) -> None:
        self.id = project
        self.number = number
        self.labels: list[str] = []
        self.documents: list[str] = []
        self.reviewed: set[str] = set()
        self.annotations: dict[str, Seen] = {}
        self.extractions: dict[str, Seen] = {}
        self.assignments: dict[str, Seen] = {}
        self.guests: dict[str, bool] = dict.fromkeys(GUESTS, False)
        self.locks: set[str] = set()

    def look(self, surveys: Iterable[Deed], user_ids: dict[str, str]) -> None:
        """Know again what is there, from what a look at all of it showed."""
        self.locks.clear()
        for deed in surveys:
            for seen in seen_in(deed):
                if deed.collection == "projects":
                    self.labels = shown_labels(seen)
                    self.guests = {one: user_ids[one] in seen.members["members"] for one in GUESTS}
                elif deed.collection in _SHELVES:
                    self._put(deed.collection, seen)

    def learn(self, deed: Deed) -> None:
        """Take in an answer."""
        if deed.answer is None or deed.answer.is_open:
            return
        self.locks.discard(lock_of(deed))
        if deed.collection in ("labels", "rename", "merge") and deed.is_acknowledged:
            self.labels = shown_labels(seen_in(deed)[0])
        elif deed.collection == "members" and deed.is_acknowledged:
            self.guests[deed.label] = deed.action == "put"
        elif deed.collection == "adjudication" and deed.is_acknowledged:
            self.reviewed.add(deed.document_id)
        elif deed.collection in ("next", *_SHELVES):
            for seen in seen_in(deed):
                self._put("assignments" if deed.collection == "next" else deed.collection, seen)

    def pick(self, among: dict[str, Seen], chance: random.Random) -> Seen | None:
        """Return one of the newest, None if there is none."""
        spot = chance.random()
        newest = list(among)[-RECENT:]
        return among[newest[int(spot * len(newest))]] if newest else None

    def document(self, chance: random.Random) -> str:
        """Return a document, empty if there is none."""
        spot = chance.random()
        newest = self.documents[-RECENT:]
        return newest[int(spot * len(newest))] if newest else ""

    def _put(self, collection: str, seen: Seen) -> None:
        if collection == "documents":
            if seen.id not in self.documents:
                self.documents.append(seen.id)
            if "reviewed_at" in seen.members:
                self.reviewed.add(seen.id)
            return
        shelf = {"annotations": self.annotations, "extractions": self.extractions}.get(collection, self.assignments)
        known = shelf.get(seen.id)
        if known is None or known.version < seen.version:
            shelf[seen.id] = seen


def lock_of(deed: Deed) -> str:
    """Return the name of the lock that a request takes, empty if it takes none."""
    if deed.is_read:
        return ""
    if deed.collection == "members":
        return deed.label
    return LABELS_LOCK if deed.collection in ("labels", "rename", "merge") else ""
