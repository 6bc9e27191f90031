"""Adjudication: a reviewer decides which annotations a document has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Answer, Member, open_app
from tests.http.test_independent import SPAN, Scene, counted, make

ABSENT = "ann_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a project of independent annotators, of whom two have annotated a document; five may be touched at once."""
    async with open_app(tmp_path, {"limits": {"adjudication_max": 5}}) as client:
        yield await make(client)


async def adjudicate(scene: Scene, decided: list[Any], headers: dict[str, str] | None = None, **more: Any) -> Answer:
    """Decide, as the owner."""
    return await scene.owner.call(
        "POST", f"{scene.document}/adjudication", {"decided": decided, **more}, headers=headers
    )


async def status_of(scene: Scene, key: str) -> str:
    """Return the status of an annotation."""
    return str((await scene.owner.call("GET", f"/v1/annotations/{key}")).json["status"])


async def test_what_is_decided_is_accepted_and_all_else_rejected(scene: Scene) -> None:
    """In one transaction, with what it rests on; the review is done, and everybody sees everything of the document."""
    value = {"start": 6, "end": 11, "label": "name"}
    answer = await adjudicate(scene, [{"take": scene.of_ada, "rests_on": [scene.of_bob]}, {"value": value}])
    assert answer.status == 200, answer.data
    first, second = answer.json["decided"]
    assert (first["status"], first["author_id"], first["text"], first["label"]) == (
        "accepted",
        scene.owner.id,
        "Marie",
        "name",
    )
    assert first["rests_on"] == [scene.of_ada, scene.of_bob]
    assert (second["text"], second["rests_on"]) == ("Curie", [])
    assert answer.json["rejected"] == [scene.of_ada, scene.of_bob]
    document = answer.json["document"]
    assert (document["version"], document["reviewed_by"]) == (2, scene.owner.id)
    assert answer.headers["ETag"] == '"2"'
    assert document["reviewed_at"] == first["created_at"]
    assert await counted(scene.owner, f"{scene.document}/annotations?status=accepted") == (
        [first["id"], second["id"]],
        2,
    )
    assert await counted(scene.owner, f"/v1/annotations?rests_on={scene.of_bob}") == ([first["id"]], 1)
    for who in (scene.ada, scene.viewer):
        ids = [scene.of_ada, scene.of_bob, first["id"], second["id"]]
        assert await counted(who, f"{scene.document}/annotations") == (ids, 4)
        assert (await who.call("GET", f"/v1/annotations/{scene.of_bob}")).status == 200
    # What names no document holds one's own all the same.
    assert await counted(scene.ada, "/v1/annotations") == ([scene.of_ada], 1)


async def test_those_that_are_named_are_rejected_and_the_rest_stays(scene: Scene) -> None:
    """Nothing need be decided."""
    answer = await adjudicate(scene, [], reject=[scene.of_bob])
    assert (answer.json["decided"], answer.json["rejected"]) == ([], [scene.of_bob])
    assert await status_of(scene, scene.of_ada) == "proposed"
    answer = await adjudicate(scene, [], reject=[ABSENT], replace=True)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/reject/0")


async def test_a_second_one_is_refused_or_replaces_the_first(scene: Scene) -> None:
    """With `replace` the earlier decisions go; one of them may be taken again, with what it rests on."""
    first = (await adjudicate(scene, [{"take": scene.of_ada}])).json["decided"][0]
    refused = await adjudicate(scene, [{"take": scene.of_bob}])
    assert (refused.status, refused.problem) == (409, "conflict")
    assert "replace" in refused.json["detail"]
    again = await adjudicate(scene, [{"take": first["id"]}], replace=True)
    assert again.status == 200, again.data
    (second,) = again.json["decided"]
    assert second["rests_on"] == [scene.of_ada]
    assert (again.json["document"]["version"], again.json["rejected"]) == (3, [])
    assert (await scene.owner.call("GET", f"/v1/annotations/{first['id']}")).status == 410
    relation = {"arguments": [{"role": "a", "target": second["id"]}, {"role": "b", "target": scene.of_ada}]}
    pointing = await scene.owner.create(f"{scene.document}/annotations", **relation)
    refused = await adjudicate(scene, [], replace=True)
    assert (refused.status, refused.problem) == (409, "in-use")
    assert pointing["id"] in refused.json["detail"]


async def test_relations_that_are_taken_again_lead_to_what_is_taken_again(scene: Scene) -> None:
    """And not to what was decided earlier, which goes."""
    arguments = [{"role": "a", "target": scene.of_ada}, {"role": "b", "target": scene.of_bob}]
    decided: list[Any] = [{"take": scene.of_ada}, {"take": scene.of_bob}, {"value": {"arguments": arguments}}]
    first = (await adjudicate(scene, decided[:2], reject=[])).json["decided"]
    again = [{"take": first[0]["id"]}, {"take": first[1]["id"]}, decided[2]]
    answer = await adjudicate(scene, again, reject=[], replace=True)
    assert answer.status == 200, answer.data
    ada, bob, relation = answer.json["decided"]
    assert [argument["target"] for argument in relation["arguments"]] == [ada["id"], bob["id"]]
    assert ada["id"] != first[0]["id"]


