"""Random work of a team: every next document is the one that a slow and simple model of the rule says."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from service.clock import format_time
from service.errors import DomainError
from service.kinds import KINDS
from service.kinds.assignment import Task
from service.state.state import State, index_fields
from tests.service.decide.team import Team
from tests.service.test_load import blocks_of

STEPS = 500
SECOND_US = 1_000_000
PEOPLE = {"owner": "owner", "editor": "editor", "reviewer": "reviewer", "annotator": "annotator"} | {
    name: role for role in ("annotator", "reviewer") for name in (f"{role}-{number}" for number in range(2))
}


def entities(state: State, kind: str) -> list[dict[str, Any]]:
    """Return all entities, the oldest first."""
    return [msgspec.json.decode(value) for _, value in state.tables[kind].items()]


@dataclass
class Model:
    """What should be given to somebody, found out by looking at everything.

    Attributes:
        documents: Ids of those whose review is not done, the oldest first.
        assignments: All of them, those that are overdue already skipped.
        annotated: Which documents have an annotation of the user.
        overdue: What is taken back.
        own: What the user has to do already.
    """

    rule: dict[str, Any]
    documents: list[str] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    annotated: set[str] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)
    own: str | None = None

    def look(self, team: Team, user_id: str, task: Task) -> None:
        """Read everything, as it is when the next command is decided."""
        self.documents = [one["id"] for one in entities(team.world.state, "document") if "reviewed_at" not in one]
        self.assignments = entities(team.world.state, "assignment")
        annotations = entities(team.world.state, "annotation")
        self.annotated = {one["document_id"] for one in annotations if one["author_id"] == user_id}
        mine = [one for one in self.assignments if (one["user_id"], one["task"]) == (user_id, task)]
        for state in ("todo", "in_progress"):
            self.own = next((one["id"] for one in mine if one["state"] == state), self.own)
        after = self.rule["release_after"]
        if after is None or self.own is not None:
            return
        since = format_time(team.world.now + 1 - after * SECOND_US)
        for one in self.assignments:
            if one["state"] == "in_progress" and one["started_at"] <= since:
                one["state"] = "skipped"
                self.overdue.add(one["id"])

    def chosen(self, user_id: str, task: Task) -> str | None:
        """Return the document that is given by the rule."""
        wanted = self.rule["annotators_per_document"]
        candidates = []
        for document_id in self.documents:
            of_it = [one for one in self.assignments if one["document_id"] == document_id]
            had = {one["task"] for one in of_it if one["user_id"] == user_id}
            is_own = bool(had) or (task == "review" and document_id in self.annotated)
            if task in had or (is_own and not self.rule["review_own"]):
                continue
            states = [one["state"] for one in of_it if one["task"] == "annotate" and one["state"] != "skipped"]
            reviewers = [one for one in of_it if one["task"] == "review" and one["state"] != "skipped"]
            if task == "review":
                if len(states) >= wanted and set(states) == {"done"} and not reviewers:
                    candidates.append((0, document_id))
            elif len(states) < wanted:
                candidates.append((len(states) if self.rule["order"] == "fewest" else -len(states), document_id))
        return min(candidates, key=lambda found: found[0])[1] if candidates else None


class Player:
    """Does something random, over and over."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.team = Team()
        for name, role in PEOPLE.items():
            if name not in self.team.actors:
                self.team.join(name, role)
        self.given = 0
        self.nothing = 0
        self.refused = 0

    def play(self) -> None:
        """Do one thing."""
        doings = (self.take, self.take, self.take, self.take, self.move, self.move, self.other)
        try:
            self.chance.choice(doings)()
        except DomainError:
            self.refused += 1

    def take(self) -> None:
        """Ask for the next document, and see that it is the right one."""
        name = self.chance.choice([one for one, role in PEOPLE.items() if one in self.team.actors])
        task: Task = "review" if "reviewer" in name and self.chance.random() < 0.5 else "annotate"
        user_id = self.team.id(name)
        model = Model(self.team.world.value("project", self.team.project)["assignment"])
        model.look(self.team, user_id, task)
        expected = None if model.own is not None else model.chosen(user_id, task)
        records = len(self.team.world.records)
        outcome = self.team.take(name, task)
        if model.own is not None:
            assert (outcome.status, outcome.id) == (200, model.own)
        elif expected is None:
            assert outcome.status == 204
            self.nothing += 1
        else:
            made = msgspec.json.decode(outcome.body)
            assert (outcome.status, made["document_id"], made["state"]) == (201, expected, "in_progress")
            self.given += 1
        changes = [change for record in self.team.world.records[records:] for change in record]
        updated = {change.id for change in changes if change.event == "assignment.updated"}
        assert updated - {model.own} == model.overdue

    def move(self) -> None:
        """Say how far somebody is."""
        assignments = entities(self.team.world.state, "assignment")
        opened = [one for one in assignments if one["state"] in {"todo", "in_progress"}]
        one = self.chance.choice(opened if opened and self.chance.random() < 0.7 else assignments or [{"id": "asg_x"}])
        by = self.chance.choice(("owner", *(name for name in PEOPLE if self.team.id(name) == one.get("user_id"))))
        self.team.move(one, self.chance.choice(("done", "done", "skipped", "in_progress", "todo")), by=by)

    def other(self) -> None:
        """Change what there is to give out, and to whom."""
        doings = (self.more, self.more, self.less, self.assign, self.take_back, self.rule, self.people)
        self.chance.choice((*doings, self.annotate, self.annotate, self.erase))()
        self.team.world.now += self.chance.randrange(40) * SECOND_US

    def pick(self, kind: str) -> str:
        """Return the id of an entity that is there, or of none."""
        return self.chance.choice([str(one["id"]) for one in entities(self.team.world.state, kind)] or ["none"])

    def more(self) -> None:
        """Upload documents."""
        for _ in range(self.chance.randrange(4)):
            self.team.new_document()

    def less(self) -> None:
        """Delete a document, or end its review."""
        team = self.team
        document = self.pick("document")
        if self.chance.random() < 0.5:
            team.world.delete(team.actors["owner"], "document", document)
        else:
            team.adjudicate(self.chance.choice(("owner", "reviewer")), document, replace=True)

    def assign(self) -> None:
        """Give somebody a document by hand."""
        document = self.pick("document")
        task = self.chance.choice(("annotate", "annotate", "review"))
        state = self.chance.choice(("todo", "in_progress", "done", "skipped"))
        self.team.assign(self.chance.choice(list(PEOPLE)), document_id=document, task=task, state=state)

    def annotate(self) -> None:
        """Let somebody annotate a document, assigned or not."""
        self.team.annotate(self.chance.choice(list(PEOPLE)), self.pick("document"))

    def erase(self) -> None:
        """Delete an annotation."""
        self.team.world.delete(self.team.actors["owner"], "annotation", self.pick("annotation"))

    def take_back(self) -> None:
        """Delete an assignment."""
        self.team.world.delete(self.team.actors["owner"], "assignment", self.pick("assignment"))

    def rule(self) -> None:
        """Change the rule."""
        self.team.rule(
            annotators_per_document=self.chance.choice((1, 2, 2, 3, 5)),
            order=self.chance.choice(("fewest", "begun")),
            release_after=self.chance.choice((None, 30, 100)),
            review_own=self.chance.random() < 0.3,
        )

    def people(self) -> None:
        """Let a member be something else, or be what they were; or disable their account for a while."""
        name = self.chance.choice([one for one in PEOPLE if one != "owner"])
        if self.chance.random() < 0.5:
            self.team.disable(name)
            self.team.enable(name)
        else:
            self.team.set_role(name, "viewer")
            self.team.set_role(name, PEOPLE[name])


