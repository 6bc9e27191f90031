"""Attacks that fail: what somebody with an account, a stolen token or patience may try (`docs/access.md`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from service.clock import format_time, now
from tests.harness import PASSWORD, Answer, Member

LOGIN = {"email": "anna@example.org", "password": PASSWORD}
COLLECTIONS = ("projects", "documents", "extractions", "annotations", "assignments")


@pytest.fixture
async def owned(anna: Member) -> dict[str, dict[str, Any]]:
    """Give one entity of each collection that nobody but one member may see."""
    document = await anna.create("/v1/documents", title="Notes", text="Fever and cough.")
    mark = {"document_id": document["id"], "start": 0, "end": 5, "label": "symptom"}
    project = await anna.create("/v1/projects", name="Secret")
    given = await anna.create("/v1/documents", title="Given", project_id=project["id"])
    return {
        "assignments": await anna.create("/v1/assignments", document_id=given["id"], user_id=anna.id),
        "projects": project,
        "documents": document,
        "extractions": await anna.create("/v1/extractions", {**mark, "source": {"name": "model"}}),
        "annotations": await anna.create("/v1/annotations", mark),
    }


def without_id(answer: Answer, *ids: str) -> tuple[int, str]:
    """Return what an answer tells but for ids that its request named."""
    text = answer.data.decode()
    for id in ids:  # noqa: A001 - the field's name
        text = text.replace(id, "ID")
    return answer.status, text


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_the_ids_of_another_open_nothing(
    owned: dict[str, dict[str, Any]], bert: Member, anna: Member, collection: str, method: str
) -> None:
    """What is somebody else's is answered as what never was, and stays as it is."""
    entity = (await anna.call("GET", f"/v1/{collection}/{owned[collection]['id']}")).json
    nothing = f"{entity['id'][:-1]}{'0' if entity['id'][-1] != '0' else '1'}"
    value = {"PATCH": {}, "PUT": {key: entity[key] for key in entity if key not in {"id", "version"}}}.get(method)
    answer = await bert.call(method, f"/v1/{collection}/{entity['id']}", value)
    assert (answer.status, answer.problem) == (404, "not-found")
    if method != "PUT":
        unknown = await bert.call(method, f"/v1/{collection}/{nothing}", value)
        assert without_id(answer, entity["id"]) == without_id(unknown, nothing)
    assert (await anna.call("GET", f"/v1/{collection}/{entity['id']}")).json == entity


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("op", ["update", "replace", "delete"])
async def test_operations_open_nothing_either(
    owned: dict[str, dict[str, Any]], bert: Member, anna: Member, collection: str, op: str
) -> None:
    """In a transaction or a bulk load, by id or by what points there, what is somebody else's never was."""
    entity = (await anna.call("GET", f"/v1/{collection}/{owned[collection]['id']}")).json
    nothing = f"{entity['id'][:-1]}{'0' if entity['id'][-1] != '0' else '1'}"
    value = {"update": {}, "replace": {key: entity[key] for key in entity if key not in {"id", "version"}}}.get(op)

    async def attempt(key: str) -> tuple[Answer, Any]:
        operation = {"op": op, "kind": collection[:-1], "id": key, **({} if value is None else {"value": value})}
        whole = await bert.call("POST", "/v1/transactions", {"operations": [operation]})
        line = msgspec.json.encode(operation)
        loaded = await bert.call("POST", "/v1/bulk", data=line, headers={"Content-Type": "application/x-ndjson"})
        told = msgspec.json.decode(loaded.data.splitlines()[0])
        assert told["status"] == whole.status
        return whole, told["problem"]

    answer, problem = await attempt(entity["id"])
    assert (answer.status, answer.problem, problem["type"]) == (404, "not-found", "/problems/not-found")
    if op != "replace":
        unknown, other = await attempt(nothing)
        assert without_id(answer, entity["id"]) == without_id(unknown, nothing)
        assert str(problem).replace(entity["id"], "ID") == str(other).replace(nothing, "ID")
    assert (await anna.call("GET", f"/v1/{collection}/{entity['id']}")).json == entity


