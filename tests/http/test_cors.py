"""Pages of other origins: none, unless the settings name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import SettingsError, load
from tests.harness import Member, open_app, serve
from tests.http.fake_engine import FakeEngine

PAGE = "https://pages.example"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


async def test_by_default_no_origin_is_let_in(caller: Member) -> None:
    """Nor is one told of: nothing depends on `Origin`."""
    for headers in ({"Origin": PAGE}, {"Origin": PAGE, **PREFLIGHT}):
        answer = await caller.call("OPTIONS" if len(headers) > 1 else "GET", "/v1/documents/doc_1", headers=headers)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("origins", "origin", "is_let_in"),
    [
        (PAGE, PAGE, True),
        (f"https://other.example {PAGE}", PAGE, True),
        ("*", PAGE, True),
        (PAGE, "https://evil.example", False),
        (PAGE, f"{PAGE}.evil.example", False),
        (PAGE, "http://pages.example", False),
        (PAGE, "null", False),
    ],
)
async def test_an_origin_is_let_in_if_it_is_named(
    engine: FakeEngine, origins: str, origin: str, is_let_in: bool
) -> None:
    """Whole and as it is; with credentials of the page's own only, because there are no cookies."""
    async with serve(engine, {"server": {"cors_origins": origins}}) as client:
        caller = Member(client, token="any")
        read = await caller.call("GET", "/v1/documents/doc_1", headers={"Origin": origin})
        refused = await Member(client).call("GET", "/v1/me", headers={"Origin": origin})
        asked = await Member(client).call("OPTIONS", "/v1/documents/doc_1", headers={"Origin": origin, **PREFLIGHT})
    expected = origin if is_let_in else None
    for answer in (read, refused, asked):
        assert answer.headers.get("Access-Control-Allow-Origin") == expected
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert refused.status == 401
    assert ("ETag" in read.headers.get("Access-Control-Expose-Headers", "")) is is_let_in
    assert asked.status == 204
    if is_let_in:
        assert asked.headers["Access-Control-Allow-Methods"] == asked.headers["Allow"]
        assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
        taken = asked.headers["Access-Control-Allow-Headers"].split(", ")
        assert {"Authorization", "If-Match", "Idempotency-Key", "Content-Type"} <= set(taken)


async def test_a_stream_lets_an_origin_in_too(tmp_path: Path) -> None:
    """Its header fields are on their way before its body is known: an export, a bulk load, a content."""
    async with open_app(tmp_path / "data", {"server": {"cors_origins": PAGE}}) as client:
        member = await Member(client).join("anna@example.org")
        document = await member.create("/v1/documents", title="x")
        path = f"/v1/documents/{document['id']}/content"
        assert (await member.call("PUT", path, data=b"%PDF")).status == 201
        headers = {"Origin": PAGE, "Content-Type": "application/x-ndjson"}
        answers = [
            await member.call("GET", path, headers=headers),
            await member.call("GET", "/v1/export", headers=headers),
            await member.call("POST", "/v1/bulk", data=b"", headers=headers),
        ]
    for answer in answers:
        assert (answer.status, answer.headers.get("Access-Control-Allow-Origin")) == (200, PAGE)
        assert {"Export-Id", "Repr-Digest"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert answer.headers["Vary"] == "Origin"


async def test_what_is_no_page_is_answered_as_before(engine: FakeEngine) -> None:
    """Caches are told that pages are answered differently."""
    async with serve(engine, {"server": {"cors_origins": PAGE}}) as client:
        answer = await Member(client, token="any").call("GET", "/v1/documents/doc_1")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origins", ["example.org", "https://a.example, https://b.example", "https://a.example/", "null"]
)
def test_what_is_no_origin_is_no_setting(origins: str) -> None:
    """An origin is a scheme and a host, and perhaps a port."""
    with pytest.raises(SettingsError, match="cors_origins"):
        load(flags={"server": {"cors_origins": origins}})
