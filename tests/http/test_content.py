"""Contents of documents: uploaded and downloaded whole or in ranges, under the document's rules, never shown inline."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.http.content import MEDIA_TYPE_LENGTH_MAX, disposition
from tests.harness import Answer, Member, open_app

PDF = {"Content-Type": "application/pdf"}
BYTES = bytes(range(256)) * 3000
SMALL = b"0123456789"


def sha256(data: bytes) -> str:
    """Return the digest of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def told(data: bytes, algorithm: str = "sha256") -> str:
    """Return the value of a digest field."""
    return f"sha-{algorithm[3:]}=:{b64encode(hashlib.new(algorithm, data).digest()).decode()}:"


def files(directory: Path) -> list[str]:
    """Return what lies below a directory of blobs."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def put(member: Member, document: str, data: bytes = SMALL, /, **headers: str) -> Answer:
    """Upload a content; underscores in the names of header fields stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await member.call("PUT", f"/v1/documents/{document}/content", data=data, headers={**PDF, **named})


async def get(member: Member, document: str, method: str = "GET", /, **headers: str) -> Answer:
    """Download a content."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await member.call(method, f"/v1/documents/{document}/content", headers=named)


@pytest.fixture
async def document(anna: Member) -> str:
    """Give a document of Anna's."""
    return str((await anna.create("/v1/documents", title="Letter", text="Marie"))["id"])


async def test_what_was_uploaded_is_downloaded(anna: Member, document: str, tmp_path: Path) -> None:
    """Byte for byte; the document tells of it; it is a file that nobody else can read."""
    answer = await put(anna, document, BYTES)
    assert (answer.status, answer.headers["ETag"]) == (201, '"2;content"')
    assert answer.headers["Location"] == f"/v1/documents/{document}/content"
    assert answer.headers["Content-Location"] == f"/v1/documents/{document}"
    content = {"media_type": "application/pdf", "size": len(BYTES), "sha256": sha256(BYTES)}
    assert (answer.json["content"], answer.json["version"]) == (content, 2)
    document_told = (await anna.call("GET", f"/v1/documents/{document}")).json
    assert (document_told["content"], document_told["text"]) == (content, "Marie")
    listed = (await anna.call("GET", "/v1/documents")).json["items"]
    assert listed[0]["content"] == content
    found = await get(anna, document)
    assert (found.status, found.data) == (200, BYTES)
    assert found.headers["Content-Length"] == str(len(BYTES))
    blobs = tmp_path / "data" / "blobs"
    (name,) = files(blobs)
    assert name.replace("/", "") == sha256(BYTES)
    assert (blobs / name).read_bytes() == BYTES
    assert ((blobs / name).stat().st_mode & 0o777, blobs.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (blobs / name).parent.stat().st_mode & 0o777 == 0o700


async def test_it_is_never_shown_in_a_page(anna: Member, document: str) -> None:
    """Whatever is in it and whatever it says that it is: an attachment, in a sandbox, of a type that is not guessed."""
    for media_type in ("text/html; charset=utf-8", "image/svg+xml", "application/xhtml+xml", "text/javascript"):
        data = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
        assert (await put(anna, document, data, Content_Type=media_type)).status in (200, 201)
        for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-3"})):
            found = (await get(anna, document, method, **headers)).headers
            assert found["Content-Type"] == media_type
            assert found["Content-Disposition"] == "attachment; filename*=UTF-8''Letter"
            assert found["X-Content-Type-Options"] == "nosniff"
            assert found["Content-Security-Policy"].startswith("sandbox;")
            assert found["X-Request-ID"]
            assert found["Cache-Control"] == "private"
            assert found["Cross-Origin-Resource-Policy"] == "same-origin"
            assert found["Repr-Digest"] == told(data)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("", "attachment"),
        ("...", "attachment"),
        ("Brief an Zoë", "attachment; filename*=UTF-8''Brief%20an%20Zo%C3%AB"),
        ("../../etc/passwd", "attachment; filename*=UTF-8''_.._etc_passwd"),
        ("..\\c:x", "attachment; filename*=UTF-8''_c_x"),
        ('a"\r\nSet-Cookie: x=1', "attachment; filename*=UTF-8''a___Set-Cookie_%20x%3D1"),
        ("cod\u202efdp.exe", "attachment; filename*=UTF-8''cod_fdp.exe"),
        ("\ud800", "attachment; filename*=UTF-8''%3F"),
        ("x" * 101, f"attachment; filename*=UTF-8''{'x' * 100}"),
    ],
)
def test_the_title_is_a_harmless_name(title: str, expected: str) -> None:
    """In any directory, in any header."""
    assert disposition(title) == expected


