"""The table of roles, cell by cell over HTTP, and what of a project nobody else sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from service.decide.roles import ALLOWED, Action
from service.kinds.project import ProjectRole
from tests.harness import PASSWORD, Answer, Member, open_app

ROLES: tuple[ProjectRole, ...] = get_args(ProjectRole)
DOCS = Path(__file__).parent.parent.parent / "docs" / "access.md"
SPAN = {"start": 0, "end": 5}


@dataclass
class Scene:
    """A project of somebody's with a document, on which there is an extraction and somebody's annotation.

    Attributes:
        anybody: Nobody in particular.
        owner: Of the project.
        project: Its path.
        document: The document's path.
        extraction: Of the document, its path.
        annotation: The owner's, its path.
        assignment: The owner's, of the document, its path.
    """

    anybody: Member
    owner: Member
    project: str = ""
    document: str = ""
    extraction: str = ""
    annotation: str = ""
    assignment: str = ""

    async def prepare(self) -> None:
        """Make everything."""
        project = await self.owner.create("/v1/projects", name="Letters")
        self.project = f"/v1/projects/{project['id']}"
        document = await self.owner.create("/v1/documents", title="Letter", text="Marie", project_id=project["id"])
        self.document = f"/v1/documents/{document['id']}"
        source = {"name": "model"}
        extraction = await self.owner.create(f"{self.document}/extractions", **SPAN, source=source)
        self.extraction = f"/v1/extractions/{extraction['id']}"
        annotation = await self.owner.create(f"{self.document}/annotations", **SPAN)
        self.annotation = f"/v1/annotations/{annotation['id']}"
        assignment = await self.owner.create("/v1/assignments", document_id=document["id"], user_id=self.owner.id)
        self.assignment = f"/v1/assignments/{assignment['id']}"

    async def join(self, name: str, role: ProjectRole | None) -> Member:
        """Have somebody register, and be something in the project."""
        member = await self.anybody.join(f"{name}@example.org")
        if role is not None:
            answer = await self.owner.call("PUT", f"{self.project}/members/{member.id}", {"role": role})
            assert answer.status == 200, answer.data
            assert answer.json["members"][member.id] == role
        return member


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a project; its owner is no administrator."""
    async with open_app(tmp_path) as client:
        anybody = Member(client)
        await anybody.join("admin@example.org")
        scene = Scene(anybody, await anybody.join("owner@example.org"))
        await scene.prepare()
        yield scene


async def read(who: Member, scene: Scene) -> list[Answer]:
    """Read everything."""
    paths = (
        scene.project,
        scene.document,
        scene.extraction,
        scene.annotation,
        scene.assignment,
        f"{scene.document}/annotations",
    )
    return [await who.call("GET", path) for path in paths]


async def create_annotation(who: Member, scene: Scene) -> list[Answer]:
    """Put an annotation, change it, delete it."""
    made = await who.call("POST", f"{scene.document}/annotations", SPAN)
    if made.status != 201:
        return [made]
    own = f"/v1/annotations/{made.json['id']}"
    return [made, await who.call("PATCH", own, {"label": "name"}), await who.call("DELETE", own)]


async def manage(who: Member, scene: Scene) -> list[Answer]:
    """Add somebody, change them, and take them out."""
    friend = await scene.anybody.join(f"friend-{who.id}@example.org")
    path = f"{scene.project}/members/{friend.id}"
    answers = [await who.call("PUT", path, {"role": role}) for role in ("viewer", "editor")]
    return [*answers, await who.call("DELETE", path)] if answers[0].status == 200 else answers


async def decide(who: Member, scene: Scene) -> list[Answer]:
    """Set the status of both marks, and try to make one that is decided already."""
    return [await who.call("PATCH", path, {"status": "accepted"}) for path in (scene.extraction, scene.annotation)]


async def see_others(who: Member, scene: Scene) -> list[Answer]:
    """Read the owner's annotation, while annotators are independent."""
    await scene.owner.call("PATCH", scene.project, {"annotators": "independent"})
    answers = [await who.call("GET", scene.annotation)]
    await scene.owner.call("PATCH", scene.project, {"annotators": "shared"})
    return answers


