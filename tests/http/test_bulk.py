"""Bulk loads over HTTP."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from service.clock import format_time, now
from tests.harness import Answer, Member, open_app

TEXT = "Marie Curie met Albert Einstein."
NDJSON = "application/x-ndjson"
LIMITS: dict[str, dict[str, Any]] = {
    "limits": {
        "bulk_chunk_lines": 4,
        "bulk_chunk_bytes": 4000,
        "bulk_line_bytes": 2000,
        "bulk_refs_max": 3,
        "bulk_results_bytes": 2000,
    }
}


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[Member]:
    """Give a user of a server whose chunks have four lines."""
    async with open_app(tmp_path, LIMITS) as client:
        yield await Member(client).join("ada@example.org")


def create(kind: str, ref: str | None = None, **value: Any) -> dict[str, Any]:
    """Return an operation that creates something."""
    return {"op": "create", "kind": kind, "value": value} | ({} if ref is None else {"ref": ref})


def lines_of(*operations: Any) -> bytes:
    """Return operations as lines; bytes are lines as they are."""
    return b"".join((one if isinstance(one, bytes) else msgspec.json.encode(one)) + b"\n" for one in operations)


async def load(who: Member, body: bytes, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Send lines at once."""
    return await who.call("POST", f"/v1/bulk{query}", data=body, headers={"Content-Type": NDJSON, **(headers or {})})


