"""Documents: from JSON and from plain text, private to their owner, with their marks below them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.harness import Member, open_app

PLAIN = {"Content-Type": "text/plain"}


async def test_a_document_comes_back_with_its_text(anna: Member) -> None:
    """The text is in GET, and left out of lists."""
    document = await anna.create("/v1/documents", title="T", text="café 🎉", metadata={"a": [1, None, 2.5]})
    whole = (await anna.call("GET", f"/v1/documents/{document['id']}")).json
    assert whole == {**document, "text": "café 🎉"}
    assert (whole["length"], whole["owner_id"], whole["metadata"]) == (6, anna.id, {"a": [1, None, 2.5]})
    listed = (await anna.call("GET", "/v1/documents")).json["items"]
    assert [document["id"] for document in listed] == [document["id"]]
    assert "text" not in listed[0]


@pytest.mark.parametrize("text", ["", "a\r\nb\n", "\ufeffé e\u0301", "🎉", "\u0000"])
async def test_plain_text_is_kept_as_it_was_received(anna: Member, text: str) -> None:
    """Without normalisation; the other members are parameters."""
    members = {"title": "Ü & co", "language": "de", "external_id": "x-1"}
    answer = await anna.call("POST", f"/v1/documents?{urlencode(members)}", data=text.encode(), headers=PLAIN)
    assert answer.status == 201
    assert {name: answer.json[name] for name in members} == members
    document = (await anna.call("GET", answer.headers["Location"])).json
    assert document["text"] == text
    assert document["length"] == len(text)


async def test_plain_text_that_is_not_utf_8_is_400(anna: Member) -> None:
    """The byte is named."""
    answer = await anna.call("POST", "/v1/documents", data=b"ab\xff", headers=PLAIN)
    assert answer.problem == "malformed"
    assert "byte 2" in answer.json["detail"]


async def test_plain_text_takes_just_its_parameters(anna: Member) -> None:
    """An unknown one is 400, one that does not fit is 422."""
    unknown = await anna.call("POST", "/v1/documents?titel=x", data=b"", headers=PLAIN)
    assert unknown.problem == "malformed"
    long = await anna.call("POST", f"/v1/documents?title={'x' * 1001}", data=b"", headers=PLAIN)
    assert (long.problem, long.json["errors"][0]["pointer"]) == ("invalid", "/title")
    json = await anna.call("POST", "/v1/documents?title=x", {})
    assert (json.problem, json.json["errors"][0]["pointer"]) == ("invalid", "/title")


async def test_a_text_beyond_4_mib_is_413(anna: Member) -> None:
    """4 MiB itself is taken."""
    largest = b"x" * (4 << 20)
    assert (await anna.call("POST", "/v1/documents", data=largest, headers=PLAIN)).status == 201
    answer = await anna.call("POST", "/v1/documents", data=largest + b"x", headers=PLAIN)
    assert (answer.status, answer.problem) == (413, "too-large")


async def test_somebody_else_s_document_does_not_exist(anna: Member, bert: Member) -> None:
    """With any method, and in lists."""
    document = await anna.create("/v1/documents", title="T", text="abc")
    path = f"/v1/documents/{document['id']}"
    mark = await anna.create(f"{path}/annotations", start=0, end=1)
    for target in (path, f"/v1/annotations/{mark['id']}"):
        for method, body in (("GET", None), ("PATCH", {}), ("PUT", {}), ("DELETE", None)):
            answer = await bert.call(method, target, body)
            assert (answer.status, answer.problem) == (404, "not-found"), (method, target)
    for nested in ("annotations", "extractions"):
        assert (await bert.call("GET", f"{path}/{nested}")).problem == "not-found"
        assert (await bert.call("POST", f"{path}/{nested}", {"start": 0, "end": 1})).problem == "not-found"
        assert (await bert.call("GET", f"/v1/{nested}?document_id={document['id']}")).problem == "not-found"
    flat = await bert.call("POST", "/v1/annotations", {"document_id": document["id"], "start": 0, "end": 1})
    assert flat.problem == "not-found"
    assert (await bert.call("GET", "/v1/documents")).json["items"] == []
    assert (await bert.call("GET", "/v1/annotations")).json["items"] == []
    assert (await bert.call("GET", f"/v1/documents?owner_id={anna.id}")).json["items"] == []
    assert (await anna.call("GET", f"/v1/annotations/{mark['id']}")).json == mark


async def test_pages_of_a_document_are_told_in_utf16_units_when_asked_for(anna: Member) -> None:
    """In and out, with the text of the same request."""
    page = {"number": 1, "width": 1.0, "height": 2.0}
    wide = {"text": "a\U0001f600b", "pages": [{**page, "start": 0, "end": 4}]}
    answer = await anna.call("POST", "/v1/documents?offset_unit=utf16", {"title": "T", **wide})
    assert answer.json["pages"][0]["end"] == 4
    location = answer.headers["Location"]
    assert (await anna.call("GET", location)).json["pages"][0]["end"] == 3
    assert (await anna.call("GET", f"{location}?offset_unit=utf16")).json["pages"][0]["end"] == 4
    within = {"pages": [{**page, "start": 0, "end": 2}]}
    answer = await anna.call("PATCH", f"{location}?offset_unit=utf16", within)
    assert (answer.problem, answer.json["errors"][0]["pointer"]) == ("invalid", "/pages/0/end")
    assert (await anna.call("PATCH", location, within)).json["pages"][0]["end"] == 2


async def test_offsets_in_utf16_units_of_a_member_are_converted_as_the_owner_s_are(anna: Member, bert: Member) -> None:
    """They were taken for code points of a document that is somebody else's."""
    project = await anna.create("/v1/projects", name="Emoji")
    await anna.call("PUT", f"/v1/projects/{project['id']}/members/{bert.id}", {"role": "annotator"})
    document = await anna.create("/v1/documents", text="\U0001f600 fever", project_id=project["id"])
    mark = {"document_id": document["id"], "start": 3, "end": 8, "text": "fever"}
    answer = await bert.call("POST", "/v1/annotations?offset_unit=utf16", mark)
    assert (answer.status, answer.json["start"], answer.json["end"]) == (201, 3, 8)
    path = f"/v1/annotations/{answer.json['id']}"
    assert [(await bert.call("GET", path)).json[name] for name in ("start", "end")] == [2, 7]
    patched = await bert.call("PATCH", f"{path}?offset_unit=utf16", {"start": 4})
    assert (patched.status, patched.json["text"]) == (200, "ever")


