"""What the server sets is taken from no client, whatever is made or changed, and nothing is changed by trying."""

from __future__ import annotations

from typing import Any

import pytest

from service.clock import format_time, now
from tests.harness import PASSWORD, Answer, Member

PAST = "2020-01-01T00:00:00.000000Z"
SPAN = {"start": 0, "end": 5}
# In the place of OTHER comes the id of somebody else.
HEAD: list[dict[str, Any]] = [{"version": 7}, {"created_at": PAST}, {"updated_at": PAST}]
FOREIGN: list[dict[str, Any]] = [{"owner_id": "OTHER"}, {"role": "admin"}, {"scope": "OTHER"}, {"is_admin": True}]
REVIEWED: list[dict[str, Any]] = [{"reviewed_by": "OTHER"}, {"reviewed_at": PAST}]
ID = {"id": "OTHER"}
OF_ENTITIES: dict[str, list[dict[str, Any]]] = {
    "projects": [*HEAD, *FOREIGN, *REVIEWED, ID, {"members": {"OTHER": "owner"}}],
    "documents": [*HEAD, *FOREIGN, *REVIEWED, ID, {"length": 1}, {"author_id": "OTHER"}],
    "extractions": [*HEAD, *FOREIGN, *REVIEWED, ID, {"author_id": "OTHER"}, {"rests_on": []}, {"verdict": "accepted"}],
    "annotations": [*HEAD, *FOREIGN, *REVIEWED, ID, {"author_id": "OTHER"}, {"rests_on": ["OTHER"]}, {"rests_on": []}],
    "assignments": [*HEAD, *FOREIGN, ID, {"project_id": "OTHER"}, {"started_at": PAST}, {"released_at": PAST}],
}
OF_USERS = [
    *HEAD,
    ID,
    {"role": "admin"},
    {"disabled": True},
    {"password_hash": "x"},
    {"generation": 9},
    {"reset_required": False},
    {"owner_id": "OTHER"},
    {"scopes": ["admin"]},
]


def sent(members: dict[str, Any], other: str) -> dict[str, Any]:
    """Return the members with somebody else's id."""

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {put(key): put(one) for key, one in value.items()}
        if isinstance(value, list):
            return [put(one) for one in value]
        return other if value == "OTHER" else value

    return {key: put(value) for key, value in members.items()}


async def body_of(anna: Member, collection: str) -> dict[str, Any]:
    """Return what makes an entity of a collection."""
    if collection in {"projects", "documents"}:
        return {"name": "Study"} if collection == "projects" else {"text": "Fever and cough."}
    if collection == "assignments":
        project = await anna.create("/v1/projects", name="Study")
        document = await anna.create("/v1/documents", text="Fever and cough.", project_id=project["id"])
        return {"document_id": document["id"], "user_id": anna.id}
    document = await anna.create("/v1/documents", text="Fever and cough.")
    source = {"source": {"name": "m"}} if collection == "extractions" else {}
    return {"document_id": document["id"], **SPAN, **source}


async def ids_of(anna: Member, collection: str) -> list[str]:
    """Return what there is."""
    return [item["id"] for item in (await anna.call("GET", f"/v1/{collection}")).json["items"]]


def is_refused(answer: Answer) -> bool:
    """Tell if it is a refusal that says why."""
    return answer.status in {403, 409, 422} and answer.problem in {"forbidden", "immutable", "invalid"}


@pytest.mark.parametrize(
    ("collection", "members"),
    [(collection, members) for collection, all_members in OF_ENTITIES.items() for members in all_members],
    ids=str,
)
async def test_an_entity_takes_nothing_that_is_the_server_s(
    anna: Member, bert: Member, collection: str, members: dict[str, Any]
) -> None:
    """Neither by POST nor by PATCH nor by PUT nor as an operation, and nothing is made or changed."""
    body, more = await body_of(anna, collection), sent(members, bert.id)
    assert (await anna.call("POST", f"/v1/{collection}", {**body, **more})).problem == "invalid"
    operation = {"op": "create", "kind": collection.removesuffix("s"), "value": {**body, **more}}
    assert (await anna.call("POST", "/v1/transactions", {"operations": [operation]})).problem == "invalid"
    assert await ids_of(anna, collection) == []
    made = await anna.create(f"/v1/{collection}", body)
    path = f"/v1/{collection}/{made['id']}"
    before = (await anna.call("GET", path)).data
    assert is_refused(await anna.call("PATCH", path, more))
    assert is_refused(await anna.call("PUT", path, {**body, **more}))
    assert (await anna.call("GET", path)).data == before
    assert (await bert.call("GET", path)).status == 404