@pytest.mark.parametrize("collection", ["extractions", "annotations"])
async def test_marks_are_not_put_on_the_document_of_another(
    owned: dict[str, dict[str, Any]], bert: Member, collection: str
) -> None:
    """Neither by the flat path nor by the document's own, and no list of it is told."""
    key = owned["documents"]["id"]
    mark = {"start": 0, "end": 5, "source": {"name": "m"}}
    if collection == "annotations":
        mark = {"start": 0, "end": 5}
    assert (await bert.call("POST", f"/v1/{collection}", {"document_id": key, **mark})).status in {404, 422}
    assert (await bert.call("POST", f"/v1/documents/{key}/{collection}", mark)).problem == "not-found"
    assert (await bert.call("GET", f"/v1/documents/{key}/{collection}")).problem == "not-found"
    assert (await bert.call("GET", f"/v1/{collection}")).json["items"] == []


async def test_a_mark_does_not_move_to_another_document(owned: dict[str, dict[str, Any]], bert: Member) -> None:
    """One's own mark is no way into the document of somebody else."""
    document = await bert.create("/v1/documents", text="Fever and cough.")
    mine = await bert.create("/v1/annotations", document_id=document["id"], start=0, end=5)
    patch = {"document_id": owned["documents"]["id"]}
    answer = await bert.call("PATCH", f"/v1/annotations/{mine['id']}", patch)
    assert answer.status in {404, 409, 422}
    assert (await bert.call("GET", f"/v1/annotations/{mine['id']}")).json == mine


async def test_a_token_ends_with_its_session(anna: Member, admin: Member, anybody: Member) -> None:
    """By logging out, by a new password from elsewhere, by disabling and by deleting the account."""

    async def another() -> Member:
        return Member(anybody.client, (await anybody.create("/v1/sessions", LOGIN))["token"], anna.id)

    async def is_refused(member: Member) -> bool:
        return (await member.call("GET", "/v1/me")).problem == "unauthenticated"

    left = await another()
    assert (await left.call("DELETE", "/v1/sessions/current")).status == 204
    assert await is_refused(left)
    stolen = await another()
    change = {"password": PASSWORD + "2", "current_password": PASSWORD}
    assert (await anna.call("PUT", f"/v1/users/{anna.id}/password", change)).status == 204
    assert await is_refused(stolen)
    assert (await anna.call("GET", "/v1/me")).status == 200
    assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"disabled": True})).status == 200
    assert await is_refused(anna)
    assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"disabled": False})).status == 200
    assert await is_refused(anna)
    login = {**LOGIN, "password": change["password"]}
    fresh = Member(anybody.client, (await anybody.create("/v1/sessions", login))["token"])
    assert (await admin.call("DELETE", f"/v1/users/{anna.id}")).status == 204
    assert await is_refused(fresh)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {token}",
        "{token}",
        "Bearer {token} ",
        "Bearer  {token}",
        "Bearer {token},{token}",
        "Bearer {token}\t",
        "Bearer \u00e9{token}",
        "Bearer " + "x" * 5000,
    ],
)
async def test_a_header_that_only_looks_like_a_token_s_is_401(anna: Member, header: str) -> None:
    """White space at the end of a header is not part of it: only there the token is the right one."""
    answer = await anna.call("GET", "/v1/me", headers={"Authorization": header.format(token=anna.token)})
    is_the_token = header in {"Bearer {token} ", "Bearer {token}\t"}
    assert answer.status == (200 if is_the_token else 401)


async def test_a_token_is_told_apart_by_case(anna: Member) -> None:
    """Nothing is folded."""
    swapped = Member(anna.client, anna.token.swapcase())
    assert (await swapped.call("GET", "/v1/me")).problem == "unauthenticated"


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key"])
async def test_a_token_in_the_url_is_no_token(anna: Member, name: str) -> None:
    """It would be kept in logs and histories."""
    nobody = Member(anna.client)
    for path in ("/v1/me", "/v1/documents"):
        assert (await nobody.call("GET", f"{path}?{name}={anna.token}")).problem == "unauthenticated"


@pytest.mark.parametrize(
    "members",
    [
        {"owner_id": "OTHER"},
        {"version": 7},
        {"created_at": "2020-01-01T00:00:00.000000Z"},
        {"updated_at": "2020-01-01T00:00:00.000000Z"},
        {"length": 1},
        {"reviewed_by": "OTHER"},
        {"reviewed_at": "2020-01-01T00:00:00.000000Z"},
        {"role": "admin"},
        {"scope": "OTHER"},
    ],
)
async def test_what_the_server_sets_of_a_document_is_not_taken(
    anna: Member, bert: Member, members: dict[str, Any]
) -> None:
    """Neither when it is created nor later."""
    sent = {key: bert.id if value == "OTHER" else value for key, value in members.items()}
    assert (await anna.call("POST", "/v1/documents", {"text": "abc def", **sent})).status == 422
    path = f"/v1/documents/{(await anna.create('/v1/documents', text='abc def'))['id']}"
    document = (await anna.call("GET", path)).json
    assert (await anna.call("PATCH", path, sent)).status == 422
    assert (await anna.call("PUT", path, {"text": "abc def", **sent})).status == 422
    assert (await anna.call("GET", path)).json == document