async def test_offsets_in_utf16_units_tell_nothing_of_others_texts(anna: Member, bert: Member) -> None:
    """An offset within a character of somebody else's text is no other answer than any."""
    document = await anna.create("/v1/documents", title="T", text="a\U0001f600b")
    mark = await anna.create("/v1/annotations", document_id=document["id"], start=0, end=1)
    body = {"document_id": document["id"], "start": 0, "end": 2}
    for method, path in (("POST", "/v1/annotations"), ("PATCH", f"/v1/annotations/{mark['id']}")):
        answer = await bert.call(method, f"{path}?offset_unit=utf16", body)
        assert answer.problem == "not-found", (method, path)


async def test_marks_are_created_and_listed_below_their_document(anna: Member) -> None:
    """`document_id` may be left out, null, or right."""
    first = await anna.create("/v1/documents", title="T", text="abc")
    other = await anna.create("/v1/documents", title="U", text="abc")
    path = f"/v1/documents/{first['id']}/annotations"
    given = [{}, {"document_id": None}, {"document_id": first["id"]}]
    created = [(await anna.call("POST", path, {"start": 0, "end": 1, **members})).json for members in given]
    assert {mark["document_id"] for mark in created} == {first["id"]}
    await anna.create(f"/v1/documents/{other['id']}/annotations", start=0, end=1)
    listed = (await anna.call("GET", path)).json["items"]
    assert listed == created


@pytest.mark.parametrize("wrong", ["doc_other", 5, [], {}])
async def test_a_mark_for_another_document_than_the_path_s_is_422(anna: Member, wrong: object) -> None:
    """It would be unclear which one is meant."""
    document = await anna.create("/v1/documents", title="T", text="abc")
    body = {"document_id": wrong, "start": 0, "end": 1}
    answer = await anna.call("POST", f"/v1/documents/{document['id']}/annotations", body)
    assert (answer.problem, answer.json["errors"][0]["pointer"]) == ("invalid", "/document_id")


async def test_deleting_a_document_deletes_its_marks(anna: Member) -> None:
    """All in one, and the ids are gone."""
    document = await anna.create("/v1/documents", title="T", text="abc")
    mark = await anna.create(f"/v1/documents/{document['id']}/annotations", start=0, end=1)
    assert (await anna.call("DELETE", f"/v1/documents/{document['id']}")).status == 204
    for path in (f"/v1/documents/{document['id']}", f"/v1/annotations/{mark['id']}"):
        answer = await anna.call("GET", path)
        assert (answer.status, answer.problem) == (410, "gone")
    assert (await anna.call("GET", "/v1/annotations")).json["items"] == []


async def test_a_text_that_a_mark_points_into_does_not_change(anna: Member) -> None:
    """Without a mark it may, and the title may always."""
    document = await anna.create("/v1/documents", title="T", text="abc")
    path = f"/v1/documents/{document['id']}"
    assert (await anna.call("PATCH", path, {"text": "abcd"})).status == 200
    await anna.create(f"{path}/annotations", start=0, end=1)
    assert (await anna.call("PATCH", path, {"text": "xyz"})).problem == "text-in-use"
    answer = await anna.call("PATCH", path, {"title": "new"})
    assert (answer.status, answer.json["title"]) == (200, "new")
    assert (await anna.call("GET", path)).json["text"] == "abcd"


async def test_the_owner_as_a_filter_narrows(anna: Member, bert: Member) -> None:
    """Somebody else's documents are not listed, nor one's own in their place."""
    await anna.create("/v1/documents", title="T")
    for owner, count in ((anna.id, 1), (bert.id, 0)):
        assert len((await anna.call("GET", f"/v1/documents?owner_id={owner}")).json["items"]) == count
    both = await anna.call("GET", f"/v1/documents?owner_id={bert.id}&owner_id={anna.id}")
    assert len(both.json["items"]) == 1


async def test_a_page_ends_early_when_its_items_are_large(tmp_path: Path) -> None:
    """Its cursor leads to the rest; every page has an item."""
    async with open_app(tmp_path / "data", {"limits": {"page_bytes": 3000}}) as client:
        member = await Member(client).join("ada@example.org")
        ids = [(await member.create("/v1/documents", title="x" * 900))["id"] for _ in range(7)]
        found, path = [], "/v1/documents?limit=100"
        sizes = []
        while path:
            page = (await member.call("GET", path)).json
            found += [item["id"] for item in page["items"]]
            sizes.append(len(page["items"]))
            path = f"/v1/documents?limit=100&cursor={page['next']}" if page["next"] else ""
    assert found == ids
    assert sizes == [3, 3, 1]
