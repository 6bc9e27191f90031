"""A team of a project: one of each role, and documents to give out."""

from __future__ import annotations

from typing import Any

from service.assigning import TakeNext
from service.commands import Invalid, Outcome, SetMember
from service.kinds.assignment import TakeNextDraft, Task
from service.kinds.review import Adjudication
from service.reviews import Adjudicate
from tests.service.decide.world import World, body

ROLES = ("owner", "editor", "reviewer", "annotator", "viewer")


class Team:
    """A project with one of each role, and a document in it.

    Attributes:
        world: What it is in.
        admin: Who is an administrator, and no member.
        actors: By role.
        project: Its id.
        document: Its id.
    """

    def __init__(self) -> None:
        self.world = World()
        self.admin = self.world.user("admin@example.org")
        self.actors = {role: self.world.user(f"{role}@example.org") for role in ROLES}
        members = {self.id(role): role for role in ROLES if role != "owner"}
        self.project = self.world.project(self.actors["owner"], members)
        self.document = self.new_document()

    def id(self, role: str) -> str:
        """Return a member's user id."""
        return self.actors[role].user_id or ""

    def new_document(self) -> str:
        """Create a document."""
        return str(self.world.create(self.actors["owner"], "document", title="t", project_id=self.project)["id"])

    def assign(self, role: str = "annotator", by: str = "owner", **members: Any) -> dict[str, Any]:
        """Give the document to a member."""
        draft = {"document_id": self.document, "user_id": self.id(role), **members}
        return self.world.create(self.actors[by], "assignment", **draft)

    def move(self, assignment: dict[str, Any], state: str, by: str = "annotator") -> dict[str, Any]:
        """Say how far somebody is."""
        return self.world.update(self.actors[by], "assignment", assignment["id"], {"state": state})

    def set_role(self, role: str, to: str | None) -> None:
        """Let a member be something else, or nothing."""
        command = SetMember(actor=self.actors["owner"], operation="t", id=self.project, user_id=self.id(role), role=to)
        self.world.do(command)

    def disable(self, role: str) -> None:
        """Disable the account of a member."""
        self.world.update(self.admin, "user", self.id(role), {"disabled": True})

    def enable(self, role: str) -> None:
        """Enable it again, and log in."""
        self.world.update(self.admin, "user", self.id(role), {"disabled": False})
        self.actors[role] = self.world.log_in(self.id(role))

    def adjudicate(self, by: str, document_id: str | None = None, *, replace: bool = False) -> None:
        """End the review of a document, the first one."""
        key = document_id or self.document
        draft = Adjudication(decided=[], replace=replace)
        self.world.do(Adjudicate(actor=self.actors[by], operation="t", id=key, new_ids=(), draft=draft))

    def annotate(self, by: str, document_id: str) -> str:
        """Put an annotation on a document, assigned or not, and return its id."""
        return self.world.annotation(self.actors[by], document_id, label="letter")

    def value(self, assignment: dict[str, Any]) -> dict[str, Any]:
        """Return an assignment as it is now."""
        return self.world.value("assignment", assignment["id"])

    def join(self, name: str, role: str) -> None:
        """Let somebody else in."""
        self.actors[name] = self.world.user(f"{name}@example.org")
        self.set_role(name, role)

    def take(self, role: str = "annotator", task: Task | Invalid = "annotate", project: str | None = None) -> Outcome:
        """Ask for the next document, of another project perhaps."""
        draft = task if isinstance(task, Invalid) else TakeNextDraft(task=task)
        new_id, key = self.world.ids.new("asg"), project or self.project
        return self.world.do(TakeNext(actor=self.actors[role], operation="t", id=key, new_id=new_id, draft=draft))

    def next(self, role: str = "annotator", task: Task = "annotate", project: str | None = None) -> dict[str, Any]:
        """Ask for the next document, which must be there."""
        outcome = self.take(role, task, project)
        assert outcome.status in {200, 201}
        return body(outcome)

    def rule(self, **rule: Any) -> None:
        """Change by which rule documents are given out."""
        self.world.update(self.actors["owner"], "project", self.project, {"assignment": rule})