async def change_annotation(who: Member, scene: Scene) -> list[Answer]:
    """Change, replace and delete an annotation of the owner's."""
    document = await scene.owner.create("/v1/documents", title="n", text="x", project_id=scene.project.split("/")[-1])
    mark = await scene.owner.create(f"/v1/documents/{document['id']}/annotations", label="x")
    path, value = f"/v1/annotations/{mark['id']}", {"document_id": document["id"], "label": "z"}
    answers = [await who.call("PATCH", path, {"label": "y"}), await who.call("PUT", path, value)]
    return [*answers, await who.call("DELETE", path)]


async def change_labels(who: Member, scene: Scene) -> list[Answer]:
    """Rename a label and merge it back, as the owner's own marks have it."""
    marked = await scene.owner.create("/v1/documents", title="n", text="x", project_id=scene.project.split("/")[-1])
    await scene.owner.create(f"/v1/documents/{marked['id']}/annotations", label=f"old-{who.id}")
    first = await who.call("POST", f"{scene.project}/labels/rename", {"from": f"old-{who.id}", "to": f"new-{who.id}"})
    if first.status != 200:
        return [first]
    await scene.owner.create(f"/v1/documents/{marked['id']}/annotations", label=f"old-{who.id}")
    merging = {"from": [f"new-{who.id}"], "into": f"old-{who.id}"}
    return [first, await who.call("POST", f"{scene.project}/labels/merge", merging)]


async def review(who: Member, scene: Scene) -> list[Answer]:
    """Compare, adjudicate, which ends the review, and look at the agreement."""
    document = await scene.owner.create("/v1/documents", title="n", text="x", project_id=scene.project.split("/")[-1])
    path = f"/v1/documents/{document['id']}"
    mark = await scene.owner.create(f"{path}/annotations", label="x")
    decided = {"decided": [{"take": mark["id"]}]}
    return [
        await who.call("GET", f"{path}/comparison"),
        await who.call("POST", f"{path}/adjudication", decided),
        await who.call("GET", f"{scene.project}/agreement"),
    ]


async def assign(who: Member, scene: Scene) -> list[Answer]:
    """Give the document to somebody else, say how far they are, and take it back."""
    draft = {"document_id": scene.document.rpartition("/")[2], "user_id": scene.owner.id, "task": "review"}
    made = await who.call("POST", "/v1/assignments", draft)
    if made.status != 201:
        return [
            made,
            await who.call("PATCH", scene.assignment, {"state": "done"}),
            await who.call("DELETE", scene.assignment),
        ]
    path = f"/v1/assignments/{made.json['id']}"
    return [made, await who.call("PATCH", path, {"state": "done"}), await who.call("DELETE", path)]


def take(task: str) -> Callable[[Member, Scene], Awaitable[list[Answer]]]:
    """Return an attempt to be given a document, and to do it; there is one for whoever may."""

    async def attempt(who: Member, scene: Scene) -> list[Answer]:
        document = await scene.owner.create("/v1/documents", title="Next", project_id=scene.project.rpartition("/")[2])
        if task == "review":
            await scene.owner.create(
                "/v1/assignments", document_id=document["id"], user_id=scene.owner.id, state="done"
            )
        made = await who.call("POST", f"{scene.project}/next", {"task": task})
        if made.status in {403, 404}:
            return [made]
        return [made, await who.call("PATCH", f"/v1/assignments/{made.json['id']}", {"state": "done"})]

    return attempt


def once(
    method: str, path: Callable[[Scene], str], body: Callable[[Scene], object] = lambda _: None
) -> Callable[[Member, Scene], Awaitable[list[Answer]]]:
    """Return an attempt of one request."""

    async def attempt(who: Member, scene: Scene) -> list[Answer]:
        return [await who.call(method, path(scene), body(scene))]

    return attempt


