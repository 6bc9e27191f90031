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


async def test_a_patch_changes_what_it_names(anna: Member, mark: dict[str, Any]) -> None:
    """The version goes up, and null takes away."""
    answer = await anna.call("PATCH", path_of(mark), {"label": None, "attributes": {"a": 1}})
    assert answer.status == 200, in_test(answer)
    assert answer.headers["ETag"] == '"2"'
    changed = answer.json
    assert "label" not in changed
    assert (changed["attributes"], changed["text"], changed["version"]) == ({"a": 1}, "Marie Curie", 2)
    assert changed["created_at"] == mark["created_at"]
    assert changed["updated_at"] > mark["updated_at"]
    assert (await anna.call("GET", path_of(mark))).json == changed


async def test_changing_a_span_without_text_derives_it_anew(anna: Member, mark: dict[str, Any]) -> None:
    """And a text that does not fit is refused."""
    answer = await anna.call("PATCH", path_of(mark), {"start": 6})
    assert answer.json["text"] == "Curie", in_test(answer)
    assert (await anna.call("PATCH", path_of(mark), {"start": 0, "text": "Curie"})).problem == "text-mismatch"


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"start": "0"}, "/start"),
        ({"start": None}, "/start"),
        ({"end": 99}, "/end"),
        ({"version": 7}, "/version"),
        ({"id": "ann_other"}, "/id"),
        ({"created_at": "2000-01-01T00:00:00Z"}, "/created_at"),
        ({"author_id": "user_other"}, "/author_id"),
    ],
)
async def test_a_patch_that_does_not_fit_is_422(
    anna: Member, mark: dict[str, Any], patch: dict[str, object], pointer: str
) -> None:
    """The place is named, and nothing was changed."""
    answer = await anna.call("PATCH", path_of(mark), patch)
    assert (answer.status, answer.problem) == (422, "invalid"), in_test(answer)
    assert answer.json["errors"][0]["pointer"] == pointer
    assert (await anna.call("GET", path_of(mark))).json == mark


async def test_read_only_members_may_be_sent_back(anna: Member, mark: dict[str, Any]) -> None:
    """What was read can be put, and says the same."""
    answer = await anna.call("PUT", path_of(mark), mark)
    assert answer.status == 200, in_test(answer)
    ignored = ("version", "updated_at")
    assert {k: v for k, v in answer.json.items() if k not in ignored} == {
        k: v for k, v in mark.items() if k not in ignored
    }


async def test_put_replaces_the_whole(anna: Member, mark: dict[str, Any]) -> None:
    """What is not sent is gone."""
    answer = await anna.call("PUT", path_of(mark), {"document_id": mark["document_id"], "start": 0, "end": 5})
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"'), in_test(answer)
    assert "label" not in answer.json
    assert answer.json["text"] == "Marie"


async def test_put_creates_under_an_id_of_the_client_s(anna: Member, document: dict[str, Any]) -> None:
    """With `If-None-Match: *` only if there is none."""
    path = "/v1/annotations/ann_01jdcw3s1vf9t8v3n6y0c1qk2m"
    body = {"document_id": document["id"], **SPAN}
    only_new = {"If-None-Match": "*"}
    created = await anna.call("PUT", path, body, headers=only_new)
    assert (created.status, created.headers["Location"]) == (201, path), in_test(created)
    again = await anna.call("PUT", path, body, headers=only_new)
    assert (again.status, again.problem) == (412, "precondition-failed")
    assert (await anna.call("GET", path)).data == created.data


async def test_put_does_not_create_under_an_id_of_another_form(anna: Member, document: dict[str, Any]) -> None:
    """Ids tell their kind."""
    for key in ("mine", "doc_01jdcw3s1vf9t8v3n6y0c1qk2m", "ann_x"):
        answer = await anna.call("PUT", f"/v1/annotations/{key}", {"document_id": document["id"], **SPAN})
        assert (answer.status, answer.problem) == (422, "invalid"), in_test(answer)


