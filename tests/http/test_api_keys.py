"""API keys: made, listed, revoked; what each scope may do, cell by cell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from service.clock import format_time, now
from service.decide import _RULES
from service.decide.scopes import MEANINGS, NEEDED
from service.kinds.account import Scope
from tests.harness import PASSWORD, Answer, Member, open_app

DOCS = Path(__file__).parent.parent.parent / "docs" / "access.md"
SCOPES: tuple[Scope, ...] = get_args(Scope)
LOGIN = {"email": "anna@example.org", "password": PASSWORD}
DAY_US = 24 * 3_600_000_000
SPAN = {"start": 0, "end": 5}


async def make(member: Member, *scopes: str, name: str = "model", days: float = 1) -> dict[str, Any]:
    """Make a key and return what is told of it."""
    expires_at = format_time(now() + round(days * DAY_US))
    return await member.create("/v1/api-keys", name=name, scopes=scopes or ("read",), expires_at=expires_at)


async def by_key(member: Member, *scopes: str) -> Member:
    """Return a member who asks by a key."""
    return Member(member.client, (await make(member, *scopes))["token"], member.id)


async def test_a_key_is_told_with_its_token_once(anna: Member) -> None:
    """Nobody may keep the answer; the list tells of the token its last characters."""
    expires_at = format_time(now() + DAY_US)
    body = {"name": "model", "scopes": ["write", "read", "write"], "expires_at": expires_at}
    answer = await anna.call("POST", "/v1/api-keys", body, headers={"Idempotency-Key": "k"})
    made = answer.json
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert (made["name"], made["scopes"], made["expires_at"]) == ("model", ["write", "read"], expires_at)
    assert made["id"].startswith("key_")
    assert made["token"].startswith("annolog_")
    assert made["token_end"] == made["token"][-4:]
    again = (await anna.call("POST", "/v1/api-keys", body, headers={"Idempotency-Key": "k"})).json
    assert (again["id"] != made["id"], again["token"] != made["token"]) == (True, True)
    listed = await anna.call("GET", "/v1/api-keys")
    assert listed.json == {"items": [{k: one[k] for k in one if k != "token"} for one in (made, again)], "next": None}
    assert listed.headers["Cache-Control"] == "no-store"
    assert (await Member(anna.client, made["token"]).call("GET", "/v1/me")).json["id"] == anna.id


async def test_nobody_sees_or_ends_the_keys_of_another(anna: Member, bert: Member, admin: Member) -> None:
    """It is told alike whether there is one; an administrator is no exception."""
    made = await make(anna)
    for other in (bert, admin):
        assert (await other.call("GET", "/v1/api-keys")).json["items"] == []
        assert (await other.call("DELETE", f"/v1/api-keys/{made['id']}")).problem == "not-found"
    assert (await Member(anna.client).call("GET", "/v1/api-keys")).problem == "unauthenticated"
    assert (await Member(anna.client, made["token"]).call("GET", "/v1/me")).status == 200


async def test_a_key_that_was_revoked_counts_no_more(anna: Member) -> None:
    """And is not there any more; another one goes on."""
    made, other = await make(anna), await make(anna)
    assert (await anna.call("DELETE", f"/v1/api-keys/{made['id']}")).status == 204
    assert (await anna.call("DELETE", f"/v1/api-keys/{made['id']}")).problem == "not-found"
    assert (await Member(anna.client, made["token"]).call("GET", "/v1/me")).problem == "unauthenticated"
    assert (await Member(anna.client, other["token"]).call("GET", "/v1/me")).status == 200
    assert [key["id"] for key in (await anna.call("GET", "/v1/api-keys")).json["items"]] == [other["id"]]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["all"]}, "/scopes/0"),
        ({"scopes": ["read"] * 5}, "/scopes"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": None}, "/expires_at"),
        ({"user_id": "user_x"}, "/user_id"),
        ({"token": "mine"}, "/token"),
    ],
)
async def test_a_key_that_does_not_fit_is_422(anna: Member, change: dict[str, Any], pointer: str) -> None:
    """The place is named."""
    body = {"name": "x" * 200, "scopes": ["read"], "expires_at": format_time(now() + DAY_US), **change}
    answer = await anna.call("POST", "/v1/api-keys", body)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer], answer.data


async def test_a_key_lasts_as_long_as_it_says_and_may(tmp_path: Path) -> None:
    """To the microsecond, by a clock that the test moves; then it is neither listed nor counted."""
    time = now()
    flags = {"api_keys": {"lifetime_days_max": 2.0, "of_user_max": 2}}
    async with open_app(tmp_path / "data", flags, lambda: time) as client:
        anna = await Member(client).join("anna@example.org")
        body = {"name": "k", "scopes": ["read"], "expires_at": format_time(time + 2 * DAY_US + 1)}
        late = await anna.call("POST", "/v1/api-keys", body)
        assert late.json["errors"][0]["detail"].endswith(f"{format_time(time + 2 * DAY_US)} at the latest")
        ending = await anna.create("/v1/api-keys", {**body, "expires_at": format_time(time + 2 * DAY_US)})
        await anna.create("/v1/api-keys", {**body, "expires_at": format_time(time + 1)})
        one_more = await anna.call("POST", "/v1/api-keys", {**body, "expires_at": format_time(time + 1)})
        assert (one_more.status, one_more.problem) == (409, "conflict")
        program = Member(client, ending["token"])
        time += 2 * DAY_US - 1
        assert (await program.call("GET", "/v1/me")).status == 200
        assert [key["id"] for key in (await anna.call("GET", "/v1/api-keys")).json["items"]] == [ending["id"]]
        time += 1
        assert (await program.call("GET", "/v1/me")).problem == "unauthenticated"
        assert (await program.call("POST", "/v1/documents", {"title": "t"})).problem == "unauthenticated"
        later = {**body, "expires_at": format_time(time + DAY_US)}
        assert [(await anna.call("POST", "/v1/api-keys", later)).status for _ in range(3)] == [201, 201, 409]


async def test_a_key_survives_a_restart(tmp_path: Path) -> None:
    """With its scopes."""
    async with open_app(tmp_path / "data") as client:
        await Member(client).join("admin@example.org")
        anna = await Member(client).join("anna@example.org")
        reader, writer = await by_key(anna), await by_key(anna, "write")
    async with open_app(tmp_path / "data") as client:
        reader.client = writer.client = client
        assert (await writer.call("POST", "/v1/documents", {"title": "t"})).status == 201
        assert (await reader.call("POST", "/v1/documents", {"title": "t"})).problem == "insufficient-scope"


async def test_a_new_password_ends_keys_unless_it_says_otherwise(anna: Member, admin: Member) -> None:
    """By oneself or by an administrator."""
    first = await by_key(anna)
    change = {"password": PASSWORD, "current_password": PASSWORD}
    path = f"/v1/users/{anna.id}/password"
    assert (await anna.call("PUT", path, {**change, "keep_api_keys": True})).status == 204
    assert (await first.call("GET", "/v1/me")).status == 200
    assert (await anna.call("PUT", path, change)).status == 204
    assert (await first.call("GET", "/v1/me")).problem == "unauthenticated"
    second = await by_key(anna)
    assert (await admin.call("PUT", path, {"password": PASSWORD})).status == 204
    assert (await second.call("GET", "/v1/me")).problem == "unauthenticated"


async def test_keys_end_with_the_account(anna: Member, bert: Member, admin: Member) -> None:
    """Disabled, they do not count again once it is enabled; another role ends none."""
    key, other = await by_key(anna), await by_key(bert)
    for disabled in (True, False):
        assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"disabled": disabled})).status == 200
        assert (await key.call("GET", "/v1/me")).problem == "unauthenticated"
    assert (await admin.call("PATCH", f"/v1/users/{bert.id}", {"role": "admin"})).status == 200
    assert (await other.call("GET", "/v1/me")).status == 200
    assert (await admin.call("DELETE", f"/v1/users/{bert.id}")).status == 204
    assert (await other.call("GET", "/v1/me")).problem == "unauthenticated"


Attempt = Callable[[Member, dict[str, Any]], Awaitable[Answer]]
WRITES: dict[str, tuple[Scope, Attempt]] = {
    "upload a document": ("write", lambda who, _: who.call("POST", "/v1/documents", {"title": "t", "text": "Marie"})),
    "change a document": ("write", lambda who, at: who.call("PATCH", at["document"], {"title": "new"})),
    "replace a document": ("write", lambda who, at: who.call("PUT", at["document"], at["value"])),
    "annotate": ("write", lambda who, at: who.call("POST", f"{at['document']}/annotations", SPAN)),
    "extract": (
        "write",
        lambda who, at: who.call("POST", f"{at['document']}/extractions", {**SPAN, "source": {"name": "m"}}),
    ),
    "change an annotation": ("write", lambda who, at: who.call("PATCH", at["annotation"], {"label": "x"})),
    "adjudicate": ("write", lambda who, at: who.call("POST", f"{at['document']}/adjudication", {"decided": []})),
    "take the next document": ("write", lambda who, at: who.call("POST", f"{at['project']}/next", {})),
    "delete an annotation": ("write", lambda who, at: who.call("DELETE", at["annotation"])),
    "delete a document": ("write", lambda who, at: who.call("DELETE", at["document"])),
    "create a project": ("projects", lambda who, _: who.call("POST", "/v1/projects", {"name": "p"})),
    "change a project": ("projects", lambda who, at: who.call("PATCH", at["project"], {"name": "new"})),
    "replace a project": ("projects", lambda who, at: who.call("PUT", at["project"], {"name": "new"})),
    "rename a label": (
        "projects",
        lambda who, at: who.call("POST", f"{at['project']}/labels/rename", {"from": "a", "to": "b"}),
    ),
    "change a member": (
        "projects",
        lambda who, at: who.call("PUT", f"{at['project']}/members/{at['user_id']}", {"role": "editor"}),
    ),
    "delete a project": ("projects", lambda who, at: who.call("DELETE", at["project"])),
    "register somebody": (
        "admin",
        lambda who, _: who.call("POST", "/v1/users", {"email": "new@example.org", "password": PASSWORD}),
    ),
    "disable an account": (
        "admin",
        lambda who, at: who.call("PATCH", f"/v1/users/{at['user_id']}", {"disabled": True}),
    ),
    "delete an account": ("admin", lambda who, at: who.call("DELETE", f"/v1/users/{at['user_id']}")),
}
NEVER: dict[str, Attempt] = {
    "make a key": lambda who, _: make_by(who),
    "list keys": lambda who, _: who.call("GET", "/v1/api-keys"),
    "revoke a key": lambda who, _: who.call("DELETE", "/v1/api-keys/key_0"),
    "list sessions": lambda who, _: who.call("GET", "/v1/sessions"),
    "end a session": lambda who, _: who.call("DELETE", "/v1/sessions/sess_0"),
    "log out": lambda who, _: who.call("DELETE", "/v1/sessions/current"),
    "set one's password": lambda who, _: who.call(
        "PUT", f"/v1/users/{who.id}/password", {"password": PASSWORD, "current_password": PASSWORD}
    ),
    "set the password of another": lambda who, at: who.call(
        "PUT", f"/v1/users/{at['user_id']}/password", {"password": PASSWORD}
    ),
    "make an administrator": lambda who, at: who.call("PATCH", f"/v1/users/{at['user_id']}", {"role": "admin"}),
    "register an administrator": lambda who, _: who.call(
        "POST", "/v1/users", {"email": "eve@example.org", "password": PASSWORD, "role": "admin"}
    ),
    "change the own account": lambda who, _: who.call("PATCH", f"/v1/users/{who.id}", {"email": "eve@example.org"}),
    "delete the own account": lambda who, _: who.call("DELETE", f"/v1/users/{who.id}"),
}


async def make_by(who: Member) -> Answer:
    """Ask for a key."""
    body = {"name": "more", "scopes": ["admin"], "expires_at": format_time(now() + DAY_US)}
    return await who.call("POST", "/v1/api-keys", body)


async def places(admin: Member, other: Member) -> dict[str, Any]:
    """Make one of everything, and return where it is."""
    project = await admin.create("/v1/projects", name="p", labels=[{"name": "a"}])
    value = {"title": "t", "text": "Marie", "project_id": project["id"]}
    document = await admin.create("/v1/documents", value)
    annotation = await admin.create("/v1/annotations", document_id=document["id"], **SPAN)
    return {
        "project": f"/v1/projects/{project['id']}",
        "document": f"/v1/documents/{document['id']}",
        "annotation": f"/v1/annotations/{annotation['id']}",
        "user_id": other.id,
        "value": value,
    }


@pytest.mark.parametrize("action", WRITES)
async def test_each_change_takes_its_scope_and_no_other(admin: Member, bert: Member, action: str) -> None:
    """All others together do not do; the one does, and each key reads."""
    at = await places(admin, bert)
    needed, attempt = WRITES[action]
    lacking = await by_key(admin, *(scope for scope in SCOPES if scope != needed))
    refused = await attempt(lacking, at)
    assert (refused.status, refused.problem) == (403, "insufficient-scope"), refused.data
    assert f"the scope {needed}," in refused.json["detail"]
    having = await by_key(admin, needed)
    assert (await having.call("GET", at["document"])).status == 200
    assert (await attempt(having, at)).status in {200, 201, 204}


@pytest.mark.parametrize("action", NEVER)
async def test_what_no_key_may_do(admin: Member, bert: Member, action: str) -> None:
    """Whatever its scopes: it would make more of itself than it was given."""
    at = await places(admin, bert)
    answer = await NEVER[action](await by_key(admin, *SCOPES), at)
    assert (answer.status, answer.problem) == (403, "forbidden"), answer.data
    assert (await admin.call("GET", f"/v1/users/{admin.id}")).json["email"] == "admin@example.org"
    assert (await bert.call("GET", "/v1/me")).json["role"] == "member"


async def test_a_key_without_admin_is_a_member_s(admin: Member, anna: Member) -> None:
    """It sees no projects of others, no other accounts, and nothing of the server; with it, all of that."""
    project = await anna.create("/v1/projects", name="p")
    document = await anna.create("/v1/documents", title="t", text="Marie", project_id=project["id"])
    await anna.create("/v1/annotations", document_id=document["id"], **SPAN)
    plain, full = await by_key(admin, "read", "write", "projects"), await by_key(admin, "admin")
    paths = [f"/v1/projects/{project['id']}", f"/v1/documents/{document['id']}", f"/v1/users/{anna.id}"]
    paths += [f"/v1/projects/{project['id']}/agreement", f"/v1/documents/{document['id']}/comparison"]
    assert [(await plain.call("GET", path)).status for path in paths] == [404] * 5
    assert [(await full.call("GET", path)).status for path in paths] == [200] * 5
    assert (await plain.call("GET", "/v1/status")).problem == "forbidden"
    assert (await full.call("GET", "/v1/status")).status == 200
    for collection, count in (("projects", 1), ("documents", 1), ("annotations", 1), ("users", 2)):
        assert len((await full.call("GET", f"/v1/{collection}")).json["items"]) == count
        found = (await plain.call("GET", f"/v1/{collection}")).json["items"]
        assert [one["id"] for one in found] == ([admin.id] if collection == "users" else [])
    patch = await plain.call("PATCH", f"/v1/projects/{project['id']}", {"name": "mine"})
    assert patch.problem == "not-found"


async def test_only_administrators_make_keys_that_are(anna: Member, admin: Member) -> None:
    """And such a key is worth nothing once its user is none any more."""
    answer = await make_by(anna)
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"role": "admin"})).status == 200
    key = await by_key(anna, "admin")
    assert (await key.call("GET", f"/v1/users/{admin.id}")).status == 200
    assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"role": "member"})).status == 200
    assert (await key.call("GET", f"/v1/users/{admin.id}")).problem == "not-found"
    assert (await key.call("PATCH", f"/v1/users/{admin.id}", {"disabled": True})).problem == "not-found"


async def test_a_key_has_no_current_session(anna: Member) -> None:
    """What is asked for is not there."""
    assert (await (await by_key(anna)).call("GET", "/v1/sessions/current")).problem == "not-found"


def test_every_scope_is_described() -> None:
    """The documentation's table is the one that is in force."""
    assert "\n".join(f"| `{scope}` | {MEANINGS[scope]} |" for scope in SCOPES) in DOCS.read_text()


def test_every_command_has_a_scope_or_takes_a_session() -> None:
    """What is added here by nobody is refused to keys."""
    without = {(command.__name__, kind) for command, kind in _RULES.keys() - NEEDED.keys()}
    sessions = {"LogIn", "LogOut", "SetPassword", "MakeKey", "RevokeKey"}
    local = {("CreateFor", kind) for kind in ("document", "extraction", "annotation")}
    local |= {("Expire", ""), ("LockLogin", ""), ("SettleBlobs", "")}
    assert without == {(name, "") for name in sessions} | local
