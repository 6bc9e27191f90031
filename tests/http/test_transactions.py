"""Transactions over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.clock import format_time, now
from tests.harness import Answer, Member, open_app
from wal.history import history

TEXT = "Marie Curie met Albert Einstein."
LIMITS = {"limits": {"transaction_operations_max": 20, "transaction_bytes": 100_000}}


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[Member]:
    """Give a user of a server whose transactions have twenty operations at most."""
    async with open_app(tmp_path, LIMITS) as client:
        yield await Member(client).join("ada@example.org")


async def transact(who: Member, *operations: Any, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Send a transaction."""
    return await who.call("POST", f"/v1/transactions{query}", {"operations": operations}, headers=headers)


def create(kind: str, ref: str | None = None, **value: Any) -> dict[str, Any]:
    """Return an operation that creates something."""
    return {"op": "create", "kind": kind, "value": value} | ({} if ref is None else {"ref": ref})


async def counted(who: Member, collection: str) -> int:
    """Return how many entities somebody sees."""
    return int((await who.call("GET", f"/v1/{collection}?count=true")).json["total"])


async def test_a_document_comes_with_its_marks(ada: Member) -> None:
    """The results are in the order of the operations, and what they tell is there to be read."""
    arguments = [{"role": "who", "target": "@marie"}, {"role": "whom", "target": "@albert"}]
    answer = await transact(
        ada,
        create("annotation", document_id="@letter", label="met", arguments=arguments),
        create("document", "letter", title="Letter", text=TEXT),
        create("annotation", "marie", document_id="@letter", start=0, end=11),
        create("annotation", "albert", document_id="@letter", start=16, end=31),
    )
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert "ETag" not in answer.headers
    results = answer.json["results"]
    assert [(one["index"], one["status"], one["version"]) for one in results] == [(n, 201, 1) for n in range(4)]
    relation = (await ada.call("GET", f"/v1/annotations/{results[0]['id']}")).json
    assert [one["target"] for one in relation["arguments"]] == [results[2]["id"], results[3]["id"]]
    assert (await ada.call("GET", f"/v1/documents/{results[1]['id']}")).json["text"] == TEXT


async def test_the_problem_of_an_operation_is_the_answer(ada: Member) -> None:
    """Its status and type are those of a request of its own, its place begins with the operation."""
    good = create("document", "d", text=TEXT)
    answer = await transact(ada, good, create("annotation", document_id="@d", start=3, end=99))
    assert (answer.status, answer.problem) == (422, "invalid")
    assert [one["pointer"] for one in answer.json["errors"]] == ["/operations/1/value/end"]
    answer = await transact(ada, good, {"op": "delete", "kind": "document", "id": "doc_01h455vb4pex5vsknk084sn02q"})
    assert (answer.status, answer.problem) == (404, "not-found")
    assert [one["pointer"] for one in answer.json["errors"]] == ["/operations/1"]
    answer = await transact(ada, good, {"op": "update", "kind": "document", "id": "@d", "if_match": 7, "value": {}})
    assert (answer.status, answer.problem) == (412, "precondition-failed")
    assert await counted(ada, "documents") == 0


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, None),
        (b'{"operations":[{"op":"create","kind":"document","value":{"title":\xff}}]}', 400, None),
        (b"[]", 422, ""),
        (b"{}", 422, ""),
        (b'{"operations":{}}', 422, "/operations"),
        (b'{"operations":[1]}', 422, "/operations/0"),
        (b'{"operations":[],"more":1}', 422, "/more"),
        (b'{"operations":[{"op":"create","kind":"documents","value":{}}]}', 422, "/operations/0/kind"),
        (b'{"operations":[{"op":"create","kind":"document","value":{"title":1}}]}', 422, "/operations/0/value/title"),
        (b'{"operations":[{"op":"create","kind":"document","value":"t"}]}', 422, "/operations/0/value"),
        (b'{"operations":[{"op":"create","kind":"document","value":' + b"[" * 100 + b"]" * 100 + b"}]}", 400, None),
        (b'{"operations":[{"op":"create","kind":"document","value":' + b"[" * 9999 + b"]" * 9999 + b"}]}", 400, None),
        (
            b'{"operations":[{"op":"create","kind":"document","value":{"metadata":{"n":9223372036854775808}}}]}',
            422,
            "/operations/0/value/metadata/n",
        ),
    ],
)
async def test_a_body_that_is_no_transaction_is_refused(
    ada: Member, body: bytes, status: int, pointer: str | None
) -> None:
    """What does not parse by 400, what does not fit by 422 with its place."""
    answer = await ada.call("POST", "/v1/transactions", data=body)
    assert answer.status == status, answer.data
    assert answer.problem == ("malformed" if status == 400 else "invalid")
    assert pointer is None or [one["pointer"] for one in answer.json["errors"]] == [pointer]


