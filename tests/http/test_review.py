"""Comparison and agreement over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import open_app
from tests.http.test_independent import SPAN, Scene, make

LIMITS = {"comparison_max": 4, "agreement_max": 6, "agreement_annotators_max": 2, "agreement_labels_max": 2}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a project of independent annotators, of whom two have annotated a document."""
    async with open_app(tmp_path, {"limits": LIMITS}) as client:
        yield await make(client)


async def test_annotators_are_compared(scene: Scene) -> None:
    """With whole entities; what was decided is not compared, and who is not asked for is left out."""
    only = await scene.bob.create(f"{scene.document}/annotations", start=6, end=11, label="name")
    answer = await scene.owner.call("GET", f"{scene.document}/comparison")
    assert answer.status == 200, answer.data
    body = answer.json
    assert body["document_id"] == scene.document.rpartition("/")[2]
    assert body["annotators"] == sorted([scene.ada.id, scene.bob.id])
    assert (body["agreements"], body["disagreements"], body["only_one"]) == (1, 0, 1)
    first, second = body["items"]
    assert [mark["id"] for mark in first["annotations"]] == [scene.of_ada, scene.of_bob]
    assert (second["kind"], second["annotations"]) == ("only_one", [only])
    await scene.owner.call("POST", f"{scene.document}/adjudication", {"decided": [{"take": only["id"]}], "reject": []})
    assert (await scene.owner.call("GET", f"{scene.document}/comparison")).json == body
    query = f"annotator={scene.ada.id}&annotator={scene.viewer.id}"
    body = (await scene.owner.call("GET", f"{scene.document}/comparison?{query}")).json
    assert body["annotators"] == [scene.ada.id, scene.viewer.id]
    assert [item["kind"] for item in body["items"]] == ["only_one"]


async def test_offsets_of_a_comparison_are_converted_on_request(scene: Scene) -> None:
    """Those of items and of annotations."""
    project_id = scene.project.rpartition("/")[2]
    made = await scene.owner.create("/v1/documents", title="t", text="\U0001d11e Bach", project_id=project_id)
    path = f"/v1/documents/{made['id']}"
    await scene.ada.create(f"{path}/annotations", start=2, end=6)
    (item,) = (await scene.owner.call("GET", f"{path}/comparison?offset_unit=utf16")).json["items"]
    assert (item["start"], item["end"], item["annotations"][0]["start"]) == (3, 7, 3)


@pytest.mark.parametrize("query", ["annotator=x", "attributes=perhaps", "who=x"])
async def test_a_comparison_that_cannot_be_read_is_400(scene: Scene, query: str) -> None:
    """One annotator is none to compare."""
    answer = await scene.owner.call("GET", f"{scene.document}/comparison?{query}")
    assert (answer.status, answer.problem) == (400, "malformed")


async def test_agreement_is_told_of_all_and_of_some(scene: Scene) -> None:
    """Overall, for each label and each pair; labels that are asked for are all that counts."""
    await scene.bob.create(f"{scene.document}/annotations", start=6, end=11, label="other")
    answer = await scene.owner.call("GET", f"{scene.project}/agreement")
    assert answer.status == 200, answer.data
    body = answer.json
    who = sorted([scene.ada.id, scene.bob.id])
    assert (body["project_id"], body["annotators"]) == (scene.project.rpartition("/")[2], who)
    assert (body["documents"], body["code_points"]) == (1, 11)
    assert body["overall"]["exact_f1"] == 2 / 3
    assert body["labels"]["name"] == {"spans": 2, "exact_f1": 1.0, "overlap_f1": 1.0, "kappa": 1.0, "alpha": 1.0}
    assert body["labels"]["other"]["kappa"] == 0.0
    (pair,) = body["pairs"]
    assert (pair["annotators"], pair["documents"], pair["overall"]) == (who, 1, body["overall"])
    body = (await scene.owner.call("GET", f"{scene.project}/agreement?label=name")).json
    assert (body["overall"]["exact_f1"], list(body["labels"])) == (1.0, ["name"])
    query = f"annotator={scene.ada.id}&annotator={scene.viewer.id}"
    body = (await scene.owner.call("GET", f"{scene.project}/agreement?{query}")).json
    assert (body["documents"], body["pairs"], body["overall"]["kappa"]) == (0, [], None)
    for query, status in (("annotator=x", 400), ("who=x", 400)):
        assert (await scene.owner.call("GET", f"{scene.project}/agreement?{query}")).status == status