@pytest.mark.parametrize("members", OF_USERS, ids=str)
async def test_a_user_takes_nothing_that_is_the_server_s_or_an_administrator_s(
    anna: Member, bert: Member, anybody: Member, members: dict[str, Any]
) -> None:
    """Neither at registration nor later."""
    more = sent(members, bert.id)
    new = {"email": "eve@example.org", "password": PASSWORD}
    assert is_refused(await anybody.call("POST", "/v1/users", {**new, **more}))
    assert (await anybody.call("POST", "/v1/sessions", new)).problem == "wrong-credentials"
    before = (await anna.call("GET", "/v1/me")).data
    assert is_refused(await anna.call("PATCH", f"/v1/users/{anna.id}", more))
    assert (await anna.call("GET", "/v1/me")).data == before


@pytest.mark.parametrize(
    "members",
    [{"user_id": "OTHER"}, {"token": "x" * 40}, {"token_hash": "x"}, {"token_end": "xxxx"}, ID, *HEAD],
    ids=str,
)
async def test_a_key_is_its_maker_s_and_its_token_the_server_s(
    anna: Member, bert: Member, members: dict[str, Any]
) -> None:
    """Nobody makes one for somebody else, nor with a token of their choice."""
    body = {"name": "k", "scopes": ["read"], "expires_at": format_time(now() + 3_600_000_000)}
    assert (await anna.call("POST", "/v1/api-keys", {**body, **sent(members, bert.id)})).problem == "invalid"
    for member in (anna, bert):
        assert (await member.call("GET", "/v1/api-keys")).json["items"] == []


@pytest.mark.parametrize(
    "members",
    [{"user_id": "OTHER"}, {"token": "x" * 40}, {"expires_at": "9999-01-01T00:00:00Z"}, {"lifetime_us": 1}, ID],
    ids=str,
)
async def test_a_login_and_a_password_take_nothing_else(anna: Member, bert: Member, members: dict[str, Any]) -> None:
    """No other user, no token, no expiry."""
    more = sent(members, bert.id)
    login = {"email": "anna@example.org", "password": PASSWORD}
    assert (await Member(anna.client).call("POST", "/v1/sessions", {**login, **more})).problem == "invalid"
    change = {"password": "staple battery horse", "current_password": PASSWORD, **more}
    assert (await anna.call("PUT", f"/v1/users/{anna.id}/password", change)).problem == "invalid"
    assert (await Member(anna.client).call("POST", "/v1/sessions", login)).status == 201


@pytest.mark.parametrize(
    "members",
    [
        *HEAD,
        *FOREIGN,
        ID,
        {"author_id": "OTHER"},
        {"document_id": "OTHER"},
        {"rests_on": ["OTHER"]},
        {"extraction_id": "OTHER", "verdict": "accepted"},
    ],
    ids=str,
)
async def test_what_is_decided_is_the_reviewer_s(anna: Member, bert: Member, members: dict[str, Any]) -> None:
    """Its author, document and times are the server's to say, and so is who reviewed."""
    document = await anna.create("/v1/documents", text="Fever and cough.")
    path = f"/v1/documents/{document['id']}"
    before = (await anna.call("GET", path)).data
    value = {**SPAN, **sent(members, bert.id)}
    assert (await anna.call("POST", f"{path}/adjudication", {"decided": [{"value": value}]})).problem == "invalid"
    for reviewed in (*REVIEWED, {"document_id": "OTHER"}):
        body = {"decided": [{"value": SPAN}], **sent(reviewed, bert.id)}
        assert (await anna.call("POST", f"{path}/adjudication", body)).problem == "invalid"
    assert (await anna.call("GET", path)).data == before
    assert await ids_of(anna, "annotations") == []


@pytest.mark.parametrize("members", [*HEAD, ID, {"user_id": "OTHER"}, {"owner_id": "OTHER"}], ids=str)
async def test_members_and_labels_take_nothing_else(anna: Member, bert: Member, members: dict[str, Any]) -> None:
    """A role is a role, and a name a name."""
    labels = [{"name": "symptom"}]
    path = f"/v1/projects/{(await anna.create('/v1/projects', name='Study', labels=labels))['id']}"
    before, more = (await anna.call("GET", path)).data, sent(members, bert.id)
    asked = (
        ("PUT", f"members/{bert.id}", {"role": "viewer"}),
        ("POST", "labels/rename", {"from": "symptom", "to": "sign"}),
        ("POST", "labels/merge", {"from": ["symptom"], "into": "sign"}),
    )
    for method, below, body in asked:
        assert (await anna.call(method, f"{path}/{below}", {**body, **more})).problem == "invalid"
    assert (await anna.call("GET", path)).data == before


@pytest.mark.parametrize("collection", OF_ENTITIES)
async def test_the_rest_is_taken(anna: Member, collection: str) -> None:
    """As an operation too, or the other tests would show nothing."""
    operation = {"op": "create", "kind": collection.removesuffix("s"), "value": await body_of(anna, collection)}
    assert (await anna.call("POST", "/v1/transactions", {"operations": [operation]})).status == 200