ATTEMPTS: dict[Action, Callable[[Member, Scene], Awaitable[list[Answer]]]] = {
    Action.READ: read,
    Action.CHANGE_PROJECT: once("PATCH", lambda scene: scene.project, lambda _: {"name": "Other"}),
    Action.CHANGE_LABELS: change_labels,
    Action.MANAGE_MEMBERS: manage,
    Action.DELETE_PROJECT: once("DELETE", lambda scene: scene.project),
    Action.CREATE_DOCUMENT: once(
        "POST", lambda _: "/v1/documents", lambda scene: {"title": "n", "project_id": scene.project.split("/")[-1]}
    ),
    Action.CHANGE_DOCUMENT: once("PATCH", lambda scene: scene.document, lambda _: {"title": "Other"}),
    Action.DELETE_DOCUMENT: once("DELETE", lambda scene: scene.document),
    Action.CREATE_EXTRACTION: once(
        "POST", lambda scene: f"{scene.document}/extractions", lambda _: {**SPAN, "source": {"name": "m"}}
    ),
    Action.DELETE_EXTRACTION: once("DELETE", lambda scene: scene.extraction),
    Action.CREATE_ANNOTATION: create_annotation,
    Action.CHANGE_ANNOTATION: change_annotation,
    Action.DECIDE: decide,
    Action.ASSIGN: assign,
    Action.TAKE_ANNOTATING: take("annotate"),
    Action.TAKE_REVIEWING: take("review"),
    Action.REVIEW: review,
    Action.SEE_OTHERS: see_others,
}
HIDING = {Action.SEE_OTHERS}
"""What one may not do is to see: it is 404. The attempt itself changes the project."""


@pytest.mark.parametrize("action", Action)
async def test_every_cell_of_the_table_is_as_it_says(scene: Scene, action: Action) -> None:
    """Who may not do something is refused with 403 and changes nothing; a stranger is told 404."""
    members = {role: await scene.join(f"the-{role}", role) for role in ROLES}
    stranger = await scene.join("stranger", None)
    before = [answer.data for answer in await read(scene.owner, scene)]
    for answer in await ATTEMPTS[action](stranger, scene):
        # A project that one cannot see, named in a body, is a fault of the body.
        assert answer.status == (422 if action is Action.CREATE_DOCUMENT else 404), (action, answer.data)
    for role in sorted(ROLES, key=lambda role: role in ALLOWED[action]):
        answers = await ATTEMPTS[action](members[role], scene)
        if role not in ALLOWED[action]:
            refused = (404, "not-found") if action in HIDING else (403, "forbidden")
            assert {(answer.status, answer.problem) for answer in answers} == {refused}, (action, role, answers[0].data)
            assert action in HIDING or [answer.data for answer in await read(scene.owner, scene)] == before
            continue
        assert {answer.status for answer in answers} <= {200, 201, 204}, (action, role, answers[-1].data)
        if action.name.startswith("DELETE"):
            assert (await read(members[role], scene))[0 if action is Action.DELETE_PROJECT else 1].status in {200, 410}
            await scene.prepare()
            for other, member in members.items():
                await scene.owner.call("PUT", f"{scene.project}/members/{member.id}", {"role": other})


def test_every_action_is_tried_and_described() -> None:
    """The documentation's table is the one that is in force."""
    assert set(ATTEMPTS) == set(ALLOWED) == set(Action)
    described = DOCS.read_text()
    assert f"| | {' | '.join(ROLES)} |" in described
    rows = [
        f"| {action.value} | {' | '.join('yes' if role in ALLOWED[action] else '-' for role in ROLES)} |"
        for action in Action
    ]
    assert "\n".join(rows) in described


async def test_lists_hold_what_one_may_read_and_nothing_else(scene: Scene) -> None:
    """Of one's projects and of oneself; an administrator sees all projects, and nobody's private documents."""
    viewer, stranger = await scene.join("viewer", "viewer"), await scene.join("stranger", None)
    own = await stranger.create("/v1/documents", title="Private", text="x")
    await stranger.create(f"/v1/documents/{own['id']}/annotations", start=0, end=1)
    admin = Member(scene.anybody.client, (await log_in(scene, "admin@example.org")), "")
    counts = {}
    for name, who in (("viewer", viewer), ("stranger", stranger), ("owner", scene.owner), ("admin", admin)):
        for collection in ("projects", "documents", "annotations", "extractions", "assignments"):
            counts[name, collection] = (await who.call("GET", f"/v1/{collection}?count=true")).json["total"]
    assert [counts[name, "assignments"] for name in ("viewer", "owner", "admin", "stranger")] == [1, 1, 1, 0]
    assert [counts["viewer", name] for name in ("projects", "documents", "annotations", "extractions")] == [1, 1, 1, 1]
    assert [counts["owner", name] for name in ("projects", "documents", "annotations", "extractions")] == [1, 1, 1, 1]
    assert [counts["admin", name] for name in ("projects", "documents", "annotations", "extractions")] == [1, 1, 1, 1]
    assert [counts["stranger", name] for name in ("projects", "documents", "annotations")] == [0, 1, 1]
    assert (await admin.call("GET", f"/v1/documents/{own['id']}")).status == 404
    project_id = scene.project.rpartition("/")[2]
    assert (await stranger.call("GET", f"/v1/documents?project_id={project_id}&count=true")).json["total"] == 0


