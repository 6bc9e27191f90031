"""A history of team work that is written by hand, over a model of one project that keeps all promises.

Each thing that is done changes the model; a look shows what the model holds. A test breaks a promise by harming the
model, or an answer, before the look.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from service.drill.history import Answer, Retry
from service.drill.reading import digest
from service.drill.team.history import Deed, Seen, entity
from service.drill.team.judge import TeamJudge
from service.drill.team.people import ANNOTATORS, ANNOTATORS_PER_DOCUMENT, PEOPLE, REVIEWERS, ROLES
from service.drill.violation import Broken

PROJECT = "proj_1"
USERS = {person: f"user_{person}" for person in PEOPLE}
FIRST, SECOND, THIRD = ANNOTATORS[:3]
REVIEWER = REVIEWERS[0]
STATES = ("todo", "in_progress", "done", "skipped")
Members = dict[str, Any]


class Story:
    """One project with two documents; every person has joined.

    Attributes:
        deeds: In the order in which they were sent.
        surveys: Of the last look.
        things: Collection → id → members: the model.
    """

    def __init__(self) -> None:
        self.judge = TeamJudge(USERS)
        self.deeds: list[Deed] = []
        self.surveys: list[Deed] = []
        self.things: dict[str, dict[str, Members]] = {
            one: {} for one in ("projects", "documents", "annotations", "extractions", "assignments")
        }
        self._now = 0.0
        self._number = 0
        labels = [{"name": name} for name in ("red", "blue")]
        project = {"id": PROJECT, "version": 1, "labels": labels, "members": {USERS["owner"]: "owner"}}
        self.things["projects"][PROJECT] = project
        self.deed("create", "projects", "owner", project, project="")
        for person, role in ROLES.items():
            if person != "owner":
                self.join(person, role)
        for name in ("doc_1", "doc_2"):
            self.document(name)

    def deed(
        self,
        action: str,
        collection: str,
        person: str,
        shown: Members | list[Members] | None,
        *,
        status: int = 200,
        project: str = PROJECT,
        **members: Any,
    ) -> Deed:
        """Return a request that was sent and answered."""
        invoked, at = self._tick(), self._tick()
        self._number += 1
        deed = Deed(
            number=self._number,
            round=1,
            client=person,
            user=0,
            action=action,  # type: ignore[arg-type]
            collection=collection,
            project=project,
            key="" if action in ("get", "list", "survey") else f"k{self._number}",
            invoked=invoked,
            **members,
        )
        deed.answer = answer_with(shown, status, at)
        if action != "survey":
            self.deeds.append(deed)
        return deed

    def refused(self, deed: Deed, status: int, problem: str) -> Deed:
        """Let a request be answered by a problem."""
        deed.answer = Answer(at=deed.span[1], status=status, problem=problem)
        return deed

    def retried(self, deed: Deed, shown: Members | None = None, *, replayed: bool = True, status: int = 200) -> Deed:
        """Send a request again after the restart; by default the first answer comes again."""
        invoked, at = self._tick(), self._tick()
        first = deed.answer if shown is None else answer_with(shown, status, at)
        if first is None:
            raise AssertionError("tell what is answered")
        answer = msgspec.structs.replace(first, at=at, replayed=replayed)
        deed.retries = [*deed.retries, Retry(invoked=invoked, answer=answer)]
        return deed

    def join(self, person: str, role: str) -> Deed:
        """Make somebody a member."""
        project = self._changed("projects", PROJECT)
        project["members"][USERS[person]] = role
        return self.deed("put", "members", "owner", project, sent={"role": role}, label=person)

    def leave(self, person: str) -> Deed:
        """Take somebody out."""
        del self._changed("projects", PROJECT)["members"][USERS[person]]
        return self.deed("delete", "members", "owner", None, status=204, label=person)

    def document(self, key: str) -> Deed:
        """Upload a document."""
        return self._new("documents", "editor", {"id": key, "owner_id": USERS["editor"], "title": f"s-{key}"})

    def annotate(self, key: str, person: str = FIRST, label: str = "red", document: str = "doc_1", **more: Any) -> Deed:
        """Annotate a document."""
        mark = self._mark(key, label, document) | {"author_id": USERS[person]} | more
        return self._new("annotations", person, mark, **more)

    def extract(self, key: str, label: str = "red") -> Deed:
        """Put an extraction on the first document."""
        return self._new("extractions", "editor", self._mark(key, label, "doc_1"))

    def several(self, *keys: str) -> Deed:
        """Annotate in a transaction."""
        marks = [self._mark(key, "red", "doc_1") | {"author_id": USERS[FIRST]} for key in keys]
        for place, mark in enumerate(marks):
            mark["attributes"] = {"stamp": f"several.{place}"}
            self.things["annotations"][mark["id"]] = mark
        results = [Seen(id=mark["id"], version=1, stamp="") for mark in marks]
        sent = {"operations": [{"value": copy.deepcopy(mark)} for mark in marks]}
        deed = self.deed("create", "transactions", FIRST, None, sent=sent, stamp="several", document_id="doc_1")
        deed.answer = Answer(at=deed.span[1], status=200, shown=tuple(results), body="b")
        return deed

    def change(self, key: str, stamp: str, expects: int | None = None) -> Deed:
        """Change an annotation."""
        mark = self._changed("annotations", key)
        mark["attributes"] = {"stamp": stamp}
        person = next(one for one, user in USERS.items() if user == mark["author_id"])
        return self.deed(
            "update", "annotations", person, mark, id=key, stamp=stamp, document_id=mark["document_id"], expects=expects
        )

    def rename(self, old: str, new: str) -> Deed:
        """Rename a label, in all marks."""
        project = self._changed("projects", PROJECT)
        project["labels"] = [{"name": new if one["name"] == old else one["name"]} for one in project["labels"]]
        self._relabel(old, new)
        return self.deed("update", "rename", "editor", project, sent={"from": old, "to": new})

    def merge(self, old: str, into: str) -> Deed:
        """Merge a label into another one, in all marks."""
        project = self._changed("projects", PROJECT)
        project["labels"] = [one for one in project["labels"] if one["name"] != old]
        self._relabel(old, into)
        return self.deed("update", "merge", "editor", project, sent={"from": [old], "into": into})

    def next(self, key: str, person: str = FIRST, task: str = "annotate", document: str = "doc_1") -> Deed:
        """Give somebody the next document."""
        given = {
            "id": key,
            "version": 1,
            "document_id": document,
            "project_id": PROJECT,
            "user_id": USERS[person],
            "task": task,
            "state": "in_progress",
        }
        self.things["assignments"][key] = given
        return self.deed("create", "next", person, given, status=201, sent={"task": task})

    def state(self, key: str, state: str) -> Deed:
        """Let an assignment be in another state."""
        given = self._changed("assignments", key)
        given["state"] = state
        person = next(one for one, user in USERS.items() if user == given["user_id"])
        return self.deed("update", "assignments", person, given, id=key, document_id=given["document_id"])

    def adjudicate(self, key: str, take: str, reject: str) -> Deed:
        """Decide about the first document: an annotation is taken, and one rejected."""
        document = self._changed("documents", "doc_1")
        document |= {"reviewed_at": "now", "reviewed_by": USERS[REVIEWER]}
        taken = self.things["annotations"][take]
        new = {"id": key, "version": 1, "author_id": USERS[REVIEWER], "status": "accepted", "rests_on": [take]}
        decided = copy.deepcopy(taken) | new
        self.things["annotations"][key] = decided
        self._changed("annotations", reject)["status"] = "rejected"
        for given in self.things["assignments"].values():
            if (given["task"], given["document_id"]) != ("review", "doc_1") or given["state"] == "done":
                continue
            if given["user_id"] == USERS[REVIEWER] or given["state"] in STATES[:2]:
                state = "done" if given["user_id"] == USERS[REVIEWER] else "skipped"
                given |= {"state": state, "version": given["version"] + 1}
        sent = {"decided": [{"take": take}], "reject": [reject]}
        return self.deed(
            "create", "adjudication", REVIEWER, [document, decided], sent=sent, stamp="adjudicated", document_id="doc_1"
        )

    def look(self) -> None:
        """Look at the whole project, and ask for some parts of it, as the model has it."""
        self.surveys = []
        for collection, things in self.things.items():
            self.surveys.append(self.deed("survey", collection, "owner", list(things.values())))
        self.surveys.append(self.deed("survey", "progress", "owner", self.progress()))
        for label in ("red", "blue"):
            self.part("annotations", "label", label)
        self.part("annotations", "author_id", USERS[FIRST])

    def part(self, collection: str, field: str, value: str) -> Deed:
        """List what has a value, when the server is quiet."""
        found = [one for one in self.things[collection].values() if one.get(field) == value]
        deed = self.deed("list", collection, "owner", found, filter=(field, value))
        self.surveys.append(self.deeds.pop())
        return deed

    def progress(self) -> Members:
        """Return how far the project is."""
        given = list(self.things["assignments"].values())
        documents = self.things["documents"].values()
        open_documents = [one for one in documents if "reviewed_at" not in one]
        waiting = [one for one in open_documents if self._having(one["id"]) < ANNOTATORS_PER_DOCUMENT]
        users = sorted({one["user_id"] for one in given})
        reviewed = len(documents) - len(open_documents)
        return {
            "documents": {"total": len(documents), "reviewed": reviewed, "waiting": len(waiting)},
            **_by_state(given),
            "members": [
                {"user_id": user, **_by_state([one for one in given if one["user_id"] == user])} for user in users
            ],
        }

    def broken(self, *allowed: str) -> set[Broken]:
        """Return the sorts of promises that the judge finds broken."""
        return {one.broken for one in self.judge.check(self.deeds, self.surveys, frozenset(allowed))}

    def _having(self, document: str) -> int:
        given = self.things["assignments"].values()
        return sum(
            assigned["document_id"] == document and assigned["task"] == "annotate" and assigned["state"] != "skipped"
            for assigned in given
        )

    def _tick(self) -> float:
        self._now += 1.0
        return self._now

    def _mark(self, key: str, label: str, document: str) -> Members:
        stamp = {"stamp": f"s-{key}"}
        return {
            "id": key,
            "version": 1,
            "document_id": document,
            "label": label,
            "attributes": stamp,
            "status": "proposed",
        }

    def _new(self, collection: str, person: str, members: Members, **sent: Any) -> Deed:
        new: Members = {"version": 1, **members}
        self.things[collection][new["id"]] = new
        seen = entity(new)
        return self.deed(
            "create",
            collection,
            person,
            new,
            status=201,
            stamp=seen.stamp,
            label=seen.label,
            document_id=seen.document_id,
            sent=sent,
        )

    def _changed(self, collection: str, key: str) -> Members:
        members = self.things[collection][key]
        members["version"] += 1
        return members

    def _relabel(self, old: str, new: str) -> None:
        for collection in ("annotations", "extractions"):
            for mark in self.things[collection].values():
                if mark["label"] == old:
                    self._changed(collection, mark["id"])["label"] = new


def answer_with(shown: Members | list[Members] | None, status: int, at: float) -> Answer:
    """Return an answer that shows some entities."""
    many = shown if isinstance(shown, list) else [] if shown is None else [shown]
    whole = copy.deepcopy(many)
    body = digest(msgspec.json.encode(whole))
    answer = Answer(at=at, status=status, shown=tuple(map(entity, whole)), body=body)
    return msgspec.structs.replace(answer, total=len(many), complete=True) if isinstance(shown, list) else answer


def _by_state(given: list[Members]) -> dict[str, dict[str, int]]:
    return {
        task: {state: sum((one["task"], one["state"]) == (task, state) for one in given) for state in STATES}
        for task in ("annotate", "review")
    }
