"""Answers in a content coding."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from backports import zstd

from service.commands import Entity, Page
from service.http.compression import _chosen
from tests.harness import PASSWORD, Answer, Member, open_app, serve
from tests.http.fake_engine import FakeEngine

LARGE = b'{"id":"doc_1","text":"' + b"abc " * 1000 + b'"}'
ON: dict[str, dict[str, Any]] = {"compression": {"codings": "zstd gzip", "bytes_min": 1024}}
DECODERS = {"gzip": gzip.decompress, "zstd": zstd.decompress}


class LargeEngine(FakeEngine):
    """Has one entity, as large as it is told."""

    body = LARGE

    async def get(self, query: Any) -> Entity:
        """Answer with it."""
        await super().get(query)
        return Entity("doc_1", 3, self.body)


@pytest.fixture
async def reader() -> AsyncIterator[Member]:
    """Give somebody who reads where answers are compressed."""
    async with serve(LargeEngine(), ON) as client:
        client.session._auto_decompress = False
        yield Member(client, token="any")


async def read(who: Member, accepted: str | None, path: str = "/v1/documents/doc_1", **headers: str) -> Answer:
    """Read a document, with codings that are accepted."""
    given = headers if accepted is None else {"Accept-Encoding": accepted, **headers}
    if accepted is None:
        async with who.client.request(
            "GET", path, headers={"Authorization": "Bearer any"}, skip_auto_headers=["Accept-Encoding"]
        ) as response:
            return Answer(response.status, response.headers, await response.read())
    return await who.call("GET", path, headers=given)


@pytest.mark.parametrize("coding", DECODERS)
async def test_a_large_answer_is_compressed(reader: Member, coding: str) -> None:
    """With a tag of its own, by which it is asked for and changed like the plain one."""
    answer = await read(reader, coding)
    assert answer.headers["Content-Encoding"] == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert DECODERS[coding](answer.data) == LARGE
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(LARGE) / 10
    tag = answer.headers["ETag"]
    assert tag == f'"3;{coding}"'
    again = await read(reader, coding, **{"If-None-Match": tag})
    assert (again.status, again.headers["ETag"]) == (304, tag)
    plain = await read(reader, coding, **{"If-None-Match": '"3"'})
    assert (plain.status, plain.headers["ETag"]) == (304, '"3"')
    assert (await read(reader, coding, **{"If-Match": tag})).status == 200


@pytest.mark.parametrize("accepted", [None, "identity", "br", "gzip;q=0, zstd;q=0", "*;q=0"])
async def test_who_takes_no_coding_gets_the_answer_as_it_is(reader: Member, accepted: str | None) -> None:
    """Caches are told all the same."""
    answer = await read(reader, accepted)
    assert answer.data == LARGE
    assert "Content-Encoding" not in answer.headers
    assert (answer.headers["Vary"], answer.headers["ETag"]) == ("Accept-Encoding", '"3"')


@pytest.mark.parametrize(("size", "is_compressed"), [(1023, False), (1024, True), (40_000, True)])
async def test_a_small_answer_is_left_as_it_is(size: int, is_compressed: bool) -> None:
    """From the size of the settings on; the largest ones are compressed beside the loop."""
    engine = LargeEngine()
    engine.body = b"x" * size
    async with serve(engine, ON) as client:
        answer = await read(Member(client, token="any"), "gzip")
    assert (answer.headers.get("Content-Encoding") == "gzip") is is_compressed
    assert answer.data == engine.body


async def test_by_default_nothing_is_compressed() -> None:
    """Nor is it told that it might be."""
    async with serve(LargeEngine()) as client:
        answer = await read(Member(client, token="any"), "gzip, zstd")
    assert answer.data == LARGE
    assert "Vary" not in answer.headers


async def test_refusals_are_never_compressed(reader: Member) -> None:
    """They repeat what was sent."""
    answer = await read(reader, "gzip", f"/v1/documents/doc_1?{'x' * 3000}=1")
    assert answer.problem == "malformed"
    assert len(answer.data) > 1024
    assert "Content-Encoding" not in answer.headers


async def test_answers_about_logins_are_never_compressed(tmp_path: Any) -> None:
    """What holds a token, and lists of sessions and keys, whatever their size."""
    flags = {"compression": {"codings": "gzip", "bytes_min": 64}}
    async with open_app(tmp_path / "data", flags) as client:
        member = await Member(client).join("anna@example.org")
        headers = {"Accept-Encoding": "gzip"}
        login = {"email": "anna@example.org", "password": PASSWORD}
        key = {"name": "one", "scopes": ["read"], "expires_at": "2027-05-25T09:30:00Z"}
        answers = [
            await member.call("POST", "/v1/sessions", login, headers=headers),
            await member.call("POST", "/v1/api-keys", key, headers=headers),
            await member.call("GET", "/v1/sessions", headers=headers),
            await member.call("GET", "/v1/api-keys", headers=headers),
        ]
        other = await member.call("GET", "/v1/me", headers=headers)
    assert all(answer.status < 300 and len(answer.data) > 64 for answer in answers)
    assert not [answer for answer in answers if "Vary" in answer.headers or "Content-Encoding" in answer.headers]
    assert other.headers["Content-Encoding"] == "gzip"


async def test_streams_are_never_compressed(tmp_path: Any) -> None:
    """Exports, answers of bulk loads, contents and what is told of them: as they are, with the tags that they have."""
    flags = {"compression": {"codings": "gzip zstd", "bytes_min": 64}}
    async with open_app(tmp_path / "data", flags) as client:
        member = await Member(client).join("anna@example.org")
        document = await member.create("/v1/documents", title="x", text="Fever and cough. " * 100)
        path = f"/v1/documents/{document['id']}"
        headers = {"Accept-Encoding": "gzip, zstd"}
        line = b'{"op":"create","kind":"document","value":{"title":"y"}}\n'
        lines = {**headers, "Content-Type": "application/x-ndjson"}
        answers = [
            await member.call("PUT", f"{path}/content", data=b"x" * 5000, headers=headers),
            await member.call("GET", f"{path}/content", headers=headers),
            await member.call("GET", f"{path}/content", headers={**headers, "Range": "bytes=0-2999"}),
            await member.call("GET", f"{path}/content", headers={**headers, "If-None-Match": '"2;content;gzip"'}),
            await member.call("GET", "/v1/export", headers=headers),
            await member.call("POST", "/v1/bulk?results=all", data=line * 50, headers=lines),
        ]
        other = await member.call("GET", path, headers=headers)
    assert [answer.status for answer in answers] == [201, 200, 206, 304, 200, 200]
    assert not [answer for answer in answers if "Vary" in answer.headers or "Content-Encoding" in answer.headers]
    assert [answer.headers["ETag"] for answer in answers[:4]] == ['"2;content"'] * 4
    assert [len(answer.data) for answer in answers[1:3]] == [5000, 3000]
    assert other.headers["Content-Encoding"] == "gzip"


async def test_a_list_is_compressed_and_links_on() -> None:
    """Header fields stay."""
    engine = FakeEngine()
    engine.page_answer = Page([LARGE], 7)
    async with serve(engine, ON) as client:
        answer = await read(Member(client, token="any"), "gzip", "/v1/documents")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert 'rel="next"' in answer.headers["Link"]


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("GZIP", "gzip"),
        ("gzip ; Q=0.2", "gzip"),
        ("nonsense;;, gzip", "gzip"),
        ("", None),
        ("deflate, br", None),
    ],
)
def test_the_best_coding_is_chosen(accepted: str, expected: str | None) -> None:
    """By the client's weights, then by the order of the settings."""
    assert _chosen(accepted, ("zstd", "gzip")) == expected