async def test_limits_are_told(ada: Member) -> None:
    """At the limit it is done, one past it 413, with the limit named."""
    assert (await transact(ada, *[create("document")] * 20)).status == 200
    answer = await transact(ada, *[create("document")] * 21)
    assert (answer.status, answer.problem) == (413, "too-large")
    assert "the limit is 20" in answer.json["detail"]
    large = create("document", text="x" * 49_000)
    assert (await transact(ada, large, large)).status == 200
    answer = await transact(ada, large, large, create("document", text="x" * 3000))
    assert (answer.status, answer.problem) == (413, "too-large")
    assert [one["pointer"] for one in answer.json["errors"]] == ["/operations/2"]
    assert await counted(ada, "documents") == 22


async def test_what_a_record_cannot_hold_is_refused(tmp_path: Path) -> None:
    """Whatever the limit of transactions is; nothing is done."""
    limits = {"transaction_bytes": 100_000_000, "text_bytes": 3_000_000}
    async with open_app(tmp_path, {"limits": limits}) as client:
        ada = await Member(client).join("ada@example.org")
        answer = await transact(ada, *[create("document", text="x" * 2_500_000)] * 3)
        assert (answer.status, answer.problem) == (413, "too-large")
        assert "7340032" in answer.json["detail"]
        assert await counted(ada, "documents") == 0


async def test_a_retry_is_given_the_first_answer(ada: Member) -> None:
    """Under its key, with the ids of then; another body under the key is refused."""
    headers = {"Idempotency-Key": "k"}
    first = await transact(ada, create("document", title="t"), headers=headers)
    again = await transact(ada, create("document", title="t"), headers=headers)
    assert (again.status, again.data, again.headers["Idempotency-Replayed"]) == (200, first.data, "true")
    assert await counted(ada, "documents") == 1
    other = await transact(ada, create("document", title="u"), headers=headers)
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


async def test_offsets_in_utf16_units_are_converted(ada: Member) -> None:
    """Of projects there are none, and they are taken all the same."""
    answer = await transact(
        ada,
        create("project", name="p"),
        create("document", "d", text="\U0001f600 Marie"),
        create("annotation", document_id="@d", start=3, end=8),
        query="?offset_unit=utf16",
    )
    mark = (await ada.call("GET", f"/v1/annotations/{answer.json['results'][2]['id']}")).json
    assert (mark["start"], mark["end"], mark["text"]) == (2, 7, "Marie")
    assert (await transact(ada, query="?offset_unit=bytes")).problem == "malformed"


async def test_only_json_is_taken_and_only_from_who_is_logged_in(ada: Member) -> None:
    """As everywhere."""
    answer = await ada.call("POST", "/v1/transactions", data=b"x", headers={"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert (await transact(Member(ada.client))).status == 401
    assert (await ada.call("GET", "/v1/transactions")).status == 405


async def test_a_key_does_what_its_scopes_say(ada: Member) -> None:
    """Each operation takes the scope of a request of its own."""

    async def by_key(*scopes: str) -> Member:
        made = {"name": "k", "scopes": scopes, "expires_at": format_time(now() + 60_000_000)}
        return Member(ada.client, (await ada.create("/v1/api-keys", made))["token"])

    reader, writer, both = await by_key("read"), await by_key("read", "write"), await by_key("write", "projects")
    document, project = create("document", "d", title="t"), create("project", name="p")
    assert (await transact(reader, document)).problem == "insufficient-scope"
    assert (await transact(reader)).problem == "insufficient-scope"
    answer = await transact(writer, document, project)
    assert (answer.problem, answer.json["errors"][0]["pointer"]) == ("insufficient-scope", "/operations/1")
    assert (await transact(writer, document)).status == 200
    assert (await transact(both, document, project)).status == 200


async def test_the_history_of_a_key_that_one_record_changes_often_is_whole(tmp_path: Path) -> None:
    """Made, changed, deleted, made again, and changed by itself later: each change names the one before it."""
    own = "doc_01h455vb4pex5vsknk084sn02q"
    make = {"op": "create", "kind": "document", "id": own, "value": {"title": "t"}}
    change = {"op": "update", "kind": "document", "id": own, "value": {"title": "u"}}
    remove = {"op": "delete", "kind": "document", "id": own}
    async with open_app(tmp_path) as client:
        ada = await Member(client).join("ada@example.org")
        assert (await transact(ada, make, change, change, remove, make, change)).status == 200
        assert (await ada.call("PATCH", f"/v1/documents/{own}", {"title": "v"})).status == 200
        assert (await transact(ada, change, remove, make)).status == 200
        version = (await ada.call("GET", f"/v1/documents/{own}")).json["version"]
    events = [past.change.event.removeprefix("document.") for past in history(tmp_path, "document", own)]
    once = ["created", "updated", "updated", "deleted", "created", "updated"]
    assert events == [*once, "updated", "updated", "deleted", "created"]
    async with open_app(tmp_path) as client:
        back = Member(client, ada.token)
        found = (await back.call("GET", f"/v1/documents/{own}")).json
        assert (found["version"], found["title"]) == (version, "t")
