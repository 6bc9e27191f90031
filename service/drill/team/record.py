"""What follows from a history about one project: what was carried out there, by whom, and what must have come of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from service.drill.history import Effect
from service.drill.team.history import Deed, Seen, done, seen_in, shown_labels

MARKS = ("annotations", "extractions")
_PROJECT_CHANGES = ("labels", "rename", "merge", "members")


@dataclass(frozen=True)
class Birth:
    """A mark that was made.

    Attributes:
        deed: That made it.
        collection: Annotations or extractions.
        stamp: That it was made with.
        label: That it was made with.
        rests_on: Of a decided annotation, empty for others.
        decided: It comes of an adjudication.
        document_id: On which it is.
    """

    deed: Deed
    collection: str
    stamp: str
    label: str
    document_id: str
    rests_on: frozenset[str] = frozenset()
    decided: bool = False


@dataclass
class Record:
    """Of one project; grows round by round.

    Attributes:
        id: Of the project.
        changes: Of the project itself, its creation first.
        labels: All names that were ever given to labels.
        became: Label → what it was renamed to or merged into, and by whom.
        renamed_twice: Changes of a label that was gone by then.
        documents: Id → what made it.
        births: Id → how a mark came about.
        updates: Id of a document, mark or assignment → the changes that were asked for.
        adjudications: Document → those that were carried out.
        assignments: Id → the request that was given it anew.
        members: Guest → what they became, in order.
    """

    id: str
    changes: list[Effect] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    became: dict[str, tuple[str, Deed]] = field(default_factory=dict)
    renamed_twice: list[tuple[str, Deed, Deed]] = field(default_factory=list)
    documents: dict[str, Deed] = field(default_factory=dict)
    births: dict[str, Birth] = field(default_factory=dict)
    updates: dict[str, list[Deed]] = field(default_factory=lambda: defaultdict(list))
    adjudications: dict[str, list[Deed]] = field(default_factory=lambda: defaultdict(list))
    assignments: dict[str, list[Deed]] = field(default_factory=lambda: defaultdict(list))
    members: dict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, deed: Deed) -> None:
        """Take in a mutation that was carried out."""
        effect = done(deed)
        if effect is None:
            return
        if deed.collection in ("projects", *_PROJECT_CHANGES):
            self._changed(deed, effect)
        elif deed.action == "update":
            self.updates[deed.id].append(deed)
        else:
            self._made(deed, seen_in(deed))

    def _changed(self, deed: Deed, effect: Effect) -> None:
        self.changes.append(effect)
        if deed.collection == "projects":
            self.labels += shown_labels(seen_in(deed)[0])
        elif deed.collection == "labels":
            self.labels.append(deed.label)
        elif deed.collection == "members":
            self.members[deed.label] = sorted([*self.members[deed.label], effect], key=lambda one: one.begin)
        else:
            self._relabelled(deed)

    def _made(self, deed: Deed, seen: tuple[Seen, ...]) -> None:
        if deed.collection == "adjudication":
            self.adjudications[deed.document_id].append(deed)
            self._decided(deed, seen[1:])
        elif deed.collection == "next":
            if seen and _status(deed) == CREATED:
                self.assignments[seen[0].id].append(deed)
        else:
            self._created(deed, seen)

    def chain(self, label: str) -> list[str]:
        """Return what a label became, one name after the other; the last is what it is called now."""
        names: list[str] = []
        while label in self.became and len(names) <= len(self.became):
            label = self.became[label][0]
            names.append(label)
        return names

    def now(self, label: str) -> str:
        """Return what a label is called by now."""
        return [label, *self.chain(label)][-1]

    def rejections(self) -> dict[str, Deed]:
        """Return the annotations that an adjudication rejected."""
        return {key: deed for deeds in self.adjudications.values() for deed in deeds for key in deed.sent["reject"]}

    def _relabelled(self, deed: Deed) -> None:
        is_rename = deed.collection == "rename"
        new = deed.sent["to"] if is_rename else deed.sent["into"]
        if is_rename:
            self.labels.append(new)
        for old in [deed.sent["from"]] if is_rename else deed.sent["from"]:
            if old in self.became:
                self.renamed_twice.append((old, self.became[old][1], deed))
            else:
                self.became[old] = (new, deed)

    def _decided(self, deed: Deed, seen: tuple[Seen, ...]) -> None:
        for one, plan in zip(seen, deed.sent["decided"], strict=False):
            rests_on = frozenset([*plan.get("rests_on", ()), *([plan["take"]] if "take" in plan else ())])
            # Of what was taken, and changed at the same time, only the answer tells what it was.
            birth = Birth(deed, "annotations", one.stamp, one.label, deed.document_id, rests_on, decided=True)
            self.births[one.id] = birth

    def _created(self, deed: Deed, seen: tuple[Seen, ...]) -> None:
        if deed.collection == "documents":
            self.documents[seen[0].id] = deed
        elif deed.collection == "transactions":
            for one, operation in zip(seen, deed.sent["operations"], strict=False):
                value = operation["value"]
                stamp = value["attributes"]["stamp"]
                self.births[one.id] = Birth(deed, "annotations", stamp, value["label"], deed.document_id)
        elif deed.collection in MARKS:
            self.births[seen[0].id] = Birth(deed, deed.collection, deed.stamp, deed.label, deed.document_id)


CREATED = 201


def _status(deed: Deed) -> int:
    answer = deed.answer
    if deed.is_unknown and deed.resolution is not None:
        answer = deed.resolution.answer
    return 0 if answer is None else answer.status