def contents(state: State) -> dict[str, Any]:
    """Return what is known of what there is to give out, by ids."""
    supply, table = state.supply, state.tables["document"]
    keys = table.ids(table.select({}))
    projects = {}
    for project_id in state.tables["project"].ids(state.tables["project"].select({})):
        documents = supply.of(project_id)
        found = {"waiting": documents.waiting, "ready": documents.ready, "done": documents.done}
        by_name = {name: {number: table.ids(rows) for number, rows in one.items()} for name, one in found.items()}
        progress = {user: list(numbers) for user, numbers in supply.progress(project_id).items()}
        projects[project_id] = (by_name, table.ids(documents.reviewed), list(documents.started), progress)
    counts = {key: supply.counts(table.number(key) or 0) for key in keys}
    users = state.tables["user"].ids(state.tables["user"].select({}))
    tasks: tuple[Task, ...] = ("annotate", "review")
    return {
        "projects": projects,
        "counts": counts,
        "authors": {user: table.ids(supply.authors.of(user)) for user in users},
        "had": {(user, task): table.ids(supply.had(user, task)) for user in users for task in tasks},
    }


@pytest.mark.parametrize("seed", range(6))
def test_what_is_given_out_is_what_the_model_says(seed: int) -> None:
    """Whatever else is done; and what is known of it is the same after a replay and after a start from a snapshot."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    player = Player(seed)
    for _ in range(STEPS):
        player.play()
    assert player.given > 30
    assert player.nothing > 10
    state = player.team.world.state
    replayed = State(KINDS)
    for place, changes in enumerate(player.team.world.records):
        replayed.apply(place + 1, 0, changes)
    assert contents(replayed) == contents(state)
    loaded = State(KINDS)
    for block in blocks_of(state, 64, fields=index_fields(KINDS)):
        loaded.load(block)
    loaded.loaded(state.sequence, state.digest)
    assert contents(loaded) == contents(state)