@pytest.mark.parametrize(
    ("header", "status", "content_range", "data"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10", b"0123"),
        ("bytes=4-", 206, "bytes 4-9/10", b"456789"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=-11", 206, "bytes 0-9/10", SMALL),
        ("bytes=9-9", 206, "bytes 9-9/10", b"9"),
        ("bytes=9-10", 206, "bytes 9-9/10", b"9"),
        ("Bytes = 0 - 0", 206, "bytes 0-0/10", b"0"),
        (f"bytes=2-{'9' * 5000}", 206, "bytes 2-9/10", b"23456789"),
        ("bytes=10-", 416, "bytes */10", None),
        (f"bytes={'9' * 5000}-", 416, "bytes */10", None),
        ("bytes=-0", 416, "bytes */10", None),
        ("bytes=3-2", 200, None, SMALL),
        ("bytes=-", 200, None, SMALL),
        ("bytes=0-1,3-4", 200, None, SMALL),
        ("lines=0-1", 200, None, SMALL),
        ("bytes=٣-", 200, None, SMALL),
    ],
)
async def test_a_range_is_sent(
    anna: Member, document: str, header: str, status: int, content_range: str | None, data: bytes | None
) -> None:
    """One of bytes; what is no such range is passed over, and what has no bytes is 416."""
    await put(anna, document)
    answer = await get(anna, document, Range=header)
    assert (answer.status, answer.headers.get("Content-Range")) == (status, content_range)
    if data is None:
        assert answer.problem == "range-not-satisfiable"
    else:
        assert (answer.data, answer.headers["Content-Length"]) == (data, str(len(data)))
        assert answer.headers["Repr-Digest"] == told(SMALL)


async def test_a_range_over_pieces_is_sent(anna: Member, document: str) -> None:
    """From the middle of one read to the middle of another."""
    await put(anna, document, BYTES)
    answer = await get(anna, document, Range="bytes=200000-600001")
    assert (answer.status, answer.data) == (206, BYTES[200_000:600_002])


async def test_if_range_asks_for_the_same_content(anna: Member, document: str) -> None:
    """Another tag, a weak one and a time get all of it."""
    tag = (await put(anna, document)).headers["ETag"]
    time = "Wed, 25 Nov 2026 00:00:00 GMT"
    for condition, status in ((tag, 206), ('"1;content"', 200), (f"W/{tag}", 200), (time, 200)):
        assert (await get(anna, document, Range="bytes=0-0", If_Range=condition)).status == status


async def test_head_tells_the_same_without_the_bytes(anna: Member, document: str) -> None:
    """Range means nothing to it; a 404 is one too."""
    assert (await get(anna, document, "HEAD")).status == 404
    await put(anna, document, BYTES)
    answer = await get(anna, document, "HEAD", Range="bytes=0-0")
    assert (answer.status, answer.data, answer.headers["Content-Length"]) == (200, b"", str(len(BYTES)))
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_conditions_of_a_download(anna: Member, document: str) -> None:
    """304 for who has it, 412 for who wants another one."""
    tag = (await put(anna, document)).headers["ETag"]
    unchanged = await get(anna, document, If_None_Match=tag)
    assert (unchanged.status, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
    assert (await get(anna, document, If_None_Match='"1;content"')).status == 200
    assert (await get(anna, document, If_Match='"1;content"')).problem == "precondition-failed"
    assert (await get(anna, document, If_Match=tag)).status == 200


async def test_an_empty_content_is_a_content(anna: Member, document: str) -> None:
    """It has no range."""
    assert (await put(anna, document, b"")).json["content"]["size"] == 0
    answer = await get(anna, document)
    assert (answer.status, answer.data, answer.headers["Content-Length"]) == (200, b"", "0")
    for header in ("bytes=0-", "bytes=-1"):
        assert (await get(anna, document, Range=header)).status == 416


async def test_a_content_is_replaced_and_taken_away(anna: Member, document: str) -> None:
    """Each a version of the document; text and title stay."""
    await put(anna, document)
    again = await put(anna, document, b"other", Content_Type="text/plain")
    assert (again.status, "Location" in again.headers, again.json["version"]) == (200, False, 3)
    assert (await get(anna, document)).data == b"other"
    gone = await anna.call("DELETE", f"/v1/documents/{document}/content", headers={"If-Match": '"3;content"'})
    assert (gone.status, gone.data) == (204, b"")
    assert (await get(anna, document)).problem == "not-found"
    assert (await anna.call("DELETE", f"/v1/documents/{document}/content")).problem == "not-found"
    left = (await anna.call("GET", f"/v1/documents/{document}")).json
    assert ("content" in left, left["version"], left["text"], left["title"]) == (False, 4, "Marie", "Letter")


async def test_the_same_content_twice_is_one_blob(anna: Member, bert: Member, document: str, tmp_path: Path) -> None:
    """Whoever uploads it; what the disk has spoilt of it meanwhile is whole again."""
    await put(anna, document)
    blobs = tmp_path / "data" / "blobs"
    (name,) = files(blobs)
    (blobs / name).write_bytes(b"spoilt")
    other = (await bert.create("/v1/documents", title="copy"))["id"]
    await put(bert, other)
    assert files(blobs) == [name]
    assert (await get(anna, document)).data == (await get(bert, other)).data == SMALL


async def test_the_document_says_that_it_has_one_and_nobody_else_may(anna: Member, document: str) -> None:
    """`content` is the server's member: equal or absent, by POST, PUT and PATCH; what replaces a document keeps it."""
    content = (await put(anna, document)).json["content"]
    path = f"/v1/documents/{document}"
    forged = {**content, "sha256": "0" * 64}
    for method, target in (("POST", "/v1/documents"), ("PUT", path), ("PATCH", path)):
        answer = await anna.call(method, target, {"content": forged})
        assert answer.problem == "invalid"
        assert answer.json["errors"][0]["pointer"] == "/content"
    assert (await anna.call("POST", "/v1/documents", {"content": content})).problem == "invalid"
    assert (await anna.call("PATCH", path, {"content": None})).problem == "invalid"
    assert (await anna.call("PATCH", path, {"content": content, "title": "x"})).json["content"] == content
    assert (await anna.call("PUT", path, {"title": "new"})).json["content"] == content
    assert (await get(anna, document)).data == SMALL


async def test_the_rules_of_the_document_hold(anna: Member, bert: Member, admin: Member, document: str) -> None:
    """What one may not see is not there; who may read and not change is told so; what was deleted is gone."""
    await put(anna, document)
    path = f"/v1/documents/{document}/content"
    nothing = await bert.call("GET", "/v1/documents/doc_none/content")
    for other in (bert, admin):
        for method, data in (("GET", None), ("HEAD", None), ("PUT", SMALL), ("DELETE", None)):
            answer = await other.call(method, path, data=data, headers=PDF)
            assert answer.status == 404
        told_other = (await get(other, document)).json
        assert told_other["detail"] == nothing.json["detail"].replace("doc_none", document)
    assert (await Member(anna.client).call("GET", path)).problem == "unauthenticated"
    assert (await put(Member(anna.client), document)).problem == "unauthenticated"
    project = (await anna.create("/v1/projects", name="p"))["id"]
    shared = (await anna.create("/v1/documents", title="s", project_id=project))["id"]
    await put(anna, shared, b"shared")
    await anna.call("PUT", f"/v1/projects/{project}/members/{bert.id}", {"role": "viewer"})
    assert (await get(bert, shared)).data == b"shared"
    assert (await put(bert, shared)).problem == "forbidden"
    assert (await bert.call("DELETE", f"/v1/documents/{shared}/content")).problem == "forbidden"
    await anna.call("DELETE", f"/v1/documents/{document}")
    assert (await get(anna, document)).problem == (await put(anna, document)).problem == "gone"


async def test_who_is_refused_need_not_send_the_body(anna: Member, bert: Member, document: str) -> None:
    """Access and preconditions are asked before a byte of it is read: a body that never comes is no reason to wait."""
    await put(anna, document)
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await never.wait()

    cases: tuple[tuple[Member, dict[str, str], int], ...] = (
        (bert, {}, 404),
        (anna, {"If-Match": '"9"'}, 412),
        (anna, {"If-None-Match": "*"}, 412),
    )
    for member, headers, status in cases:
        own = {"Authorization": f"Bearer {member.token}", **PDF, **headers}
        path = f"/v1/documents/{document}/content"
        async with asyncio.timeout(10), member.client.put(path, data=body(), headers=own) as response:
            assert response.status == status


@pytest.mark.parametrize("remove", [True, False])
async def test_rights_are_asked_again_when_all_of_it_is_there(
    anna: Member, bert: Member, tmp_path: Path, remove: bool
) -> None:
    """A member who is removed, or a document that is changed, while the body arrives: refused, and nothing changes."""
    project = (await anna.create("/v1/projects", name="p"))["id"]
    shared = (await anna.create("/v1/documents", title="s", project_id=project))["id"]
    await anna.call("PUT", f"/v1/projects/{project}/members/{bert.id}", {"role": "editor"})
    arriving, goes_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        arriving.set()
        await goes_on.wait()
        yield b"y"

    headers = {"Authorization": f"Bearer {bert.token}", **PDF, "If-Match": '"1"'}
    path = f"/v1/documents/{shared}/content"
    uploading = asyncio.create_task(anna.client.put(path, data=body(), headers=headers).__aenter__())
    await arriving.wait()
    while not files(tmp_path / "data" / "blobs"):
        await asyncio.sleep(0)
    if remove:
        await anna.call("DELETE", f"/v1/projects/{project}/members/{bert.id}")
    else:
        await anna.call("PATCH", f"/v1/documents/{shared}", {"title": "t"})
    goes_on.set()
    assert (await uploading).status == (404 if remove else 412)
    assert "content" not in (await anna.call("GET", f"/v1/documents/{shared}")).json


async def test_create_only_asks_for_a_document_without_a_content(anna: Member, document: str) -> None:
    """What must not exist is the content; once it is there, 412."""
    assert (await put(anna, document, If_None_Match="*")).status == 201
    assert (await put(anna, document, If_None_Match="*")).problem == "precondition-failed"
    await anna.call("DELETE", f"/v1/documents/{document}/content")
    assert (await put(anna, document, If_None_Match="*", If_Match='"2"')).problem == "precondition-failed"
    assert (await put(anna, document, If_None_Match="*")).status == 201


async def test_a_retry_gets_the_first_answer(anna: Member, document: str) -> None:
    """Also when its precondition held only then; another body under the key is another request."""
    headers = {"Idempotency_Key": "k", "If_Match": '"1"'}
    first = await put(anna, document, **headers)
    again = await put(anna, document, **headers)
    assert (first.status, again.status, again.data) == (201, 201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (await put(anna, document, b"other", **headers)).problem == "idempotency-key-reused"
    assert (await put(anna, document, Content_Type="text/plain", **headers)).problem == "idempotency-key-reused"
    assert (await anna.call("GET", f"/v1/documents/{document}")).json["version"] == 2
    path = f"/v1/documents/{document}/content"
    deletions = [await anna.call("DELETE", path, headers={"Idempotency-Key": "d"}) for _ in range(2)]
    assert [one.status for one in deletions] == [204, 204]


@pytest.mark.parametrize("name", ["Repr_Digest", "Content_Digest"])
async def test_a_digest_that_is_told_is_verified(anna: Member, document: str, tmp_path: Path, name: str) -> None:
    """SHA-256 and SHA-512; others mean nothing; what does not fit is not stored."""
    for value, status in (
        (told(SMALL), 201),
        (told(SMALL, "sha512"), 200),
        (f"md5=:AAAA:;x=1, {told(SMALL)}", 200),
        (told(b"other"), 422),
        (f"{told(SMALL)}, {told(b'other', 'sha512')}", 422),
        ("sha-256=:AAAA:", 422),
        ("sha-256=:A:", 400),
        ("sha-256=abc", 400),
        ("gibberish", 400),
    ):
        answer = await put(anna, document, **{name: value})
        assert answer.status == status, (value, answer.data)
        assert status != 422 or answer.problem == "digest-mismatch"
    assert len(files(tmp_path / "data" / "blobs")) == 1
    assert (await anna.call("GET", f"/v1/documents/{document}")).json["version"] == 4


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Application/PDF", "application/pdf"),
        ("text/html;charset=ISO-8859-1", "text/html;charset=ISO-8859-1"),
        ('text/plain; title="a\\"b;c"', 'text/plain; title="a\\"b;c"'),
        (f"a/{'b' * (MEDIA_TYPE_LENGTH_MAX - 2)}", f"a/{'b' * (MEDIA_TYPE_LENGTH_MAX - 2)}"),
        (f"a/{'b' * (MEDIA_TYPE_LENGTH_MAX - 1)}", None),
        ("", None),
        ("pdf", None),
        ("a/b; c", None),
        ("a/b, c/d", None),
        ("text/ht\u00e4ml", None),
        ("multipart/form-data; boundary=x", None),
        ("application/x-www-form-urlencoded", None),
    ],
)
async def test_the_media_type_is_kept_as_it_was_sent(anna: Member, document: str, sent: str, kept: str | None) -> None:
    """With its parameters; what is none, and forms, are refused."""
    answer = await put(anna, document, Content_Type=sent)
    if kept is None:
        assert (answer.status, answer.problem) == (415, "unsupported-media-type")
        return
    assert answer.json["content"]["media_type"] == kept
    assert (await get(anna, document)).headers["Content-Type"] == kept


async def test_without_a_media_type_it_is_bytes(anna: Member, document: str) -> None:
    """Nothing is guessed."""
    headers = {"Authorization": f"Bearer {anna.token}"}
    async with anna.client.put(
        f"/v1/documents/{document}/content",
        data=io.BytesIO(b"%PDF"),
        headers=headers,
        skip_auto_headers=["Content-Type"],
    ) as response:
        assert (await response.json())["content"]["media_type"] == "application/octet-stream"


async def test_what_is_no_whole_plain_content_is_refused(anna: Member, document: str) -> None:
    """Coded bodies, parts, unknown parameters, other methods."""
    assert (await put(anna, document, Content_Encoding="gzip")).problem == "unsupported-media-type"
    assert (await put(anna, document, Content_Range="bytes 0-3/10")).problem == "malformed"
    path = f"/v1/documents/{document}/content"
    for method in ("GET", "PUT", "DELETE"):
        assert (await anna.call(method, f"{path}?x=1", headers=PDF)).problem == "malformed"
    for method in ("POST", "PATCH"):
        refused = await anna.call(method, path, data=SMALL, headers=PDF)
        assert (refused.problem, refused.headers["Allow"]) == ("method-not-allowed", "DELETE, GET, HEAD, OPTIONS, PUT")
    assert (await put(anna, document, If_Match="x")).problem == "malformed"


@pytest.mark.parametrize(
    "id_", ["..", "%2e%2e", "..%2f..%2fLOCK", "%2fetc%2fpasswd", "doc_%00", "a" * 64, "doc_..", "%5c..%5c", "*"]
)
async def test_a_path_leads_nowhere_else(anna: Member, document: str, id_: str) -> None:
    """The id is looked up, and is no part of a file's name."""
    await put(anna, document)
    for method, data in (("GET", None), ("PUT", SMALL), ("DELETE", None)):
        answer = await anna.call(method, f"/v1/documents/{id_}/content", data=data, headers=PDF)
        assert answer.status in (404, 405), answer.data
        assert answer.problem in ("not-found", "no-such-path", "method-not-allowed")


Body = Callable[[int], Any]


async def chunked(size: int) -> AsyncIterator[bytes]:
    """Yield so many bytes, of which nobody told the number."""
    yield b"x" * (size - 1)
    yield b"x"


@pytest.mark.parametrize("body", [lambda size: io.BytesIO(b"x" * size), chunked])
async def test_the_size_has_a_limit(tmp_path: Path, body: Body) -> None:
    """At it, and one past it; told before or not. Nothing is left of what was refused."""
    async with open_app(tmp_path / "data", {"limits": {"content_bytes": 300_000}}) as client:
        anna = await Member(client).join("anna@example.org")
        path = f"/v1/documents/{(await anna.create('/v1/documents', title='t'))['id']}/content"
        headers = {"Authorization": f"Bearer {anna.token}", **PDF}
        for size, status in ((300_000, 201), (300_001, 413)):
            async with client.put(path, data=body(size), headers=headers) as response:
                assert response.status == status
        assert len(files(tmp_path / "data" / "blobs")) == 1


async def test_a_stream_without_an_end_is_cut(tmp_path: Path) -> None:
    """It is refused at the limit, whatever the client still means to send."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    async with open_app(tmp_path / "data", {"limits": {"content_bytes": 300_000}}) as client:
        anna = await Member(client).join("anna@example.org")
        path = f"/v1/documents/{(await anna.create('/v1/documents', title='t'))['id']}/content"
        headers = {"Authorization": f"Bearer {anna.token}", **PDF}
        async with asyncio.timeout(20), client.put(path, data=endless(), headers=headers) as response:
            assert response.status == 413
        assert files(tmp_path / "data" / "blobs") == []


@pytest.mark.parametrize("limits", [{"content_seconds": 0.3}, {"body_seconds": 0.3}])
async def test_a_slow_body_is_given_up(tmp_path: Path, limits: dict[str, float]) -> None:
    """One that trickles after a total, one that pauses after a pause; nothing is left of it."""
    never = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        while "body_seconds" not in limits:
            await asyncio.sleep(0.02)
            yield b"x"
        await never.wait()

    async with open_app(tmp_path / "data", {"limits": limits}) as client:
        anna = await Member(client).join("anna@example.org")
        path = f"/v1/documents/{(await anna.create('/v1/documents', title='t'))['id']}/content"
        headers = {"Authorization": f"Bearer {anna.token}", **PDF}
        async with asyncio.timeout(20), client.put(path, data=slow(), headers=headers) as response:
            assert (response.status, (await response.json())["type"]) == (408, "/problems/too-slow")
        assert files(tmp_path / "data" / "blobs") == []


async def test_a_client_that_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    """It would hold a file and a connection for ever; another one is served meanwhile."""
    async with open_app(tmp_path / "data", {"limits": {"body_seconds": 0.3}}) as client:
        anna = await Member(client).join("anna@example.org")
        document = (await anna.create("/v1/documents", title="t"))["id"]
        data = bytes(30_000_000)
        await put(anna, document, data)
        assert client.server.runner is not None
        server = client.server.runner.server
        assert server is not None
        url = client.make_url(f"/v1/documents/{document}/content")
        others = set(server.connections)
        with socket.create_connection((url.host or "", url.port or 0)) as idle:
            idle.sendall(f"GET {url.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {anna.token}\r\n\r\n".encode())
            async with asyncio.timeout(20):
                while not (own := set(server.connections) - others):
                    await asyncio.sleep(0.01)
                while own & set(server.connections):
                    await asyncio.sleep(0.01)
        assert len((await get(anna, document)).data) == len(data)


async def test_a_disk_without_room_beyond_the_reserve_is_507(tmp_path: Path) -> None:
    """The log keeps its room; nothing is left of what was refused."""
    async with open_app(tmp_path / "data", {"limits": {"content_reserve_bytes": 2**62}}) as client:
        anna = await Member(client).join("anna@example.org")
        document = (await anna.create("/v1/documents", title="t"))["id"]
        answer = await put(anna, document)
        assert (answer.status, answer.problem) == (507, "no-room")
        assert (await anna.call("PATCH", f"/v1/documents/{document}", {"title": "u"})).status == 200
        assert files(tmp_path / "data" / "blobs") == []


@pytest.mark.parametrize("harm", ["missing", "short", "other"])
async def test_a_damaged_blob_is_told_and_never_sent_as_if_it_were_whole(
    anna: Member, document: str, tmp_path: Path, harm: str
) -> None:
    """503 `content-failed`, or a cut connection when a part of it is on its way; the document is there all the same."""
    await put(anna, document, BYTES)
    blobs = tmp_path / "data" / "blobs"
    blob = blobs / files(blobs)[0]
    if harm == "missing":
        blob.unlink()
    elif harm == "short":
        os.truncate(blob, len(BYTES) - 1)
    else:
        blob.write_bytes(BYTES[:-1] + b"!")
    if harm == "other":
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            await get(anna, document)
        await put(anna, document, SMALL)
        small = blobs / f"{sha256(SMALL)[:2]}" / sha256(SMALL)[2:]
        small.write_bytes(b"012345678!")
    answer = await get(anna, document)
    assert (answer.status, answer.problem) == (503, "content-failed")
    assert (await anna.call("GET", f"/v1/documents/{document}")).status == 200


async def test_a_key_that_only_reads_changes_no_content(anna: Member, document: str) -> None:
    """And one that writes does."""
    expires = {"expires_at": "2027-06-01T00:00:00Z"}
    reads, writes = [
        Member(anna.client, (await anna.create("/v1/api-keys", name="k", scopes=[scope], **expires))["token"], anna.id)
        for scope in ("read", "write")
    ]
    assert (await put(reads, document)).problem == "insufficient-scope"
    assert (await put(writes, document)).status == 201
    assert (await get(reads, document)).data == SMALL
    assert (await reads.call("DELETE", f"/v1/documents/{document}/content")).problem == "insufficient-scope"
    assert (await writes.call("DELETE", f"/v1/documents/{document}/content")).status == 204
