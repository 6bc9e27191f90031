"""Independent annotators: of others' annotations there is no trace before the review is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.harness import PASSWORD, Client, Member, open_app

SPAN = {"start": 0, "end": 5}


@dataclass
class Scene:
    """A project of independent annotators, with a document that two of them have annotated.

    Attributes:
        owner: Of the project.
        ada: An annotator, and `bob` another one.
        viewer: Who only looks.
        project: Its path.
        document: The document's path.
        of_ada: Her annotation's id, and `of_bob` his.
    """

    owner: Member
    ada: Member
    bob: Member
    viewer: Member
    project: str
    document: str
    of_ada: str
    of_bob: str


async def make(client: Client, **members: Any) -> Scene:
    """Make everything."""
    anybody = Member(client)
    await anybody.join("admin@example.org")
    owner = await anybody.join("owner@example.org")
    project = await owner.create("/v1/projects", name="Letters", **{"annotators": "independent", **members})
    people = []
    for name, role in (("ada", "annotator"), ("bob", "annotator"), ("vic", "viewer")):
        person = await anybody.join(f"{name}@example.org")
        await owner.call("PUT", f"/v1/projects/{project['id']}/members/{person.id}", {"role": role})
        people.append(person)
    ada, bob, viewer = people
    document = await owner.create("/v1/documents", title="Letter", text="Marie Curie", project_id=project["id"])
    path = f"/v1/documents/{document['id']}"
    made = [await who.create(f"{path}/annotations", **SPAN, label="name") for who in (ada, bob)]
    return Scene(owner, ada, bob, viewer, f"/v1/projects/{project['id']}", path, made[0]["id"], made[1]["id"])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give the project."""
    async with open_app(tmp_path) as client:
        yield await make(client)


async def counted(who: Member, path: str) -> tuple[list[str], int]:
    """Return the ids of a list and its count."""
    answer = await who.call("GET", f"{path}{'&' if '?' in path else '?'}count=true")
    assert answer.status == 200, answer.data
    return [item["id"] for item in answer.json["items"]], answer.json["total"]


async def test_annotators_see_their_own_and_those_who_decide_see_all(scene: Scene) -> None:
    """By id, in nested lists and flat ones, with every filter; and what is counted is what is listed."""
    document_id = scene.document.rpartition("/")[2]
    lists = (
        "/v1/annotations",
        f"{scene.document}/annotations",
        f"/v1/annotations?document_id={document_id}",
        "/v1/annotations?label=name",
        f"/v1/annotations?author_id={scene.ada.id}&author_id={scene.bob.id}",
    )
    for path in lists:
        assert await counted(scene.ada, path) == ([scene.of_ada], 1), path
        assert await counted(scene.bob, path) == ([scene.of_bob], 1), path
        assert await counted(scene.viewer, path) == ([], 0), path
        assert await counted(scene.owner, path) == ([scene.of_ada, scene.of_bob], 2), path
    assert await counted(scene.ada, f"/v1/annotations?author_id={scene.bob.id}") == ([], 0)
    assert (await scene.ada.call("GET", f"/v1/annotations/{scene.of_ada}")).status == 200
    for who in (scene.ada, scene.viewer):
        assert (await who.call("GET", f"/v1/annotations/{scene.of_bob}")).status == 404
    for role in ("editor", "reviewer"):
        await scene.owner.call("PUT", f"{scene.project}/members/{scene.viewer.id}", {"role": role})
        assert (await scene.viewer.call("GET", f"/v1/annotations/{scene.of_bob}")).status == 200


async def test_administrators_and_members_of_several_projects_see_what_each_allows(scene: Scene) -> None:
    """Hidden in one project, shared in another, and all of it for an administrator."""
    shared = await scene.owner.create("/v1/projects", name="Shared")
    path = f"/v1/projects/{shared['id']}/members/{scene.ada.id}"
    assert (await scene.owner.call("PUT", path, {"role": "annotator"})).status == 200
    document = await scene.owner.create("/v1/documents", title="t", text="Marie", project_id=shared["id"])
    there = await scene.owner.create(f"/v1/documents/{document['id']}/annotations", **SPAN)
    assert await counted(scene.ada, "/v1/annotations") == ([scene.of_ada, there["id"]], 2)
    both = f"/v1/annotations?document_id={document['id']}&document_id={scene.document.rpartition('/')[2]}"
    assert await counted(scene.ada, both) == ([scene.of_ada, there["id"]], 2)
    session = await scene.owner.create("/v1/sessions", email="admin@example.org", password=PASSWORD)
    admin = Member(scene.owner.client, session["token"])
    assert (await counted(admin, "/v1/annotations"))[1] == 3


