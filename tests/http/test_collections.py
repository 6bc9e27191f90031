"""What every collection can do, shown with marks: create, read, change, replace, delete, list, and do it once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Answer, Member

TEXT = "Marie Curie was born in Warsaw. 🎉 Hurra."
SPAN = {"start": 0, "end": 11, "label": "person"}


@pytest.fixture
async def document(anna: Member) -> dict[str, Any]:
    """Give a document of Anna's."""
    return await anna.create("/v1/documents", title="T", text=TEXT)


@pytest.fixture
async def mark(anna: Member, document: dict[str, Any]) -> dict[str, Any]:
    """Give an annotation on it."""
    return await anna.create("/v1/annotations", {"document_id": document["id"], **SPAN})


def path_of(mark: dict[str, Any]) -> str:
    """Return the path of an annotation."""
    return f"/v1/annotations/{mark['id']}"


def in_test(answer: Answer) -> str:
    """Return what a failed assertion should show."""
    return f"{answer.status} {answer.data!r}"


async def test_create_answers_the_entity_and_where_it_is(anna: Member, document: dict[str, Any]) -> None:
    """201 with `Location`, `ETag`, and what GET gives."""
    answer = await anna.call("POST", "/v1/annotations", {"document_id": document["id"], **SPAN})
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    read = await anna.call("GET", answer.headers["Location"])
    assert read.data == answer.data
    assert read.headers["ETag"] == '"1"'
    assert read.json["text"] == "Marie Curie"
    assert read.json["author_id"] == anna.id


async def test_an_extraction_keeps_all_of_its_fields(anna: Member, document: dict[str, Any]) -> None:
    """What came in goes out."""
    draft = {
        "document_id": document["id"],
        "type": "span",
        "label": "person",
        "start": 0,
        "end": 11,
        "text": "Marie Curie",
        "attributes": {"certain": True, "aliases": ["M. Curie", 2]},
        "references": [{"resource": "wikidata", "id": "Q7186"}],
        "body": [{"purpose": "commenting", "value": "twice awarded"}],
        "origin": {"format": "brat", "id": "T1", "extra": {"line": 3}},
        "source": {"name": "model", "version": "2", "run": "r1"},
        "quote": "Marie Curie",
        "alignment": "exact",
        "confidence": 0.75,
    }
    created = await anna.create("/v1/extractions", draft)
    assert {name: created[name] for name in draft} == draft
    assert (await anna.call("GET", f"/v1/extractions/{created['id']}")).json == created


@pytest.mark.parametrize("collection", ["documents", "extractions", "annotations", "users"])
@pytest.mark.parametrize("key", ["none", "doc_01jdcw3s1vf9t8v3n6y0c1qk2m", "%20", "..%2F..", "%ED%A0%80", "x" * 2000])
async def test_an_id_that_is_nobody_s_is_404(anna: Member, collection: str, key: str) -> None:
    """Whatever it looks like."""
    answer = await anna.call("GET", f"/v1/{collection}/{key}")
    assert answer.status == 404, in_test(answer)
    assert answer.problem in ("not-found", "no-such-path")


async def test_a_mark_that_others_point_to_is_not_deleted_alone(anna: Member, mark: dict[str, Any]) -> None:
    """409 names them; `?cascade=true` takes them along."""
    base = {"document_id": mark["document_id"]}
    other = await anna.create("/v1/annotations", {**base, "start": 24, "end": 30})
    arguments = [{"role": "who", "target": mark["id"]}, {"role": "where", "target": other["id"]}]
    relation = await anna.create("/v1/annotations", {**base, "arguments": arguments})
    assert relation["type"] == "relation"
    answer = await anna.call("DELETE", path_of(mark))
    assert (answer.status, answer.problem) == (409, "in-use")
    assert relation["id"] in answer.data.decode()
    assert (await anna.call("DELETE", f"{path_of(mark)}?cascade=true")).status == 204
    left = (await anna.call("GET", "/v1/annotations")).json["items"]
    assert [one["id"] for one in left] == [other["id"]]