async def log_in(scene: Scene, email: str) -> str:
    """Return the token of a new session."""
    return str((await scene.anybody.create("/v1/sessions", email=email, password=PASSWORD))["token"])


async def test_who_was_removed_sees_nothing_any_more(scene: Scene) -> None:
    """Neither the project nor what they put into it, nor may they retry what they did there under a new key."""
    annotator = await scene.join("annotator", "annotator")
    mark = (await annotator.call("POST", f"{scene.document}/annotations", SPAN)).json["id"]
    assert (await annotator.call("DELETE", f"{scene.project}/members/{annotator.id}")).status == 204
    assert [answer.status for answer in await read(annotator, scene)] == [404] * 6
    assert (await annotator.call("PATCH", f"/v1/annotations/{mark}", {"label": "x"})).status == 404
    assert (await annotator.call("DELETE", f"{scene.project}/members/{annotator.id}")).status == 404
    assert (await scene.owner.call("GET", f"/v1/annotations/{mark}")).status == 200


async def test_a_project_never_loses_its_last_owner(scene: Scene) -> None:
    """Not by leaving, not by becoming something else, not by the deletion of the account."""
    path = f"{scene.project}/members/{scene.owner.id}"
    assert (await scene.owner.call("DELETE", path)).problem == "conflict"
    assert (await scene.owner.call("PUT", path, {"role": "viewer"})).problem == "conflict"
    other = await scene.join("other", "viewer")
    assert (await scene.owner.call("DELETE", f"/v1/users/{scene.owner.id}")).problem == "conflict"
    assert (await scene.owner.call("PUT", f"{scene.project}/members/{other.id}", {"role": "owner"})).status == 200
    assert (await scene.owner.call("DELETE", f"/v1/users/{scene.owner.id}")).status == 204
    assert (await other.call("GET", scene.project)).json["members"] == {other.id: "owner"}
    assert (await other.call("GET", scene.annotation)).status == 200
    assert (await other.call("DELETE", f"/v1/users/{other.id}")).status == 204
    admin = Member(scene.anybody.client, await log_in(scene, "admin@example.org"))
    assert (await admin.call("GET", scene.project)).status == 404


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"role": "king"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"role": "viewer", "since": 1}, 422, "invalid"),
        ([], 422, "invalid"),
    ],
)
async def test_a_membership_that_does_not_fit_is_refused(scene: Scene, body: object, status: int, problem: str) -> None:
    """With what was expected; and so is a user that is not there."""
    answer = await scene.owner.call("PUT", f"{scene.project}/members/{scene.owner.id}", body)
    assert (answer.status, answer.problem) == (status, problem)
    absent = await scene.owner.call("PUT", f"{scene.project}/members/user_none", {"role": "viewer"})
    assert (absent.status, absent.problem) == (404, "not-found")


async def test_what_the_server_sets_of_a_project_is_not_taken_from_a_client(scene: Scene) -> None:
    """Members have a path of their own, and documents neither move nor change their owner."""
    editor = await scene.join("editor", "editor")
    for method, path, body in (
        ("PATCH", scene.project, {"members": {editor.id: "owner"}}),
        ("PATCH", scene.document, {"owner_id": editor.id}),
        ("PATCH", scene.document, {"version": 9}),
    ):
        assert (await editor.call(method, path, body)).problem == "invalid", (method, path)
    assert (await editor.call("PATCH", scene.document, {"project_id": None})).problem == "immutable"
    made = await editor.call("POST", "/v1/projects", {"name": "x", "members": {scene.owner.id: "owner"}})
    assert made.problem == "invalid"
    annotation = await editor.call("POST", f"{scene.document}/annotations", {**SPAN, "author_id": scene.owner.id})
    assert annotation.problem == "invalid"
    decided = await editor.call("POST", f"{scene.document}/annotations", {**SPAN, "status": "accepted"})
    assert decided.problem == "forbidden"