@pytest.mark.parametrize("member", ["author_id", "id", "version"])
async def test_an_annotation_is_in_nobody_else_s_name(anna: Member, bert: Member, member: str) -> None:
    """Its author is who asks."""
    document = await anna.create("/v1/documents", text="Fever and cough.")
    mark = {"document_id": document["id"], "start": 0, "end": 5}
    sent = {"author_id": bert.id, "id": "ann_00000000000000000000000001", "version": 9}[member]
    assert (await anna.call("POST", "/v1/annotations", {**mark, member: sent})).status == 422
    mine = await anna.create("/v1/annotations", mark)
    assert (await anna.call("PATCH", f"/v1/annotations/{mine['id']}", {member: sent})).status == 422
    assert (await anna.call("GET", f"/v1/annotations/{mine['id']}")).json == mine


async def test_nobody_makes_themselves_an_administrator(anna: Member, anybody: Member) -> None:
    """Not at registration, not by changing themselves, and not in a project that they do not manage."""
    new = {"email": "eve@example.org", "password": PASSWORD, "role": "admin"}
    assert (await anybody.call("POST", "/v1/users", new)).problem == "forbidden"
    assert (await anna.call("PATCH", f"/v1/users/{anna.id}", {"role": "admin"})).problem == "forbidden"
    assert (await anna.call("GET", "/v1/me")).json["role"] == "member"


async def test_a_member_does_not_raise_their_own_role(anna: Member, bert: Member) -> None:
    """Nor by the project itself."""
    project = await anna.create("/v1/projects", name="Study")
    path = f"/v1/projects/{project['id']}"
    assert (await anna.call("PUT", f"{path}/members/{bert.id}", {"role": "annotator"})).status == 200
    assert (await bert.call("PUT", f"{path}/members/{bert.id}", {"role": "owner"})).problem == "forbidden"
    assert (await bert.call("PATCH", path, {"members": {bert.id: "owner"}})).problem == "forbidden"
    assert (await bert.call("DELETE", f"{path}/members/{anna.id}")).problem == "forbidden"
    assert (await anna.call("GET", path)).json["members"] == {anna.id: "owner", bert.id: "annotator"}


async def key_of(member: Member, *scopes: str) -> tuple[str, Member]:
    """Make an API key; returns its id, and the member who asks by it."""
    expires_at = format_time(now() + 3_600_000_000)
    made = await member.create("/v1/api-keys", name="k", scopes=scopes, expires_at=expires_at)
    return made["id"], Member(member.client, made["token"], member.id)


async def test_a_key_revoked_while_its_request_arrives_is_refused(anna: Member) -> None:
    """It is looked up again once the whole body is there."""
    key, program = await key_of(anna, "write")
    begun, revoked = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"title":'
        begun.set()
        await revoked.wait()
        yield b'"t"}'

    async def send() -> int:
        headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
        async with anna.client.request("POST", "/v1/documents", data=slowly(), headers=headers) as response:
            return response.status

    sending = asyncio.create_task(send())
    await begun.wait()
    assert (await anna.call("DELETE", f"/v1/api-keys/{key}")).status == 204
    revoked.set()
    assert await sending == 401
    assert (await anna.call("GET", "/v1/documents")).json["items"] == []


async def test_a_reading_key_replays_no_answer_to_a_change(anna: Member) -> None:
    """Not even under an idempotency key of its user's, whose answer is kept."""
    _, reader = await key_of(anna, "read")
    headers = {"Idempotency-Key": "once"}
    assert (await anna.call("POST", "/v1/documents", {"title": "t"}, headers=headers)).status == 201
    again = await reader.call("POST", "/v1/documents", {"title": "t"}, headers=headers)
    assert again.problem == "insufficient-scope"


async def test_two_authorization_headers_are_401(anna: Member, bert: Member) -> None:
    """Whichever comes first: a proxy may have looked at the other one."""
    for first, second in ((anna, bert), (bert, anna), (anna, anna)):
        headers = [("Authorization", f"Bearer {who.token}") for who in (first, second)]
        async with anna.client.request("GET", "/v1/me", headers=headers) as response:
            assert response.status == 401
