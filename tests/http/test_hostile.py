"""Hostile input: each has its 4xx with a problem, nothing is stored, and nothing is ever 500."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from service.http import problems
from tests.harness import PASSWORD, Answer, Member

TEXT = "Marie Curie"
BRACKETS = 100_000
NOT_JSON = {
    "nothing": b"",
    "truncated": b'{"title": "x',
    "truncated after a comma": b'{"title": "x",',
    "two values": b"{} {}",
    "100,000 brackets": b"[" * BRACKETS + b"]" * BRACKETS,
    "100,000 brackets in a member": b'{"metadata": ' + b'{"a":' * BRACKETS + b"1" + b"}" * BRACKETS + b"}",
    "100,000 brackets, open": b"[" * BRACKETS,
    "65 levels": b'{"metadata":' + b'{"a":' * 65 + b"1" + b"}" * 66,
    "NaN": b'{"metadata": {"a": NaN}}',
    "Infinity": b'{"metadata": {"a": -Infinity}}',
    "a lone surrogate": rb'{"title": "\ud800"}',
    "a lone low surrogate": rb'{"title": "\udc00x"}',
    "a lone surrogate as a name": rb'{"\ud800": 1}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "Latin-1": b'{"title": "\xe9"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw line feed in a string": b'{"title": "a\nb"}',
    "single quotes": b"{'title': 'x'}",
    "a comment": b'{/* x */"title": "x"}',
    "a leading zero": b'{"metadata": {"a": 01}}',
    "1e999": b'{"metadata": {"a": 1e999}}',
    "binary": bytes(range(256)),
}
NOT_FITTING: dict[str, tuple[bytes, str]] = {
    "a list": (b"[]", ""),
    "null": (b"null", ""),
    "a number": (b"5", ""),
    "2^70": (b'{"metadata": {"a": %d}}' % 2**70, "/metadata/a"),
    "-2^70": (b'{"metadata": {"a": [1, %d]}}' % -(2**70), "/metadata/a/1"),
    "a huge number": (b'{"metadata": {"a": ' + b"9" * 4000 + b"}}", "/metadata/a"),
    "a number as the title": (b'{"title": 5}', "/title"),
    "a list as the text": (b'{"text": ["x"]}', "/text"),
    "an unknown member": (b'{"titel": "x"}', "/titel"),
    "an owner": (b'{"owner_id": "user_x"}', "/owner_id"),
    "a role": (b'{"role": "admin"}', "/role"),
    "a long title": (b'{"title": "' + b"x" * 1001 + b'"}', "/title"),
}
WRONG_MARKS: dict[str, tuple[dict[str, Any], str]] = {
    "end beyond the text": ({"start": 0, "end": 12}, "/end"),
    "end before start": ({"start": 5, "end": 3}, "/end"),
    "empty": ({"start": 3, "end": 3}, "/end"),
    "negative": ({"start": -1, "end": 3}, "/start"),
    "2^63": ({"start": 2**63, "end": 2**63 + 1}, "/start"),
    "2^70": ({"start": 0, "end": 2**70}, "/end"),
    "half a span": ({"start": 1}, "/end"),
    "a fraction": ({"start": 0.5, "end": 3}, "/start"),
    "true": ({"start": True, "end": 3}, "/start"),
    "a string": ({"start": "0", "end": 3}, "/start"),
    "an unknown type": ({"type": "sentence"}, "/type"),
    "an empty label": ({"start": 0, "end": 1, "label": ""}, "/label"),
    "a target that is nowhere": (
        {"arguments": [{"role": "a", "target": "ann_x"}, {"role": "b", "target": "ann_y"}]},
        "/arguments/0/target",
    ),
    "an extraction that is nowhere": ({"start": 0, "end": 1, "extraction_id": "ext_x"}, "/extraction_id"),
    "a nested unknown member": ({"references": [{"resource": "a", "id": "b", "x": 1}]}, "/references/0/x"),
    "an object as an attribute": ({"attributes": {"a": {"b": 1}}}, "/attributes/*"),
    "overlapping fragments": (
        {"fragments": [{"start": 0, "end": 5}, {"start": 3, "end": 7}]},
        "/fragments/1/start",
    ),
    "a region outside the page": ({"regions": [{"page": 1, "x": 2, "y": 0, "width": 1, "height": 1}]}, "/regions/0/x"),
}


@pytest.fixture
async def document(anna: Member) -> dict[str, Any]:
    """Give a document of Anna's."""
    return await anna.create("/v1/documents", title="T", text=TEXT)


async def unchanged(member: Member) -> None:
    """Assert that the document is all that there is."""
    for collection, count in (("documents", 1), ("annotations", 0), ("extractions", 0)):
        assert (await member.call("GET", f"/v1/{collection}?count=true")).json["total"] == count


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_400(anna: Member, document: dict[str, Any], body: bytes) -> None:
    """For every method that takes a body."""
    path = f"/v1/documents/{document['id']}"
    for method, target in (("POST", "/v1/documents"), ("PATCH", path), ("PUT", path), ("POST", f"{path}/annotations")):
        answer = await anna.call(method, target, data=body)
        assert (answer.status, answer.problem) == (400, "malformed"), (method, target, answer.data)
    assert (await Member(anna.client).call("POST", "/v1/sessions", data=body[:10_000])).problem == "malformed"
    assert (await Member(anna.client).call("POST", "/v1/users", data=body[:10_000])).problem == "malformed"
    await unchanged(anna)


