"""Assignments over HTTP: the collection, its filters, and what others see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Member, open_app


@dataclass
class Team:
    """A project with an owner and annotators.

    Attributes:
        owner: Of the project, and the first user.
        project: Its path.
        documents: Ids.
    """

    owner: Member
    project: str = ""
    documents: list[str] = field(default_factory=list)

    async def prepare(self, documents: int, **members: Any) -> None:
        """Make the project and its documents."""
        project = await self.owner.create("/v1/projects", name="Letters", **members)
        self.project = f"/v1/projects/{project['id']}"
        for number in range(documents):
            made = await self.owner.create("/v1/documents", title=f"{number}", project_id=project["id"])
            self.documents.append(made["id"])

    async def join(self, name: str, role: str = "annotator") -> Member:
        """Have somebody register, and be something in the project."""
        member = await self.owner.join(f"{name}@example.org")
        answer = await self.owner.call("PUT", f"{self.project}/members/{member.id}", {"role": role})
        assert answer.status == 200
        return member


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    """Give a project with three documents."""
    async with open_app(tmp_path) as client:
        team = Team(await Member(client).join("owner@example.org"))
        await team.prepare(3)
        yield team


async def test_an_assignment_is_created_read_changed_and_deleted(team: Team) -> None:
    """With entity tags and preconditions as everywhere."""
    ada = await team.join("ada")
    made = await team.owner.call("POST", "/v1/assignments", {"document_id": team.documents[0], "user_id": ada.id})
    path = f"/v1/assignments/{made.json['id']}"
    assert (made.status, made.headers["Location"], made.headers["ETag"]) == (201, path, '"1"')
    assert made.json["id"].startswith("asg_")
    read = await ada.call("GET", path)
    assert read.json == made.json
    assert (await ada.call("GET", path, headers={"If-None-Match": '"1"'})).status == 304
    stale = await ada.call("PATCH", path, {"state": "done"}, headers={"If-Match": '"2"'})
    assert stale.problem == "precondition-failed"
    done = await ada.call("PATCH", path, {"state": "done"}, headers={"If-Match": '"1"'})
    assert (done.status, done.json["state"], done.headers["ETag"]) == (200, "done", '"2"')
    assert (await ada.call("PATCH", path, {"state": "finished"})).problem == "invalid"
    assert (await ada.call("PATCH", path, {"document_id": team.documents[1]})).problem == "immutable"
    assert (await ada.call("DELETE", path)).problem == "forbidden"
    assert (await team.owner.call("DELETE", path)).status == 204
    assert (await ada.call("GET", path)).problem == "gone"


async def test_lists_are_filtered_by_every_index(team: Team) -> None:
    """And hold nothing of projects that one may not read."""
    ada, bob = await team.join("ada"), await team.join("bob")
    for document, user, state in ((0, ada, "todo"), (0, bob, "done"), (1, ada, "done")):
        await team.owner.create(
            "/v1/assignments", document_id=team.documents[document], user_id=user.id, state=state, task="annotate"
        )
    await team.owner.create(
        "/v1/assignments", document_id=team.documents[2], user_id=team.owner.id, task="review", state="todo"
    )

    async def count(query: str, who: Member = ada) -> int:
        answer = await who.call("GET", f"/v1/assignments?count=true&{query}")
        assert answer.status == 200, answer.data
        return int(answer.json["total"])

    project_id = team.project.rpartition("/")[2]
    assert await count("") == await count(f"project_id={project_id}") == 4
    assert await count(f"document_id={team.documents[0]}") == 2
    assert await count(f"user_id={ada.id}") == 2
    assert await count(f"user_id={ada.id}&state=done") == 1
    assert await count("task=review") == 1
    assert await count("state=todo&state=done&task=annotate") == 3
    eve = await team.owner.join("eve@example.org")
    assert await count(f"project_id={project_id}", eve) == await count("", eve) == 0
    assert (await eve.call("GET", f"/v1/assignments?document_id={team.documents[0]}")).problem == "not-found"
    assert (await ada.call("GET", "/v1/assignments?label=x")).problem == "malformed"


async def test_a_retry_under_a_key_gives_the_first_answer_again(team: Team) -> None:
    """Not that it is there already."""
    draft = {"document_id": team.documents[0], "user_id": team.owner.id}
    answers = [
        await team.owner.call("POST", "/v1/assignments", draft, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert answers[0].data == answers[1].data
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert (await team.owner.call("POST", "/v1/assignments", draft)).problem == "taken"


async def test_the_next_document_is_an_assignment_of_ones_own(team: Team) -> None:
    """201 with its place, the same with 200 until it is done, and 204 when nothing is left."""
    ada = await team.join("ada")
    path = f"{team.project}/next"
    for document_id in team.documents:
        made = await ada.call("POST", path, {})
        assert (made.status, made.headers["ETag"], made.json["document_id"]) == (201, '"1"', document_id)
        assert made.headers["Location"] == f"/v1/assignments/{made.json['id']}"
        again = await ada.call("POST", path, {"task": "annotate"})
        assert (again.status, again.data, again.headers["ETag"]) == (200, made.data, '"1"')
        assert (await ada.call("PATCH", made.headers["Location"], {"state": "done"})).status == 200
    nothing = await ada.call("POST", path, {})
    assert (nothing.status, nothing.data) == (204, b"")
    assert (await team.owner.call("POST", path, {"task": "review"})).json["document_id"] == team.documents[0]


async def test_the_next_document_under_a_key_stays_the_same(team: Team) -> None:
    """Also once it is done, and for another request it is refused."""
    ada = await team.join("ada")
    path, headers = f"{team.project}/next", {"Idempotency-Key": "k"}
    made = await ada.call("POST", path, {}, headers=headers)
    await ada.call("PATCH", made.headers["Location"], {"state": "done"})
    again = await ada.call("POST", path, {}, headers=headers)
    assert (again.status, again.data, again.headers["Idempotency-Replayed"]) == (201, made.data, "true")
    assert (await ada.call("POST", path, {"task": "annotate"}, headers=headers)).problem == "idempotency-key-reused"


async def test_what_is_wrong_with_a_request_for_the_next_document_is_told(team: Team) -> None:
    """By problems, in the order of checks."""
    ada, eve = await team.join("ada"), await team.owner.join("eve@example.org")
    path = f"{team.project}/next"
    assert (await ada.call("POST", path)).problem == "unsupported-media-type"
    assert (await ada.call("POST", path, data=b"{")).problem == "malformed"
    assert (await ada.call("POST", f"{path}?task=review", {})).problem == "malformed"
    assert (await ada.call("POST", path, {"task": "sleep"})).json["errors"][0]["pointer"] == "/task"
    assert (await ada.call("POST", path, {"user_id": eve.id})).json["errors"][0]["pointer"] == "/user_id"
    assert (await ada.call("POST", path, {"task": "review"})).problem == "forbidden"
    assert (await eve.call("POST", path, {"task": "sleep"})).problem == "not-found"
    assert (await Member(ada.client).call("POST", path, {})).problem == "unauthenticated"
    assert (await ada.call("GET", path)).problem == "method-not-allowed"


async def test_the_rule_is_a_member_of_the_project(team: Team) -> None:
    """With defaults, changed by a merge patch, and refused with the place where it does not fit."""
    before = (await team.owner.call("GET", team.project)).json["assignment"]
    assert before == {"annotators_per_document": 1, "order": "fewest", "release_after": None, "review_own": False}
    patch = {"assignment": {"annotators_per_document": 3, "release_after": 3600}}
    after = await team.owner.call("PATCH", team.project, patch)
    assert after.json["assignment"] == {**before, "annotators_per_document": 3, "release_after": 3600}
    for wrong in ({"annotators_per_document": 101}, {"release_after": 0}, {"n": 1}):
        refused = await team.owner.call("PATCH", team.project, {"assignment": wrong})
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, f"/assignment/{next(iter(wrong))}")


async def test_progress_is_told_of_the_project_its_members_and_its_documents(team: Team) -> None:
    """By task and state; to all who may read the project, and to nobody else."""
    ada, bob = await team.join("ada"), await team.join("bob", "viewer")
    await team.owner.call("PATCH", team.project, {"assignment": {"annotators_per_document": 2}})
    zero = {"todo": 0, "in_progress": 0, "done": 0, "skipped": 0}
    path = f"{team.project}/progress"
    project_id = team.project.rpartition("/")[2]
    assert (await bob.call("GET", path)).json == {
        "project_id": project_id,
        "documents": {"total": 3, "waiting": 3, "annotated": 0, "ready": 0, "reviewed": 0},
        "annotate": zero,
        "review": zero,
        "members": [],
    }
    for who in (ada, team.owner):
        made = await who.call("POST", f"{team.project}/next", {})
        await who.call("PATCH", made.headers["Location"], {"state": "done"})
    # Each document has one before any has two, so the owner has the second one.
    await team.owner.create("/v1/assignments", document_id=team.documents[0], user_id=team.owner.id, state="done")
    await ada.call("POST", f"{team.project}/next", {})
    found = (await bob.call("GET", path)).json
    assert found["documents"] == {"total": 3, "waiting": 2, "annotated": 1, "ready": 1, "reviewed": 0}
    assert found["annotate"] == {**zero, "done": 3, "in_progress": 1}
    members = {one["user_id"]: one for one in found["members"]}
    assert members[ada.id] == {"user_id": ada.id, "annotate": {**zero, "done": 1, "in_progress": 1}, "review": zero}
    assert members[team.owner.id]["annotate"] == {**zero, "done": 2}
    await team.owner.call("POST", f"/v1/documents/{team.documents[0]}/adjudication", {"decided": []})
    found = (await bob.call("GET", path)).json
    assert found["documents"] == {"total": 3, "waiting": 2, "annotated": 1, "ready": 0, "reviewed": 1}
    page = (await bob.call("GET", f"{path}/documents?limit=2&count=true")).json
    assert page["total"] == 3
    rest = (await bob.call("GET", f"{path}/documents?limit=2&count=true&cursor={page['next']}")).json
    items = [*page["items"], *rest["items"]]
    assert [item.pop("document_id") for item in items] == team.documents
    assert items[0].pop("reviewed_at") is not None
    assert items == [
        {"annotating": 0, "annotated": 2, "reviewing": 0},
        {"annotating": 0, "annotated": 1, "reviewing": 0},
        {"annotating": 1, "annotated": 0, "reviewing": 0},
    ]
    eve = await team.owner.join("eve@example.org")
    for wanted in (path, f"{path}/documents"):
        assert (await eve.call("GET", wanted)).problem == "not-found"
        assert (await bob.call("GET", f"{wanted}?state=done")).problem == "malformed"


async def test_what_is_past_its_time_goes_to_somebody_else(tmp_path: Path) -> None:
    """By the clock of the server; who had it is told so, and is given another one."""
    now = 1_800_000_000_000_000

    async with open_app(tmp_path, clock=lambda: now) as client:
        team = Team(await Member(client).join("owner@example.org"))
        await team.prepare(2, assignment={"release_after": 60})
        ada, bob = await team.join("ada"), await team.join("bob")
        path = f"{team.project}/next"
        made = await ada.call("POST", path, {})
        now += 61_000_000
        given = await bob.call("POST", path, {})
        assert given.json["document_id"] == made.json["document_id"]
        late = await ada.call("PATCH", made.headers["Location"], {"state": "done"})
        assert late.problem == "conflict"
        released = (await ada.call("GET", made.headers["Location"])).json
        assert (released["state"], released["version"]) == ("skipped", 2)
        assert released["released_at"] == given.json["created_at"]
        assert (await ada.call("POST", path, {})).json["document_id"] == team.documents[1]