async def test_an_id_that_is_created_again_goes_on_with_its_version(anna: Member, mark: dict[str, Any]) -> None:
    """So that no tag stands for two things."""
    assert (await anna.call("DELETE", path_of(mark))).status == 204
    assert (await anna.call("GET", path_of(mark))).problem == "gone"
    answer = await anna.call("PUT", path_of(mark), {"document_id": mark["document_id"], **SPAN})
    assert answer.status == 201, in_test(answer)
    assert answer.json["version"] > mark["version"]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_stale_version_is_412(anna: Member, mark: dict[str, Any], method: str) -> None:
    """The current one, or any, passes."""
    assert (await anna.call("PATCH", path_of(mark), {"label": "b"})).status == 200
    body = None if method == "DELETE" else {**SPAN, "document_id": mark["document_id"]}
    for stale in ('"1"', 'W/"2"', '"3"', '"x"'):
        answer = await anna.call(method, path_of(mark), body, headers={"If-Match": stale})
        assert (answer.status, answer.problem) == (412, "precondition-failed"), in_test(answer)
    assert (await anna.call("GET", path_of(mark))).json["label"] == "b"
    passes = await anna.call(method, path_of(mark), body, headers={"If-Match": '"1", "2"'})
    assert passes.status in (200, 204)


async def test_a_precondition_comes_before_the_schema(anna: Member, mark: dict[str, Any]) -> None:
    """412 before 422; and access before both."""
    stale = {"If-Match": '"9"'}
    assert (await anna.call("PATCH", path_of(mark), {"start": "x"}, headers=stale)).problem == "precondition-failed"
    nowhere = "/v1/annotations/ann_01jdcw3s1vf9t8v3n6y0c1qk2m"
    assert (await anna.call("PATCH", nowhere, {"start": "x"}, headers=stale)).problem == "not-found"


async def test_a_known_version_is_not_sent_again(anna: Member, mark: dict[str, Any]) -> None:
    """304 until it changes."""
    known = {"If-None-Match": '"1"'}
    assert (await anna.call("GET", path_of(mark), headers=known)).status == 304
    await anna.call("PATCH", path_of(mark), {"label": "b"})
    assert (await anna.call("GET", path_of(mark), headers=known)).status == 200


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


async def test_offsets_in_utf16_units_are_converted_when_asked_for(anna: Member, document: dict[str, Any]) -> None:
    """In and out; the tag of the other form is another one."""
    start = TEXT.index("Hurra")
    body = {"document_id": document["id"], "start": start + 1, "end": start + 6, "text": "Hurra"}
    answer = await anna.call("POST", "/v1/annotations?offset_unit=utf16", body)
    assert (answer.status, answer.headers["ETag"]) == (201, '"1;utf16"'), in_test(answer)
    assert (answer.json["start"], answer.json["end"]) == (start + 1, start + 6)
    location = answer.headers["Location"]
    assert (await anna.call("GET", location)).json["start"] == start
    wide = await anna.call("GET", f"{location}?offset_unit=utf16")
    assert (wide.json["start"], wide.headers["ETag"]) == (start + 1, '"1;utf16"')
    listed = (await anna.call("GET", f"/v1/documents/{document['id']}/annotations?offset_unit=utf16")).json
    assert listed["items"][0]["start"] == start + 1
    mismatch = await anna.call("POST", "/v1/annotations", body)
    assert mismatch.problem == "text-mismatch"
    assert "UTF-16" in mismatch.json["detail"]


async def test_an_offset_within_a_character_breaks_a_rule_and_not_the_schema(
    anna: Member, document: dict[str, Any]
) -> None:
    """What it says all in all is about offsets: no schema could have told."""
    inside = TEXT.index("Hurra")
    body = {"document_id": document["id"], "start": inside - 1, "end": inside}
    answer = await anna.call("POST", "/v1/annotations?offset_unit=utf16", body)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert answer.json["detail"] == "An offset in UTF-16 units lies within a character."
    assert [one["pointer"] for one in answer.json["errors"]] == ["/start"]


async def test_lists_filter_page_and_count(anna: Member, document: dict[str, Any]) -> None:
    """Every entity is seen once, in order, whatever the size of the pages."""
    labels = ["a", "b", "a", "c", "a", "b"]
    made = [
        await anna.create("/v1/annotations", document_id=document["id"], start=place, end=place + 1, label=label)
        for place, label in enumerate(labels)
    ]
    expected = [mark["id"] for mark in made if mark["label"] in "ab"]
    for order, ids in (("created_at", expected), ("-created_at", expected[::-1])):
        link: str | None = f"/v1/annotations?label=a&label=b&limit=2&count=true&sort={order}"
        seen: list[str] = []
        while link is not None:
            answer = await anna.call("GET", link)
            assert answer.json["total"] == 5
            seen += [mark["id"] for mark in answer.json["items"]]
            link = answer.headers["Link"][1:].partition(">")[0] if "Link" in answer.headers else None
        assert seen == ids
    since = made[4]["created_at"]
    late = (await anna.call("GET", f"/v1/annotations?created_at_ge={since}")).json["items"]
    early = (await anna.call("GET", f"/v1/annotations?created_at_lt={since}")).json["items"]
    assert [mark["id"] for mark in early + late] == [mark["id"] for mark in made]
    assert [mark["id"] for mark in late] == [mark["id"] for mark in made[4:]]