async def test_pages_hold_what_one_sees(scene: Scene) -> None:
    """Each is full, and the cursor leads through one's own, those of private documents too."""
    for _ in range(3):
        await scene.bob.create(f"{scene.document}/annotations", **SPAN)
        await scene.ada.create(f"{scene.document}/annotations", **SPAN)
    private = await scene.ada.create("/v1/documents", title="p", text="Marie")
    own = await scene.ada.create(f"/v1/documents/{private['id']}/annotations", **SPAN)
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await scene.ada.call("GET", f"/v1/annotations?limit=2&count=true{cursor}")).json
        assert answer["total"] == 5
        ids += [item["id"] for item in answer["items"]]
        cursor = None if answer["next"] is None else f"&cursor={answer['next']}"
    assert len(ids) == len(set(ids)) == 5
    assert ids[-1] == own["id"]


async def test_what_is_hidden_can_be_neither_changed_nor_told_from_what_is_not_there(scene: Scene) -> None:
    """404 for everything that names it, the same for what was deleted and what never was."""
    path = f"/v1/annotations/{scene.of_bob}"
    etag = (await scene.bob.call("GET", path)).headers["ETag"]
    for method, value, headers in (
        ("GET", None, {"If-None-Match": etag}),
        ("GET", None, {"If-Match": etag}),
        ("PATCH", {"label": "x"}, {}),
        ("PATCH", {"label": "x"}, {"If-Match": '"9"'}),
        ("PUT", {"document_id": scene.document.rpartition("/")[2], **SPAN}, {}),
        ("DELETE", None, {}),
    ):
        answer = await scene.ada.call(method, path, value, headers=headers)
        assert (answer.status, answer.problem) == (404, "not-found"), method
        assert "ETag" not in answer.headers
    assert (await scene.bob.call("DELETE", path)).status == 204
    assert (await scene.bob.call("GET", path)).status == 410
    assert (await scene.owner.call("GET", path)).status == 410
    for who in (scene.ada, scene.viewer):
        assert (await who.call("GET", path)).status == 404
    assert (await scene.ada.call("PUT", path, {"document_id": scene.document.rpartition("/")[2]})).status == 404


async def test_rules_do_not_tell_of_what_is_hidden(scene: Scene) -> None:
    """A target that is hidden is like one that is not there, and a refused deletion names and counts no others."""
    absent = "ann_01h455vb4pex5vsknk084sn02q"
    told = []
    for target in (scene.of_bob, absent):
        arguments = [{"role": "a", "target": scene.of_ada}, {"role": "b", "target": target}]
        answer = await scene.ada.call("POST", f"{scene.document}/annotations", {"arguments": arguments})
        assert (answer.status, answer.problem) == (422, "invalid")
        told.append(answer.data.replace(target.encode(), b""))
    assert told[0] == told[1]
    arguments = [{"role": "a", "target": scene.of_ada}, {"role": "b", "target": scene.of_bob}]
    relation = await scene.owner.create(f"{scene.document}/annotations", arguments=arguments)
    for query in ("", "?cascade=true"):
        answer = await scene.ada.call("DELETE", f"/v1/annotations/{scene.of_ada}{query}")
        assert (answer.status, answer.problem) == (409, "in-use")
        assert relation["id"].encode() not in answer.data
        assert b"1 marks" not in answer.data
    assert await counted(scene.ada, f"/v1/annotations?target={scene.of_ada}") == ([], 0)
    answer = await scene.owner.call("DELETE", f"/v1/annotations/{scene.of_ada}")
    assert relation["id"].encode() in answer.data


async def test_what_pointed_to_others_before_may_stay(scene: Scene) -> None:
    """A project that becomes independent does not keep annotators from changing what is theirs."""
    await scene.owner.call("PATCH", scene.project, {"annotators": "shared"})
    assert (await scene.ada.call("GET", f"/v1/annotations/{scene.of_bob}")).status == 200
    arguments = [{"role": "a", "target": scene.of_ada}, {"role": "b", "target": scene.of_bob}]
    relation = await scene.ada.create(f"{scene.document}/annotations", arguments=arguments)
    await scene.owner.call("PATCH", scene.project, {"annotators": "independent"})
    answer = await scene.ada.call("PATCH", f"/v1/annotations/{relation['id']}", {"label": "met"})
    assert answer.status == 200, answer.data


async def test_shared_is_the_default_and_the_rest_is_refused(scene: Scene) -> None:
    """As it was before there was the choice."""
    assert (await scene.owner.create("/v1/projects", name="x"))["annotators"] == "shared"
    answer = await scene.owner.call("PATCH", scene.project, {"annotators": "alone"})
    assert (answer.status, answer.problem) == (422, "invalid")
    assert (await scene.ada.call("PATCH", scene.project, {"annotators": "shared"})).status == 403