@pytest.mark.parametrize(("body", "pointer"), NOT_FITTING.values(), ids=NOT_FITTING.keys())
async def test_what_does_not_fit_is_422_with_the_place(
    anna: Member, document: dict[str, Any], body: bytes, pointer: str
) -> None:
    """Created or changed."""
    path = f"/v1/documents/{document['id']}"
    for method, target in (("POST", "/v1/documents"), ("PATCH", path)):
        answer = await anna.call(method, target, data=body)
        assert (answer.status, answer.problem) == (422, "invalid"), (method, answer.data)
        assert answer.json["errors"][0]["pointer"] == pointer
    await unchanged(anna)


@pytest.mark.parametrize(("members", "pointer"), WRONG_MARKS.values(), ids=WRONG_MARKS.keys())
async def test_a_mark_that_breaks_a_rule_is_422_with_the_place(
    anna: Member, document: dict[str, Any], members: dict[str, Any], pointer: str
) -> None:
    """Flat and nested alike."""
    flat = await anna.call("POST", "/v1/annotations", {"document_id": document["id"], **members})
    nested = await anna.call("POST", f"/v1/documents/{document['id']}/annotations", members)
    for answer in (flat, nested):
        assert (answer.status, answer.problem) == (422, "invalid"), answer.data
        assert answer.json["errors"][0]["pointer"] == pointer
    await unchanged(anna)


async def test_a_text_that_does_not_match_is_422_of_its_own(anna: Member, document: dict[str, Any]) -> None:
    """It shows what is there."""
    body = {"document_id": document["id"], "start": 0, "end": 5, "text": "marie"}
    answer = await anna.call("POST", "/v1/annotations", body)
    assert (answer.status, answer.problem) == (422, "text-mismatch")
    assert "Marie" in answer.json["detail"]
    await unchanged(anna)


async def test_a_body_of_50_mb_is_413(anna: Member, document: dict[str, Any]) -> None:
    """And the connection can be used again."""
    answer = await anna.call("POST", "/v1/documents", data=bytes(50_000_000))
    assert (answer.status, answer.problem) == (413, "too-large")
    await unchanged(anna)


async def test_of_duplicate_members_the_last_counts(anna: Member) -> None:
    """As the documentation says."""
    answer = await anna.call("POST", "/v1/documents", data=b'{"title": "a", "title": "b"}')
    assert answer.json["title"] == "b"


async def test_a_token_of_somebody_else_s_making_is_401(anna: Member) -> None:
    """Neither guessed nor changed."""
    for token in ("x", anna.token[:-1], anna.token + "x", anna.token.swapcase(), "é" * 20, "\udce9"):
        answer = await Member(anna.client, token).call("GET", "/v1/me")
        assert (answer.status, answer.problem) == (401, "unauthenticated")


async def test_an_address_that_is_taken_is_409(anna: Member) -> None:
    """And the account is untouched."""
    body = {"email": "anna@example.org", "name": "thief", "password": "another password"}
    assert (await Member(anna.client).call("POST", "/v1/users", body)).problem == "taken"
    login = {"email": "anna@example.org", "password": PASSWORD}
    assert (await Member(anna.client).call("POST", "/v1/sessions", login)).status == 201


def _mutated(rng: random.Random, body: bytes) -> bytes:
    place = rng.randrange(len(body))
    piece = bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
    return body[:place] + piece + body[place + rng.randrange(4) :]


@pytest.mark.parametrize("seed", range(5))
async def test_mutated_requests_are_never_500(anna: Member, document: dict[str, Any], seed: int) -> None:
    """Every answer is a success or a known problem with a status of 4xx. The seed is the test's name."""
    rng = random.Random(seed)
    known = problems.pages()
    template = msgspec.json.encode(
        {
            "start": 0,
            "end": 5,
            "text": "Marie",
            "attributes": {"a": [1, 2.5, None]},
            "body": [{"purpose": "x", "value": "y"}],
            "arguments": [],
        }
    )
    paths = [f"/v1/documents/{document['id']}/annotations", "/v1/annotations", "/v1/documents", "/v1/sessions"]
    for _ in range(60):
        answer = await anna.call("POST", rng.choice(paths), data=_mutated(rng, template))
        assert _is_harmless(answer, known), answer.data


HOSTILE_TARGETS = [
    "/v1/%00",
    "/v1/documents/%00",
    "/v1/documents/%ED%A0%80",
    "/v1/documents/%ED%A0%80/annotations",
    "/v1/documents/%FF%FE/annotations",
    "/v1/documents/..%2f..%2fetc%2fpasswd",
    "/v1//documents",
    "/v1/documents/",
    "/v1/documents/a/b/c/d",
    "/v1/documents?%00=%00",
    "/v1/documents?limit=%FF",
    "/v1/annotations?label=%ED%A0%80",
    "/v1/annotations?label=%FF&cursor=%FF",
    "/v1/annotations?document_id=%ED%A0%80",
    "/v1/annotations?created_at_ge=%ED%A0%80",
    "/v1/documents?owner_id=%00",
    "/problems/%ED%A0%80",
    "/v1/documents;x=1",
    "/v1/users?email=%ED%A0%80",
]


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_hostile_targets_are_never_500(anna: Member, target: str, method: str) -> None:
    """Bytes that are no UTF-8, zeros, and paths that lead nowhere."""
    body = None if method in ("GET", "DELETE", "OPTIONS") else {"start": 0, "end": 1}
    answer = await anna.call(method, target, body, headers={"Idempotency-Key": "k"})
    assert answer.status in (200, 204) or _is_harmless(answer, problems.pages()), answer.data


def _is_harmless(answer: Answer, known: dict[str, Any]) -> bool:
    if answer.status == 201:
        return True
    return 400 <= answer.status < 500 and answer.problem in known