async def test_neither_decisions_nor_rejections_count(scene: Scene) -> None:
    """They are no spans of annotators."""
    before = (await scene.owner.call("GET", f"{scene.project}/agreement")).data
    made = await scene.owner.create(f"{scene.document}/extractions", start=6, end=11, source={"name": "m"})
    await scene.ada.create(f"{scene.document}/annotations", extraction_id=made["id"], verdict="rejected")
    await scene.owner.call("POST", f"{scene.document}/adjudication", {"decided": [{"value": {"start": 6, "end": 7}}]})
    assert (await scene.owner.call("GET", f"{scene.project}/agreement")).data == before


async def test_as_many_as_the_limits_and_no_more(scene: Scene) -> None:
    """With what to ask for instead."""
    path = f"{scene.document}/annotations"
    for _ in range(2):
        await scene.ada.create(path, **SPAN, label="other")
    assert (await scene.owner.call("GET", f"{scene.document}/comparison")).status == 200
    await scene.ada.create(path, **SPAN, label="name")
    answer = await scene.owner.call("GET", f"{scene.document}/comparison")
    assert (answer.status, answer.problem) == (422, "too-many-marks")
    assert "annotator=" in answer.json["detail"]
    agreement = f"{scene.project}/agreement"
    assert (await scene.owner.call("GET", agreement)).status == 200
    third = await scene.ada.create(path, **SPAN, label="third")
    answer = await scene.owner.call("GET", agreement)
    assert (answer.problem, "label=" in answer.json["detail"]) == ("too-many-marks", True)
    assert (await scene.owner.call("GET", f"{agreement}?label=name&label=third")).status == 200
    await scene.ada.call("DELETE", f"/v1/annotations/{third['id']}")
    await scene.owner.create(path, **SPAN, label="name")
    answer = await scene.owner.call("GET", agreement)
    assert (answer.problem, "annotator=" in answer.json["detail"]) == ("too-many-marks", True)
    assert (
        await scene.owner.call("GET", f"{agreement}?annotator={scene.ada.id}&annotator={scene.bob.id}")
    ).status == 200
    await scene.ada.create(path, **SPAN, label="name")
    answer = await scene.owner.call("GET", agreement)
    assert (answer.problem, "6 at most" in answer.json["detail"]) == ("too-many-marks", True)


async def test_as_many_sets_of_labels_as_the_limit_and_no_more(tmp_path: Path) -> None:
    """Else labels that overlap in all ways would take any amount of memory."""
    async with open_app(tmp_path, {"limits": {"agreement_combinations_max": 3}}) as client:
        scene = await make(client)
        path = f"{scene.document}/annotations"
        await scene.ada.create(path, start=2, end=7, label="other")
        narrow = await scene.ada.create(path, start=2, end=5, label="name")
        agreement = f"{scene.project}/agreement"
        assert (await scene.owner.call("GET", agreement)).status == 422
        await scene.ada.call("DELETE", f"/v1/annotations/{narrow['id']}")
        await scene.ada.call("PATCH", f"/v1/annotations/{scene.of_ada}", {"start": 2, "end": 7})
        assert (await scene.owner.call("GET", agreement)).status == 200
        await scene.bob.create(path, start=8, end=9, label="other")
        answer = await scene.owner.call("GET", agreement)
        assert (answer.status, answer.problem) == (422, "too-many-marks")
        assert "more than 3 sets of labels" in answer.json["detail"]
        assert (await scene.owner.call("GET", f"{agreement}?label=name&label=third")).status == 200


async def test_what_takes_long_lets_others_have_their_turn(tmp_path: Path) -> None:
    """While agreement is counted the loop goes on; who may not see it any more at the end is told nothing."""
    async with open_app(tmp_path, {"limits": {"agreement_labels_max": 1000}}) as client:
        scene = await make(client)
        project_id = scene.project.rpartition("/")[2]
        text = "Marie Curie " * 400
        document = await scene.owner.create("/v1/documents", title="t", text=text, project_id=project_id)
        for who in (scene.ada, scene.bob):
            path = f"/v1/documents/{document['id']}/annotations"
            for place in range(500):
                await who.create(path, start=9 * place, end=9 * place + 7, label=f"l{place % 40}")
        path = f"{scene.project}/members/{scene.viewer.id}"
        await scene.owner.call("PUT", path, {"role": "reviewer"})
        asking = asyncio.create_task(scene.viewer.call("GET", f"{scene.project}/agreement"))
        gaps, before = [], time.perf_counter()
        await asyncio.sleep(0.002)
        removing = asyncio.create_task(scene.owner.call("DELETE", path))
        while not asking.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - before)
            before = now
        assert (await removing).status == 204
        assert (await asking).status in {200, 404}
        assert sorted(gaps)[-3] < 0.05, gaps