async def test_offsets_in_utf16_are_converted_for_members_too(scene: Scene) -> None:
    """Whoever uploaded the document."""
    document = await scene.owner.create(
        "/v1/documents", title="t", text="\U0001d11e Bach", project_id=scene.project.rpartition("/")[2]
    )
    path = f"/v1/documents/{document['id']}/annotations?offset_unit=utf16"
    made = await scene.ada.create(path, start=3, end=7, text="Bach")
    assert (made["start"], made["end"]) == (3, 7)
    assert (await scene.ada.call("GET", f"/v1/annotations/{made['id']}")).json["start"] == 2


async def test_what_is_hidden_stays_so_after_a_restart(tmp_path: Path) -> None:
    """The project's choice and the author of what was deleted are kept."""
    async with open_app(tmp_path) as client:
        scene = await make(client)
        assert (await scene.bob.call("DELETE", f"/v1/annotations/{scene.of_bob}")).status == 204
    async with open_app(tmp_path) as client:
        ada, bob = (Member(client, who.token, who.id) for who in (scene.ada, scene.bob))
        assert [(await who.call("GET", f"/v1/annotations/{scene.of_bob}")).status for who in (ada, bob)] == [404, 410]
        assert await counted(bob, "/v1/annotations") == ([], 0)
        assert await counted(ada, "/v1/annotations") == ([scene.of_ada], 1)


async def test_assignments_tell_nothing_of_annotations_that_are_hidden(tmp_path: Path) -> None:
    """Whatever others annotate and delete, what an annotator is told of assignments and progress stays the same."""
    async with open_app(tmp_path) as client:
        scene = await make(client, assignment={"annotators_per_document": 2})
        project_id, document_id = (path.rpartition("/")[2] for path in (scene.project, scene.document))
        await scene.owner.create("/v1/documents", title="Next", text="Marie", project_id=project_id)
        await scene.ada.call("POST", f"{scene.project}/next", {})
        paths = (
            f"/v1/assignments?project_id={project_id}&count=true",
            f"/v1/assignments?document_id={document_id}",
            f"{scene.project}/progress",
            f"{scene.project}/progress/documents",
        )

        async def told() -> list[bytes]:
            answers = [await scene.ada.call("GET", path) for path in paths]
            answers.append(await scene.ada.call("POST", f"{scene.project}/next", {}))
            assert {answer.status for answer in answers} == {200}
            return [answer.data for answer in answers]

        before = await told()
        extra = await scene.bob.create(f"{scene.document}/annotations", start=6, end=11, label="name")
        await scene.owner.create(f"{scene.document}/annotations", **SPAN, label="name")
        assert await told() == before
        for one in (extra["id"], scene.of_bob):
            assert (await scene.bob.call("DELETE", f"/v1/annotations/{one}")).status == 204
        assert await told() == before
        # What somebody says of how far they are is for all to see.
        await scene.bob.call("POST", f"{scene.project}/next", {})
        assert await told() != before


async def test_operations_tell_nothing_of_what_is_hidden(scene: Scene) -> None:
    """Of a transaction and of a bulk load, though earlier operations were the annotator's own."""
    document_id = scene.document.rpartition("/")[2]
    own = {"op": "create", "kind": "annotation", "value": {"document_id": document_id, **SPAN}}
    arguments = [{"role": "x", "target": scene.of_ada}, {"role": "y", "target": scene.of_bob}]
    attempts: list[tuple[dict[str, Any], int]] = [
        ({"op": "delete", "kind": "annotation", "id": scene.of_bob}, 404),
        ({"op": "update", "kind": "annotation", "id": scene.of_bob, "value": {"label": "x"}}, 404),
        ({"op": "replace", "kind": "annotation", "id": scene.of_bob, "value": own["value"]}, 404),
        ({"op": "create", "kind": "annotation", "value": {"document_id": document_id, "arguments": arguments}}, 422),
    ]
    for operation, status in attempts:
        answer = await scene.ada.call("POST", "/v1/transactions", {"operations": [own, operation]})
        assert answer.status == status, answer.data
        if operation["op"] != "replace":
            never = scene.of_bob[:-1] + ("0" if scene.of_bob[-1] != "0" else "1")
            other = msgspec.json.decode(msgspec.json.encode(operation).replace(scene.of_bob.encode(), never.encode()))
            unknown = await scene.ada.call("POST", "/v1/transactions", {"operations": [own, other]})
            assert unknown.data.decode().replace(never, "ID") == answer.data.decode().replace(scene.of_bob, "ID")
        lines = msgspec.json.encode(own) + b"\n" + msgspec.json.encode(operation)
        headers = {"Content-Type": "application/x-ndjson"}
        loaded = await scene.ada.call("POST", "/v1/bulk", data=lines, headers=headers)
        assert [msgspec.json.decode(line).get("status") for line in loaded.data.splitlines()] == [status, None]