async def test_what_is_rested_on_stays_as_it_was(scene: Scene) -> None:
    """It is neither changed nor deleted under what was decided, but for who takes that along."""
    (decided,) = (await adjudicate(scene, [{"take": scene.of_ada}])).json["decided"]
    path = f"/v1/annotations/{scene.of_ada}"
    assert (await scene.ada.call("PATCH", path, {"label": "x"})).problem == "in-use"
    refused = await scene.ada.call("DELETE", path)
    assert refused.problem == "in-use"
    assert decided["id"] in refused.json["detail"]
    assert (await scene.ada.call("DELETE", f"{path}?cascade=true")).status == 403
    assert (await scene.owner.call("PATCH", path, {"status": "accepted"})).status == 200
    assert (await scene.owner.call("PATCH", f"/v1/annotations/{decided['id']}", {"rests_on": []})).status == 422
    changed = await scene.owner.call("PATCH", f"/v1/annotations/{decided['id']}", {"label": "x"})
    assert changed.json["rests_on"] == [scene.of_ada]
    assert (await scene.owner.call("DELETE", f"{path}?cascade=true")).status == 204
    assert (await scene.owner.call("GET", f"/v1/annotations/{decided['id']}")).status == 410


async def test_relations_lead_to_what_is_decided(scene: Scene) -> None:
    """By name, or by a mark that a decided one rests on; to anything else they do not."""
    arguments = [{"role": "a", "target": scene.of_ada}, {"role": "b", "target": "@curie"}]
    decided = [
        {"value": {"label": "same", "arguments": arguments}},
        {"take": scene.of_ada},
        {"value": {"start": 6, "end": 11}, "ref": "curie"},
    ]
    for target in (scene.of_bob, "@other", ABSENT):
        wrong = {"value": {"arguments": [arguments[0], {"role": "b", "target": target}]}}
        refused = await adjudicate(scene, [wrong, *decided[1:]])
        assert (refused.status, refused.problem) == (422, "invalid")
        assert refused.json["errors"][0]["pointer"] == "/decided/0/value/arguments/1/target"
    answer = await adjudicate(scene, decided)
    assert answer.status == 200, answer.data
    relation, marie, curie = answer.json["decided"]
    assert [argument["target"] for argument in relation["arguments"]] == [marie["id"], curie["id"]]


@pytest.mark.parametrize(
    ("decided", "pointer"),
    [
        ({}, "/decided/0"),
        ({"take": "ANN", "value": {}}, "/decided/0"),
        ({"take": ABSENT}, "/decided/0/take"),
        ({"take": "ANN", "rests_on": [ABSENT]}, "/decided/0/rests_on/0"),
        ({"value": {"start": 0}}, "/decided/0/value/end"),
        ({"value": {"start": 0, "end": 99}}, "/decided/0/value/end"),
        ({"value": {"start": 0, "end": 5, "text": "Other"}}, "/decided/0/value/text"),
        ({"value": {"start": "0"}}, "/decided/0/value/start"),
        ({"value": {"colour": "red"}}, "/decided/0/value/colour"),
        ({"value": {"verdict": "accepted"}}, "/decided/0/value/verdict"),
        ({"value": {"status": "rejected"}}, "/decided/0/value/status"),
        ({"value": {"author_id": "user_x"}}, "/decided/0/value/author_id"),
        ({"value": {"document_id": "doc_x"}}, "/decided/0/value/document_id"),
        ({"value": {"rests_on": ["x"]}}, "/decided/0/value/rests_on"),
        ({"value": {"extraction_id": "ext_x"}}, "/decided/0/value/extraction_id"),
        ({"take": 7}, "/decided/0/take"),
        ({"value": []}, "/decided/0/value"),
    ],
)
async def test_what_cannot_be_decided_is_told_where(scene: Scene, decided: dict[str, Any], pointer: str) -> None:
    """And nothing is changed."""
    if decided.get("take") == "ANN":
        decided = {**decided, "take": scene.of_ada}
    answer = await adjudicate(scene, [decided, {"take": scene.of_bob}])
    assert (answer.status, answer.problem) == (422, "invalid"), answer.data
    assert answer.json["errors"][0]["pointer"] == pointer
    assert "reviewed_at" not in (await scene.owner.call("GET", scene.document)).json
    assert await status_of(scene, scene.of_bob) == "proposed"


async def test_a_name_belongs_to_one(scene: Scene) -> None:
    """Twice is 422."""
    answer = await adjudicate(scene, [{"take": scene.of_ada, "ref": "x"}, {"take": scene.of_bob, "ref": "x"}])
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/decided/1/ref")