def told(answer: Answer) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the results of an answer, and its last line."""
    assert (answer.status, answer.headers["Content-Type"]) == (200, NDJSON), answer.data
    *results, last = [msgspec.json.decode(line) for line in answer.data.splitlines()]
    return results, last


async def counted(who: Member, collection: str) -> int:
    """Return how many entities somebody sees."""
    return int((await who.call("GET", f"/v1/{collection}?count=true")).json["total"])


async def test_lines_are_carried_out_and_counted(ada: Member) -> None:
    """By default only what fails is told; the last line says that it is the last one."""
    documents = [create("document", title=f"t{place}") for place in range(9)]
    results, last = told(await load(ada, lines_of(*documents)))
    assert results == []
    assert last == {"done": True, "lines": 9, "failed": 0, "sequence": last["sequence"]}
    assert await counted(ada, "documents") == 9
    titles = (await ada.call("GET", "/v1/documents")).json["items"]
    assert [item["title"] for item in titles] == [f"t{place}" for place in range(9)]


async def test_all_results_are_told_if_asked_for(ada: Member) -> None:
    """In the order of the lines, as those of a transaction."""
    own = "doc_01h455vb4pex5vsknk084sn02q"
    body = lines_of(
        create("document", title="t"),
        {"op": "replace", "kind": "document", "id": own, "value": {"title": "own"}},
        {"op": "update", "kind": "document", "id": own, "if_match": 1, "value": {"title": "new"}},
        {"op": "update", "kind": "document", "id": own, "if_match": 1, "value": {"title": "late"}},
        {"op": "delete", "kind": "document", "id": own},
    )
    results, last = told(await load(ada, body, "?results=all"))
    assert [(one["index"], one["status"], one.get("version")) for one in results] == [
        (0, 201, 1),
        (1, 201, 1),
        (2, 200, 2),
        (3, 412, None),
        (4, 204, None),
    ]
    assert results[3]["problem"]["type"] == "/problems/precondition-failed"
    assert [one.get("id") for one in results[1:]] == [own, own, None, own]
    assert (last["lines"], last["failed"]) == (5, 1)


async def test_a_line_that_fails_fails_alone(ada: Member) -> None:
    """With its problem and the place in it; blank lines are none, and the last one needs no end."""
    body = lines_of(
        create("document", title="first"),
        b"{",
        b"",
        b"  ",
        create("document", titel="wrong"),
        create("user", email="a@b"),
        {"op": "create", "kind": "document"},
        create("annotation", document_id="doc_01h455vb4pex5vsknk084sn02q", start=0, end=1),
        create("document", title="x" * 2000),
        b"[]",
        b'{"op":"create","kind":"document","value":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"op":"create","kind":"document","value":{"title":"\xe9"}}',
    )
    results, last = told(await load(ada, body + msgspec.json.encode(create("document", title="last"))))
    found = [(one["index"], one["status"], one["problem"]["type"].rpartition("/")[2]) for one in results]
    assert found == [
        (1, 400, "malformed"),
        (2, 422, "invalid"),
        (3, 422, "invalid"),
        (4, 422, "invalid"),
        (5, 404, "not-found"),
        (6, 413, "too-large"),
        (7, 422, "invalid"),
        (8, 400, "malformed"),
        (9, 400, "malformed"),
    ]
    pointers = [[error["pointer"] for error in one["problem"].get("errors", ())] for one in results]
    assert pointers[1:4] == [["/value/titel"], ["/kind"], ["/value"]]
    assert (last["lines"], last["failed"]) == (11, 9)
    titles = (await ada.call("GET", "/v1/documents")).json["items"]
    assert [item["title"] for item in titles] == ["first", "last"]


async def test_names_are_those_of_earlier_lines(ada: Member) -> None:
    """Of the same chunk or one before; those of later lines and of lines that failed stand for nothing."""
    body = lines_of(
        create("annotation", document_id="@d", start=0, end=5),
        create("document", "d", text=TEXT),
        create("annotation", "bad", document_id="@d", start=5, end=5),
        create("annotation", "a", document_id="@d", start=0, end=11),
        create("annotation", "b", document_id="@d", start=16, end=31),
        create("annotation", document_id="@d", arguments=[{"role": r, "target": f"@{r}"} for r in "ab"]),
        create("annotation", document_id="@d", arguments=[{"role": r, "target": f"@{r}"} for r in ("a", "bad")]),
        create("document", "d", text="again"),
        create("document", "more", text="one name too many"),
        {"op": "update", "kind": "annotation", "id": "@a", "value": {"label": "person"}},
    )
    results, last = told(await load(ada, body))
    found = [(one["index"], one["status"], one["problem"]["errors"][0]["pointer"]) for one in results]
    assert found == [
        (0, 422, "/value/document_id"),
        (2, 422, "/value/end"),
        (6, 422, "/value/arguments/1/target"),
        (7, 422, "/ref"),
        (8, 413, "/ref"),
    ]
    assert (last["lines"], last["failed"]) == (10, 5)
    assert "the limit" in results[4]["problem"]["detail"]
    relation = (await ada.call("GET", "/v1/annotations?type=relation")).json["items"][0]
    people = (await ada.call("GET", "/v1/annotations?label=person")).json["items"]
    assert relation["arguments"][0]["target"] == people[0]["id"]


async def test_the_same_lines_under_the_same_key_are_carried_out_once(ada: Member) -> None:
    """And the answer is the same, ids and failures too."""
    operations = [create("document", title=f"t{place}") for place in range(6)]
    body = lines_of(*operations, b"{", create("document", "d", text=TEXT), *operations[:2])
    body += lines_of(create("annotation", document_id="@d", start=0, end=5))
    headers = {"Idempotency-Key": "k"}
    first = await load(ada, body, "?results=all", headers)
    await ada.create("/v1/projects", name="meanwhile")
    again = await load(ada, body, "?results=all", headers)
    assert again.data == first.data
    assert told(again)[1]["lines"] == 11
    assert await counted(ada, "documents") == 9
    assert await counted(ada, "annotations") == 1
    more = await load(ada, body + lines_of(create("document", title="more")), "?results=all", headers)
    # Of the last chunk there are more lines now than were carried out then.
    assert told(more)[0][:11] == told(first)[0]
    assert await counted(ada, "documents") == 10


async def test_other_lines_under_the_key_are_refused(ada: Member) -> None:
    """By a problem if they are the first ones, else by a last line that is none of a load that was done."""
    headers = {"Idempotency-Key": "k"}
    body = [create("document", title=f"t{place}") for place in range(10)]
    await load(ada, lines_of(*body), headers=headers)
    answer = await load(ada, lines_of(create("document", title="other"), *body[1:]), headers=headers)
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")
    answer = await load(ada, lines_of(*body[:3]), headers=headers)
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")
    answer = await load(ada, lines_of(*body[:5], create("document", title="other"), *body[6:]), headers=headers)
    results, last = told(answer)
    assert results == []
    assert last["problem"]["type"] == "/problems/idempotency-key-reused"
    answer = await load(ada, lines_of(*body), "?results=all", headers)
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")
    assert await counted(ada, "documents") == 10


async def test_chunks_end_by_lines_and_by_bytes(ada: Member) -> None:
    """Each is one record; a line that changes more than a chunk has one of its own."""

    async def records(*operations: Any) -> int:
        before = told(await load(ada, lines_of(create("document"))))[1]["sequence"]
        return int(told(await load(ada, lines_of(*operations)))[1]["sequence"] - before)

    small, large = create("document", title="t"), create("document", text="x" * 1500)
    assert await records(*[small] * 4) == 1
    assert await records(*[small] * 5) == 2
    assert await records(large, large) == 1
    assert await records(large, large, large) == 2
    document = (await ada.create("/v1/documents", title="t", text=TEXT))["id"]
    long = [create("annotation", document_id=document, body=[{"purpose": "p", "value": "x" * 900}])] * 5
    assert await records(*long) == 2
    assert await records({"op": "delete", "kind": "document", "id": document}, small) == 2


async def test_lines_are_limited_in_size(ada: Member) -> None:
    """At the limit it is taken, one past it refused; what follows is taken."""

    def line(size: int) -> bytes:
        bare = len(msgspec.json.encode(create("document", title="")))
        title = "x" * 990
        return msgspec.json.encode(create("document", title=title)) + b" " * (size - bare - 990)

    results, last = told(await load(ada, lines_of(line(2000), line(2001), line(1500))))
    assert [(one["index"], one["status"]) for one in results] == [(1, 413)]
    assert "2001 bytes, the limit is 2000" in results[0]["problem"]["detail"]
    assert (last["lines"], last["failed"]) == (3, 1)


@pytest.mark.parametrize(
    ("first_line", "failed"),
    [
        pytest.param(create("document", title="t"), [1], id="after one that is carried out"),
        pytest.param({"op": "none"}, [0, 1], id="after one that fails too"),
    ],
)
async def test_what_a_record_cannot_hold_fails_alone(
    tmp_path: Path, first_line: dict[str, Any], failed: list[int]
) -> None:
    """A deletion that is too large for the log is refused, and the lines around it are carried out."""
    limits = {"text_bytes": 3_000_000, "body_bytes": 4_000_000, "bulk_line_bytes": 4_000_000}
    async with open_app(tmp_path, {"limits": limits}) as client:
        ada = await Member(client).join("ada@example.org")
        project = (await ada.create("/v1/projects", name="p"))["id"]
        for _ in range(3):
            await ada.create("/v1/documents", project_id=project, text="x" * 2_900_000)
        small = create("document", title="t")
        body = lines_of(first_line, {"op": "delete", "kind": "project", "id": project}, small)
        headers = {"Idempotency-Key": "k"}
        first = await load(ada, body, headers=headers)
        results, last = told(first)
        assert [one["index"] for one in results] == failed
        assert results[-1]["status"] == 413
        assert (last["lines"], last["failed"]) == (3, len(failed))
        assert await counted(ada, "documents") == 3 + 3 - len(failed)
        assert (await load(ada, body, headers=headers)).data == first.data


async def test_a_chunk_that_a_record_cannot_hold_is_divided(tmp_path: Path) -> None:
    """Where the settings let chunks be larger than records."""
    flags = {"limits": {"bulk_chunk_bytes": 50_000_000}}
    async with open_app(tmp_path, flags) as client:
        ada = await Member(client).join("ada@example.org")
        before = told(await load(ada, lines_of(create("document"))))[1]["sequence"]
        large = [create("document", text="x" * 1_900_000)] * 7
        results, last = told(await load(ada, lines_of(*large)))
        assert (results, last["lines"], await counted(ada, "documents")) == ([], 7, 8)
        # A record holds three of them.
        assert last["sequence"] - before >= 3


async def test_results_come_while_lines_are_still_sent(ada: Member) -> None:
    """What was sent goes on when nothing more comes for a moment; a line may rest on what was told of one before."""
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while line := await sent.get():
            yield line

    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": NDJSON}
    sent.put_nowait(lines_of(create("document", text=TEXT)))
    async with ada.client.post("/v1/bulk?results=all", data=body(), headers=headers) as response:
        for _ in range(3):
            result = msgspec.json.decode(await response.content.readline())
            assert (await ada.call("GET", f"/v1/documents/{result['id']}")).status == 200
            sent.put_nowait(lines_of(create("document", derived_from=result["id"])))
        assert msgspec.json.decode(await response.content.readline())["status"] == 201
        sent.put_nowait(b"")
        assert msgspec.json.decode(await response.content.readline())["lines"] == 4
        assert await response.content.readline() == b""


async def test_a_client_that_never_reads_does_not_stop_the_load(tmp_path: Path) -> None:
    """Results for which there is no room are left out, and counted in the last line."""
    flags = {"limits": {**LIMITS["limits"], "bulk_chunk_lines": 50, "bulk_results_bytes": 1024}}
    number = 40_000
    async with open_app(tmp_path, flags) as client:
        ada = await Member(client).join("ada@example.org")
        host, port = client.server.host, client.server.port
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect((host, port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
        head = (
            f"POST /v1/bulk HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\nContent-Type: {NDJSON}\r\n"
            f"Content-Length: {4 * number}\r\n\r\n"
        )
        # The client reads nothing: its side takes no more than its buffers hold.
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head.encode() + b"[1]\n" * number)
        await writer.drain()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        status = await reader.readline()
        assert status.startswith(b"HTTP/1.1 200")
        data = b""
        while b'"done"' not in data[-400:]:
            data += await reader.read(1 << 20)
        writer.close()
        last = msgspec.json.decode(next(line for line in data.splitlines() if b'"done"' in line))
        told_of = data.count(b'"index"')
        assert (last["lines"], last["failed"]) == (number, number)
        assert last["omitted"] == number - told_of > 0


async def test_who_sends_too_slowly_is_told(tmp_path: Path) -> None:
    """What is whole by then has been carried out."""
    async with open_app(tmp_path, {"limits": {"body_seconds": 0.3}}) as client:
        ada = await Member(client).join("ada@example.org")

        async def body() -> AsyncIterator[bytes]:
            yield lines_of(create("document"))[:-5]
            await asyncio.sleep(30)

        async def more() -> AsyncIterator[bytes]:
            yield lines_of(create("document"))
            await asyncio.sleep(30)

        headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": NDJSON}
        async with client.post("/v1/bulk", data=body(), headers=headers) as response:
            assert response.status == 408
        async with client.post("/v1/bulk", data=more(), headers=headers) as response:
            assert response.status == 200
            last = msgspec.json.decode((await response.read()).splitlines()[-1])
            assert last["problem"]["status"] == 408
        assert await counted(ada, "documents") == 1


async def test_only_lines_of_json_are_taken(ada: Member) -> None:
    """Parameters are known ones."""
    assert (await load(ada, b"", headers={"Content-Type": "application/json"})).problem == "unsupported-media-type"
    assert (await load(ada, b"", "?results=some")).problem == "malformed"
    assert (await load(ada, b"", "?limit=1")).problem == "malformed"
    assert (await load(Member(ada.client), b"")).status == 401
    assert told(await load(ada, b"\n\n")) == ([], {"done": True, "lines": 0, "failed": 0, "sequence": 0})
    answer = await load(ada, lines_of(create("document", text="\U0001f600")), "?offset_unit=utf16")
    assert told(answer)[1]["lines"] == 1


async def test_offsets_in_utf16_units_are_converted(ada: Member) -> None:
    """Of the text of an earlier line."""
    body = lines_of(
        create("document", "d", text="\U0001f600 Marie"), create("annotation", document_id="@d", start=3, end=8)
    )
    assert told(await load(ada, body, "?offset_unit=utf16"))[1]["failed"] == 0
    mark = (await ada.call("GET", "/v1/annotations")).json["items"][0]
    assert (mark["start"], mark["end"], mark["text"]) == (2, 7, "Marie")


async def test_who_is_logged_out_meanwhile_is_refused(ada: Member) -> None:
    """From the next chunk on; the rest of the lines is not looked at."""

    async def body() -> AsyncIterator[bytes]:
        yield lines_of(*[create("document")] * 4)
        while await counted(ada, "documents") < 4:
            await asyncio.sleep(0)
        assert (await ada.call("DELETE", "/v1/sessions/current")).status == 204
        yield lines_of(*[create("document")] * 4)

    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": NDJSON}
    async with ada.client.post("/v1/bulk", data=body(), headers=headers) as response:
        last = msgspec.json.decode((await response.read()).splitlines()[-1])
    assert last["problem"]["status"] == 401


async def test_a_key_does_what_its_scopes_say(ada: Member) -> None:
    """What it may not do fails line by line; who only reads is refused, answers of earlier loads too."""

    async def by_key(*scopes: str) -> Member:
        made = {"name": "k", "scopes": scopes, "expires_at": format_time(now() + 60_000_000)}
        return Member(ada.client, (await ada.create("/v1/api-keys", made))["token"])

    body = lines_of(create("document"), create("project", name="p"))
    headers = {"Idempotency-Key": "k"}
    results, last = told(await load(await by_key("write"), body, headers=headers))
    assert [(one["index"], one["problem"]["type"]) for one in results] == [(1, "/problems/insufficient-scope")]
    assert last["failed"] == 1
    assert (await load(await by_key("read"), body, headers=headers)).problem == "insufficient-scope"


async def test_a_key_that_is_in_use_is_refused(ada: Member) -> None:
    """Until the load under it has ended."""
    waiting = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield lines_of(create("document"))
        await waiting.wait()

    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": NDJSON, "Idempotency-Key": "k"}

    async def first() -> bytes:
        async with ada.client.post("/v1/bulk", data=body(), headers=headers) as response:
            return await response.read()

    running = asyncio.create_task(first())
    while await counted(ada, "documents") < 1:
        await asyncio.sleep(0)
    again = await load(ada, lines_of(create("document")), headers={"Idempotency-Key": "k"})
    assert (again.status, again.problem) == (409, "idempotency-in-flight")
    waiting.set()
    assert b'"done":true' in await running
    assert told(await load(ada, lines_of(create("document")), headers={"Idempotency-Key": "k"}))[1]["lines"] == 1
    assert await counted(ada, "documents") == 1


async def cut(ada: Member, body: bytes, end: int, key: str, *, chunked: bool) -> None:
    """Send a load up to some byte, and hang up."""
    host, port = ada.client.server.host, ada.client.server.port
    _, writer = await asyncio.open_connection(host, port)
    coding = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        f"POST /v1/bulk?results=all HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\n"
        f"Content-Type: {NDJSON}\r\nIdempotency-Key: {key}\r\n{coding}\r\n\r\n"
    )
    sent = b"%x\r\n%b" % (len(body), body[:end]) if chunked else body[:end]
    writer.write(head.encode() + sent)
    await writer.drain()
    if end % 3:
        # Some of it has been carried out when the connection is lost, or all that came before the line that is cut.
        await asyncio.sleep(end % 7 / 50)
    if end % 2:
        writer.transport.abort()
    else:
        writer.close()
        await writer.wait_closed()


async def sent_again(ada: Member, body: bytes, key: str) -> Answer:
    """Send a load until nobody else is at it any more."""
    while True:
        answer = await load(ada, body, "?results=all", {"Idempotency-Key": key})
        if answer.status != 409:
            return answer
        await asyncio.sleep(0.01)


async def test_a_load_that_was_cut_is_sent_again_and_nothing_is_missing_or_there_twice(ada: Member) -> None:
    """Cut at a random byte, a hundred times, once or several times each; sent once more the answer is the same."""
    chance = random.Random(5)
    lines = 23
    with structlog.testing.capture_logs() as logged:
        for number in range(100):
            documents = [create("document", title=f"{number}-{place}") for place in range(lines)]
            document = create("document", "d", text=TEXT, title=f"{number}-text")
            marks = [create("annotation", document_id="@d", start=place, end=place + 1) for place in range(8)]
            body = lines_of(*documents[:9], document, *marks[:4], b"{", *documents[9:], *marks[4:])
            for _ in range(chance.choice((1, 1, 2, 4))):
                await cut(ada, body, chance.randrange(len(body)), f"k{number}", chunked=chance.random() < 0.5)
            first = await sent_again(ada, body, f"k{number}")
            results, last = told(first)
            assert [one["index"] for one in results] == list(range(lines + 10))
            assert (last["lines"], last["failed"]) == (lines + 10, 1)
            assert (await load(ada, body, "?results=all", {"Idempotency-Key": f"k{number}"})).data == first.data
            ids = [one["id"] for one in results if "id" in one]
            assert len(set(ids)) == lines + 9
            marked = await ada.call("GET", f"/v1/documents/{results[9]['id']}/annotations?count=true")
            assert marked.json["total"] == 8
            assert await counted(ada, "documents") == (number + 1) * (lines + 1)
    assert [one for one in logged if one["log_level"] == "error"] == []