async def test_an_external_id_belongs_to_one_document_of_a_project(scene: Scene) -> None:
    """Elsewhere it is free, and so it is after a deletion."""
    project_id = scene.project.rpartition("/")[2]
    body = {"title": "t", "project_id": project_id, "external_id": "7"}
    first = await scene.owner.create("/v1/documents", body)
    again = await scene.owner.call("POST", "/v1/documents", body)
    assert (again.status, again.problem) == (409, "taken")
    assert (await scene.owner.call("POST", "/v1/documents", {"title": "t", "external_id": "7"})).status == 201
    path = f"/v1/documents/{first['id']}"
    assert (await scene.owner.call("PATCH", path, {"title": "other"})).status == 200
    assert (await scene.owner.call("PATCH", scene.document, {"external_id": "7"})).problem == "taken"
    assert (await scene.owner.call("DELETE", path)).status == 204
    assert (await scene.owner.call("POST", "/v1/documents", body)).status == 201


async def test_a_deleted_project_takes_what_is_in_it_along(scene: Scene) -> None:
    """In one transaction; a project that holds too much names what goes first, and nothing is gone then."""
    viewer = await scene.join("viewer", "viewer")
    assert (await scene.owner.call("DELETE", scene.project, headers={"If-Match": '"1"'})).status == 412
    assert (await scene.owner.call("DELETE", scene.project)).status == 204
    assert [answer.status for answer in await read(viewer, scene)] == [404] * 6
    assert (await scene.owner.call("GET", scene.project)).status == 410
    assert (await scene.owner.call("GET", "/v1/annotations?count=true")).json["total"] == 0


async def test_a_project_survives_a_restart_with_its_members(tmp_path: Path) -> None:
    """What one may read is what one could read before."""
    async with open_app(tmp_path) as client:
        anybody = Member(client)
        await anybody.join("admin@example.org")
        scene = Scene(anybody, await anybody.join("owner@example.org"))
        await scene.prepare()
        viewer, stranger = await scene.join("viewer", "viewer"), await scene.join("stranger", None)
    async with open_app(tmp_path) as client:
        viewer.client = stranger.client = client
        assert [answer.status for answer in await read(viewer, scene)] == [200] * 6
        assert [answer.status for answer in await read(stranger, scene)] == [404] * 6
        assert (await viewer.call("GET", "/v1/annotations?count=true")).json["total"] == 1


async def test_a_project_that_is_closed_takes_only_marks_of_its_labels(scene: Scene) -> None:
    """The nearest label is named; what was there before stays, and can be decided about and deleted."""
    before = await scene.owner.create(f"{scene.document}/annotations", **SPAN, label="old")
    labels = [{"name": "person", "types": ["span"], "attributes": {"certain": {"type": "boolean"}}}]
    answer = await scene.owner.call("PATCH", scene.project, {"labels": labels, "label_policy": "closed"})
    assert (answer.json["labels"], answer.json["label_policy"]) == (labels, "closed")
    refused = await scene.owner.call("POST", f"{scene.document}/annotations", {**SPAN, "label": "persn"})
    assert (refused.status, refused.problem) == (422, "label-unknown")
    assert refused.json["errors"][0]["pointer"] == "/label"
    assert "'person'" in refused.json["errors"][0]["detail"]
    made = await scene.owner.create(f"{scene.document}/annotations", **SPAN, label="person")
    assert (await scene.owner.call("PATCH", f"/v1/annotations/{made['id']}", {"label": "x"})).problem == "label-unknown"
    path = f"/v1/annotations/{before['id']}"
    assert (await scene.owner.call("PATCH", path, {"status": "rejected"})).status == 200
    assert (await scene.owner.call("PATCH", path, {"attributes": {"a": 1}})).problem == "label-unknown"
    assert (await scene.owner.call("DELETE", path)).status == 204
    twice = await scene.owner.call("PATCH", scene.project, {"labels": [*labels, *labels]})
    assert twice.json["errors"][0]["pointer"] == "/labels/1/name"
    free = await scene.owner.create("/v1/documents", title="Private", text="Marie")
    await scene.owner.create(f"/v1/documents/{free['id']}/annotations", **SPAN, label="anything")