async def test_a_rejection_is_nothing_to_take(scene: Scene) -> None:
    """What accepts an extraction is, and the decided one is about it without a verdict of the reviewer."""
    made = await scene.owner.create(f"{scene.document}/extractions", **SPAN, source={"name": "m"})
    verdicts = [
        await who.create(f"{scene.document}/annotations", extraction_id=made["id"], verdict=verdict)
        for who, verdict in ((scene.ada, "rejected"), (scene.bob, "accepted"))
    ]
    refused = await adjudicate(scene, [{"take": verdicts[0]["id"]}])
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/decided/0/take")
    answer = await adjudicate(scene, [{"take": verdicts[1]["id"], "rests_on": [made["id"]]}], reject=[])
    (decided,) = answer.json["decided"]
    assert (decided["extraction_id"], decided["rests_on"]) == (made["id"], [verdicts[1]["id"], made["id"]])
    assert "verdict" not in decided
    assert (await scene.owner.call("DELETE", f"/v1/extractions/{made['id']}")).problem == "in-use"


async def test_labels_of_a_closed_project_hold_for_what_is_decided(scene: Scene) -> None:
    """As for every mark."""
    labels = [{"name": "person"}]
    await scene.owner.call("PATCH", scene.project, {"labels": labels, "label_policy": "closed"})
    refused = await adjudicate(scene, [{"take": scene.of_ada}])
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/decided/0/take/label")
    assert "'person'" in refused.json["errors"][0]["detail"]
    assert (await adjudicate(scene, [{"value": {**SPAN, "label": "person"}}])).status == 200


async def test_as_many_as_the_limit_and_no_more(scene: Scene) -> None:
    """Decided, rejected and replaced together."""
    three = [{"value": SPAN}] * 3
    refused = await adjudicate(scene, [*three, {"value": SPAN}])
    assert (refused.status, refused.problem) == (422, "too-many-marks")
    assert (await adjudicate(scene, [{"value": SPAN}] * 100)).problem == "too-many-marks"
    assert (await adjudicate(scene, three)).status == 200
    await scene.ada.create(f"{scene.document}/annotations", **SPAN)
    refused = await adjudicate(scene, [], replace=True)
    assert (refused.status, refused.problem) == (422, "too-many-marks")


async def test_conditions_and_keys_work_as_on_other_mutations(scene: Scene) -> None:
    """A version of the document that is not the current one is 412, and a retry decides nothing again."""
    decided = [{"take": scene.of_ada}]
    assert (await adjudicate(scene, decided, {"If-Match": '"2"'})).status == 412
    key = {"If-Match": '"1"', "Idempotency-Key": "k"}
    first, again = await adjudicate(scene, decided, key), await adjudicate(scene, decided, key)
    assert (first.status, first.data, again.headers["Idempotency-Replayed"]) == (200, again.data, "true")
    assert (await adjudicate(scene, [], key)).problem == "idempotency-key-reused"
    absent = await scene.owner.call("POST", "/v1/documents/doc_none/adjudication", {"decided": []})
    assert absent.status == 404
    assert (await scene.ada.call("POST", f"{scene.document}/adjudication", {"decided": []})).status == 403


async def test_offsets_are_converted_on_request(scene: Scene) -> None:
    """In and out; one within a character is told with its place."""
    project_id = scene.project.rpartition("/")[2]
    made = await scene.owner.create("/v1/documents", title="t", text="\U0001d11e Bach", project_id=project_id)
    path = f"/v1/documents/{made['id']}/adjudication?offset_unit=utf16"
    refused = await scene.owner.call("POST", path, {"decided": [{"value": {"start": 1, "end": 7}}]})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/decided/0/value/start")
    answer = await scene.owner.call("POST", path, {"decided": [{"value": {"start": 3, "end": 7, "text": "Bach"}}]})
    (decided,) = answer.json["decided"]
    assert (decided["start"], decided["end"]) == (3, 7)
    assert (await scene.owner.call("GET", f"/v1/annotations/{decided['id']}")).json["start"] == 2


async def test_a_private_document_is_reviewed_by_its_owner(scene: Scene) -> None:
    """Who is to it what an owner is to a project."""
    made = await scene.ada.create("/v1/documents", title="p", text="Marie")
    path = f"/v1/documents/{made['id']}/adjudication"
    assert (await scene.ada.call("POST", path, {"decided": [{"value": SPAN}]})).status == 200
    assert (await scene.owner.call("POST", path, {"decided": []})).status == 404


async def test_a_review_that_is_done_survives_changes_and_a_restart(tmp_path: Path) -> None:
    """A change of the title does not undo it, and nobody else sets it."""
    async with open_app(tmp_path) as client:
        scene = await make(client)
        (decided,) = (await adjudicate(scene, [{"take": scene.of_ada}])).json["decided"]
        answer = await scene.owner.call("PATCH", scene.document, {"title": "Other"})
        assert answer.json["reviewed_by"] == scene.owner.id
        answer = await scene.owner.call("PATCH", scene.document, {"reviewed_at": "2020-01-01T00:00:00.000000Z"})
        assert (answer.status, answer.problem) == (422, "invalid")
    async with open_app(tmp_path) as client:
        ada, owner = (Member(client, who.token, who.id) for who in (scene.ada, scene.owner))
        assert (await ada.call("GET", f"/v1/annotations/{scene.of_bob}")).status == 200
        assert await counted(owner, f"/v1/annotations?rests_on={scene.of_ada}") == ([decided["id"]], 1)
