"""Labels that are renamed and merged: in the project and in every mark, at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Member, open_app
from tests.http.test_access import Scene

SPAN = {"start": 0, "end": 5}
LABELS: list[dict[str, Any]] = [
    {"name": "person", "types": ["span"], "attributes": {"certain": {"type": "boolean"}}},
    {"name": "human", "types": ["span"]},
    {"name": "works-for", "types": ["relation"], "arguments": [{"role": "who", "labels": ["person", "human"]}]},
]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a project; three marks of one request's, at most, get another label."""
    async with open_app(tmp_path, {"limits": {"relabel_max": 3}}) as client:
        anybody = Member(client)
        await anybody.join("admin@example.org")
        scene = Scene(anybody, await anybody.join("owner@example.org"))
        await scene.prepare()
        yield scene


async def put(scene: Scene, label: str, **members: Any) -> str:
    """Put an annotation on the document and return its path."""
    made = await scene.owner.create(f"{scene.document}/annotations", **{**SPAN, **members}, label=label)
    return f"/v1/annotations/{made['id']}"


async def label_of(scene: Scene, path: str) -> tuple[str, int]:
    """Return the label of a mark and its version."""
    mark = (await scene.owner.call("GET", path)).json
    return mark["label"], mark["version"]


async def test_a_label_is_renamed_everywhere(scene: Scene) -> None:
    """In the labels, in roles of others, in annotations and in extractions; not in other projects."""
    await scene.owner.call("PATCH", scene.project, {"labels": LABELS})
    source = {"name": "m"}
    extraction = await scene.owner.create(f"{scene.document}/extractions", **SPAN, source=source, label="person")
    annotation = await put(scene, "person")
    private = await scene.owner.create("/v1/documents", title="p", text="Marie")
    other = await scene.owner.create(f"/v1/documents/{private['id']}/annotations", **SPAN, label="person")
    version = (await scene.owner.call("GET", scene.project)).json["version"]
    answer = await scene.owner.call("POST", f"{scene.project}/labels/rename", {"from": "person", "to": "name"})
    assert (answer.status, answer.headers["ETag"]) == (200, f'"{version + 1}"')
    assert [label["name"] for label in answer.json["labels"]] == ["name", "human", "works-for"]
    assert answer.json["labels"][0]["attributes"] == LABELS[0]["attributes"]
    assert answer.json["labels"][2]["arguments"] == [{"role": "who", "labels": ["name", "human"]}]
    assert answer.json == (await scene.owner.call("GET", scene.project)).json
    for path in (annotation, f"/v1/extractions/{extraction['id']}"):
        assert await label_of(scene, path) == ("name", 2)
    assert await label_of(scene, f"/v1/annotations/{other['id']}") == ("person", 1)
    found = await scene.owner.call("GET", f"{scene.document}/annotations?label=name&count=true")
    assert found.json["total"] == 1


async def test_labels_are_merged_everywhere(scene: Scene) -> None:
    """Those that became another one are gone, and roles name it once; one on marks alone can be merged too."""
    await scene.owner.call("PATCH", scene.project, {"labels": LABELS})
    marks = [await put(scene, label) for label in ("person", "persn", "human")]
    merging = {"from": ["person", "persn"], "into": "human"}
    answer = await scene.owner.call("POST", f"{scene.project}/labels/merge", merging)
    assert answer.status == 200, answer.data
    assert [label["name"] for label in answer.json["labels"]] == ["human", "works-for"]
    assert answer.json["labels"][1]["arguments"] == [{"role": "who", "labels": ["human"]}]
    assert [await label_of(scene, mark) for mark in marks] == [("human", 2), ("human", 2), ("human", 1)]


@pytest.mark.parametrize(
    ("path", "body", "status", "problem", "pointer"),
    [
        ("rename", {"from": "persom", "to": "x"}, 422, "label-unknown", "/from"),
        ("rename", {"from": "person", "to": "person"}, 422, "invalid", "/to"),
        ("rename", {"from": "person", "to": "human"}, 409, "conflict", None),
        ("rename", {"from": "person", "to": "marked"}, 409, "conflict", None),
        ("rename", {"from": "person"}, 422, "invalid", ""),
        ("rename", {"from": "person", "to": ""}, 422, "invalid", "/to"),
        ("merge", {"from": [], "into": "human"}, 422, "invalid", "/from"),
        ("merge", {"from": ["human", "persom"], "into": "person"}, 422, "label-unknown", "/from/1"),
        ("merge", {"from": ["person", "human"], "into": "human"}, 422, "invalid", "/from/1"),
        ("merge", {"from": ["person"], "into": "humam"}, 422, "label-unknown", "/into"),
    ],
)
async def test_what_cannot_be_is_refused(
    scene: Scene, path: str, body: object, status: int, problem: str, pointer: str | None
) -> None:
    """With the place and the nearest label, and nothing is changed."""
    await scene.owner.call("PATCH", scene.project, {"labels": LABELS})
    mark = await put(scene, "marked")
    before = (await scene.owner.call("GET", scene.project)).data
    answer = await scene.owner.call("POST", f"{scene.project}/labels/{path}", body)
    assert (answer.status, answer.problem) == (status, problem), answer.data
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer
    if problem == "label-unknown":
        assert "the nearest is" in answer.json["errors"][0]["detail"]
    assert (await scene.owner.call("GET", scene.project)).data == before
    assert await label_of(scene, mark) == ("marked", 1)


async def test_a_closed_project_merges_what_fits(scene: Scene) -> None:
    """Marks that would not fit are named; what did not fit before is no hindrance."""
    await put(scene, "person", attributes={"unheard": 1})
    await scene.owner.call("PATCH", scene.project, {"labels": LABELS, "label_policy": "closed"})
    mark = await put(scene, "person", attributes={"certain": True})
    merging = {"from": ["person"], "into": "human"}
    answer = await scene.owner.call("POST", f"{scene.project}/labels/merge", merging)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert len(answer.json["errors"]) == 1
    assert mark.rpartition("/")[2] in answer.json["errors"][0]["detail"]
    await scene.owner.call("PATCH", mark, {"attributes": None})
    assert (await scene.owner.call("POST", f"{scene.project}/labels/merge", merging)).status == 200
    assert await label_of(scene, mark) == ("human", 3)


async def test_more_marks_than_the_limit_are_refused(scene: Scene) -> None:
    """As many as the limit are taken; one more is 422, and nothing is changed."""
    marks = [await put(scene, "person") for _ in range(3)]
    renaming = {"from": "person", "to": "name"}
    assert (await scene.owner.call("POST", f"{scene.project}/labels/rename", renaming)).status == 200
    await put(scene, "name")
    answer = await scene.owner.call("POST", f"{scene.project}/labels/rename", {"from": "name", "to": "person"})
    assert (answer.status, answer.problem) == (422, "too-many-marks")
    assert "limits.relabel_max" in answer.json["detail"]
    assert await label_of(scene, marks[0]) == ("name", 2)


async def test_conditions_and_keys_work_as_on_other_mutations(scene: Scene) -> None:
    """A stale version is 412, and a retry gets the first answer."""
    await put(scene, "person")
    path, renaming = f"{scene.project}/labels/rename", {"from": "person", "to": "name"}
    assert (await scene.owner.call("POST", path, renaming, headers={"If-Match": '"9"'})).status == 412
    first = await scene.owner.call("POST", path, renaming, headers={"Idempotency-Key": "k"})
    again = await scene.owner.call("POST", path, renaming, headers={"Idempotency-Key": "k"})
    assert (first.status, first.data) == (again.status, again.data)
    assert again.headers["Idempotency-Replayed"] == "true"