async def test_a_retry_gets_the_first_answer_again(anna: Member, document: dict[str, Any]) -> None:
    """Also after the entity has changed; nothing is done twice."""
    body, once = {"document_id": document["id"], **SPAN}, {"Idempotency-Key": "once"}
    first = await anna.call("POST", "/v1/annotations", body, headers=once)
    assert first.status == 201
    assert "Idempotency-Replayed" not in first.headers
    await anna.call("PATCH", first.headers["Location"], {"label": "changed"})
    again = await anna.call("POST", "/v1/annotations", body, headers=once)
    assert again.headers["Idempotency-Replayed"] == "true"
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    assert (again.status, again.data) == (201, first.data)
    assert len((await anna.call("GET", "/v1/annotations")).json["items"]) == 1


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_retry_of_a_change_is_answered_too(anna: Member, mark: dict[str, Any], method: str) -> None:
    """Although its precondition, or the entity, is gone."""
    headers = {"Idempotency-Key": "once", "If-Match": '"1"'}
    body = None if method == "DELETE" else {"label": "b"}
    first = await anna.call(method, path_of(mark), body, headers=headers)
    again = await anna.call(method, path_of(mark), body, headers=headers)
    assert (again.status, again.data) == (first.status, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_another_request_under_a_key_is_422(anna: Member, document: dict[str, Any]) -> None:
    """A key is for one request and its retries, and each user has their own."""
    once = {"Idempotency-Key": "once"}
    body = {"document_id": document["id"], **SPAN}
    assert (await anna.call("POST", "/v1/annotations", body, headers=once)).status == 201
    other = await anna.call("POST", "/v1/annotations", {**body, "label": "x"}, headers=once)
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


async def test_keys_of_others_never_meet(anna: Member, bert: Member) -> None:
    """The same key of another user is another key."""
    once = {"Idempotency-Key": "once"}
    first = await anna.call("POST", "/v1/documents", {"title": "T"}, headers=once)
    second = await bert.call("POST", "/v1/documents", {"title": "T"}, headers=once)
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]
    assert "Idempotency-Replayed" not in second.headers


async def test_a_refused_request_does_not_use_up_its_key(anna: Member, document: dict[str, Any]) -> None:
    """Only committed results are kept."""
    once = {"Idempotency-Key": "once"}
    body = {"document_id": document["id"], **SPAN}
    assert (await anna.call("POST", "/v1/annotations", {**body, "end": 999}, headers=once)).status == 422
    assert (await anna.call("POST", "/v1/annotations", body, headers=once)).status == 201


async def test_a_list_of_marks_holds_those_of_all_own_documents(anna: Member, bert: Member) -> None:
    """With and without filters; a confidence that is not there is not enough."""
    for member in (anna, bert):
        for number in range(3):
            document = await member.create("/v1/documents", title="T", text="abc")
            path = f"/v1/documents/{document['id']}/extractions"
            scores = {0: {}, 1: {"confidence": 0.25}, 2: {"confidence": 0.75}}
            await member.create(path, start=0, end=1, source={"name": "m"}, **scores[number])
    for query, count in (
        ("", 3),
        ("?type=span", 3),
        ("?confidence_ge=-1e308", 2),
        ("?confidence_ge=0.25", 2),
        ("?confidence_ge=0.2501", 1),
        ("?confidence_ge=1e308", 0),
    ):
        listed = (await anna.call("GET", f"/v1/extractions{query}")).json["items"]
        assert len(listed) == count, query
        for mark in listed:
            assert (await anna.call("GET", f"/v1/extractions/{mark['id']}")).status == 200
            assert (await bert.call("GET", f"/v1/extractions/{mark['id']}")).status == 404
