"""Registration, users, and passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.app import make_services
from service.passwords import Passwords
from tests.harness import PASSWORD, Member, open_app, open_engine, quick_settings, serve_services

NEW_PASSWORD = "staple battery horse correct"


async def test_the_first_user_from_this_machine_is_admin_and_the_next_is_not(admin: Member, anna: Member) -> None:
    """On a loopback address."""
    assert (await admin.call("GET", "/v1/me")).json["role"] == "admin"
    assert (await anna.call("GET", "/v1/me")).json["role"] == "member"


async def test_registration_answers_the_user_without_a_secret(anybody: Member) -> None:
    """201 with `Location`, `ETag` and the entity; the address is case-folded."""
    body = {"email": "Anna@Example.ORG", "name": "Anna", "password": PASSWORD}
    answer = await anybody.call("POST", "/v1/users", body)
    user = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/users/{user['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert user["email"] == "anna@example.org"
    assert user["version"] == 1
    assert user["created_at"] == user["updated_at"]
    assert b"password" not in answer.data
    assert b"argon2" not in answer.data


async def test_a_list_by_time_holds_and_counts_nothing_that_was_deleted(admin: Member, anna: Member) -> None:
    """Where the time is all that is asked for: of users, and of an administrator's projects."""
    projects = [(await admin.create("/v1/projects", name=name))["id"] for name in ("a", "b", "c")]
    await admin.create("/v1/users", email="last@example.org", name="x", password=PASSWORD)
    for path in (f"/v1/users/{anna.id}", f"/v1/projects/{projects[1]}"):
        assert (await admin.call("DELETE", path)).status == 204
    for kind in ("users", "projects"):
        for order in ("created_at", "-created_at"):
            for asked in ("created_at_ge=1970-01-01T00:00:00Z", "created_at_lt=9999-01-01T00:00:00Z"):
                page = (await admin.call("GET", f"/v1/{kind}?count=true&sort={order}&{asked}")).json
                assert {anna.id, projects[1]}.isdisjoint(one["id"] for one in page["items"])
                assert page["total"] == len(page["items"]) == 2


@pytest.mark.parametrize("email", ["anna@example.org", "ANNA@EXAMPLE.ORG"])
async def test_a_taken_address_is_409(anna: Member, anybody: Member, email: str) -> None:
    """Whatever its case; the place is named."""
    answer = await anybody.call("POST", "/v1/users", {"email": email, "name": "x", "password": PASSWORD})
    assert (answer.status, answer.problem) == (409, "taken")
    assert answer.json["errors"][0]["pointer"] == "/email"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@" + "b" * 260}, "/email"),
        ({"email": 5}, "/email"),
        ({"email": None}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 1001}, "/password"),
        ({"name": "x" * 201}, "/name"),
        ({"rôle": "admin"}, "/rôle"),
        ({"id": "user_1"}, "/id"),
    ],
)
async def test_a_registration_that_does_not_fit_is_422(
    admin: Member, anybody: Member, change: dict[str, object], pointer: str
) -> None:
    """The place is named."""
    body = {"email": "new@example.org", "name": "New", "password": PASSWORD, **change}
    answer = await anybody.call("POST", "/v1/users", body)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == pointer


async def test_nobody_registers_where_registration_is_closed(tmp_path: Path) -> None:
    """It is 403, and says whom to ask."""
    async with open_app(tmp_path / "data", {"server": {"registration": "closed"}}) as client:
        answer = await Member(client).call("POST", "/v1/users", {"email": "a@b.c", "password": PASSWORD})
    assert (answer.status, answer.problem) == (403, "forbidden")


async def test_registration_is_closed_by_default_where_others_can_reach_the_server(tmp_path: Path) -> None:
    """`auto` opens it on a loopback address only."""
    async with open_app(tmp_path / "data", {"server": {"host": "0.0.0.0"}}) as client:  # noqa: S104 - of the setting
        answer = await Member(client).call("POST", "/v1/users", {"email": "a@b.c", "password": PASSWORD})
    assert answer.problem == "forbidden"


async def test_the_token_of_the_start_registers_the_first_administrator_and_nobody_else(tmp_path: Path) -> None:
    """Where registration is closed; a wrong one is 401, and once there is a user it counts no more."""
    flags = {"server": {"registration": "closed"}}
    async with open_engine(tmp_path / "data", flags) as engine:
        services = make_services(quick_settings(flags), dict)
        services.gate.open(engine)
        async with serve_services(services) as client:
            body = {"email": "ada@example.org", "password": PASSWORD}
            early = await Member(client, "made up").call("POST", "/v1/users", body)
            old, token = services.setup.issue(), services.setup.issue()
            outdated = await Member(client, old).call("POST", "/v1/users", body)
            first = await Member(client, token).call("POST", "/v1/users", body)
            again = await Member(client, token).call("POST", "/v1/users", {**body, "email": "eve@example.org"})
            elsewhere = await Member(client, token).call("GET", "/v1/me")
    assert (early.problem, outdated.problem, elsewhere.problem) == ("unauthenticated",) * 3
    assert (first.status, first.json["role"]) == (201, "admin")
    assert (again.status, again.problem) == (403, "forbidden")


async def test_a_member_sees_themselves_and_nobody_else(anna: Member, bert: Member) -> None:
    """Somebody else's id is 404."""
    assert (await anna.call("GET", f"/v1/users/{anna.id}")).json["id"] == anna.id
    assert (await anna.call("GET", f"/v1/users/{bert.id}")).problem == "not-found"
    assert [user["id"] for user in (await anna.call("GET", "/v1/users")).json["items"]] == [anna.id]


async def test_an_admin_sees_everybody(admin: Member, anna: Member, bert: Member) -> None:
    """In order of creation, and by e-mail address."""
    listed = (await admin.call("GET", "/v1/users")).json["items"]
    assert [user["id"] for user in listed] == [admin.id, anna.id, bert.id]
    found = (await admin.call("GET", "/v1/users?email=bert@example.org")).json["items"]
    assert [user["id"] for user in found] == [bert.id]
    assert (await admin.call("GET", "/v1/users?email=BERT@example.org")).json["items"] == found
    assert (await admin.call("GET", "/v1/users?email=nobody@example.org")).json["items"] == []
    assert (await admin.call("GET", f"/v1/users/{anna.id}")).status == 200


async def test_a_member_changes_their_name_but_not_their_role(anna: Member) -> None:
    """Role and `disabled` are for administrators."""
    answer = await anna.call("PATCH", f"/v1/users/{anna.id}", {"name": "Anna B."})
    assert (answer.status, answer.json["name"], answer.headers["ETag"]) == (200, "Anna B.", '"2"')
    assert (await anna.call("PATCH", f"/v1/users/{anna.id}", {"role": "admin"})).status in (403, 422)
    assert (await anna.call("GET", "/v1/me")).json["role"] == "member"


async def test_an_admin_disables_a_user_whose_sessions_end(admin: Member, anna: Member, anybody: Member) -> None:
    """A login gets the one generic refusal."""
    assert (await admin.call("PATCH", f"/v1/users/{anna.id}", {"disabled": True})).status == 200
    assert (await anna.call("GET", "/v1/me")).problem == "unauthenticated"
    answer = await anybody.call("POST", "/v1/sessions", {"email": "anna@example.org", "password": PASSWORD})
    assert (answer.status, answer.problem) == (401, "wrong-credentials")


async def test_nobody_changes_or_deletes_somebody_else(anna: Member, bert: Member) -> None:
    """They may not even know that they exist."""
    assert (await anna.call("PATCH", f"/v1/users/{bert.id}", {"name": "x"})).problem == "not-found"
    assert (await anna.call("DELETE", f"/v1/users/{bert.id}")).problem == "not-found"
    body = {"password": NEW_PASSWORD}
    assert (await anna.call("PUT", f"/v1/users/{bert.id}/password", body)).problem == "not-found"
    assert (await bert.call("GET", "/v1/me")).json["name"] == "bert"


async def test_deleting_a_user_deletes_what_is_theirs_alone(admin: Member, anna: Member, anybody: Member) -> None:
    """Their sessions and documents too."""
    document = await anna.create("/v1/documents", title="mine", text="text")
    assert (await anna.call("DELETE", f"/v1/users/{anna.id}")).status == 204
    assert (await anna.call("GET", "/v1/me")).problem == "unauthenticated"
    assert (await admin.call("GET", f"/v1/users/{anna.id}")).status in (404, 410)
    assert (await admin.call("GET", f"/v1/documents/{document['id']}")).status in (404, 410)
    answer = await anybody.call("POST", "/v1/sessions", {"email": "anna@example.org", "password": PASSWORD})
    assert answer.problem == "wrong-credentials"
    await anybody.join("anna@example.org")


async def test_a_password_is_changed_with_the_current_one(anna: Member, anybody: Member) -> None:
    """Other sessions end, the one that asked goes on."""
    other = await anybody.create("/v1/sessions", email="anna@example.org", password=PASSWORD)
    path, body = f"/v1/users/{anna.id}/password", {"password": NEW_PASSWORD, "current_password": PASSWORD}
    assert (await anna.call("PUT", path, body)).status == 204
    assert (await anna.call("GET", "/v1/me")).status == 200
    assert (await Member(anybody.client, other["token"]).call("GET", "/v1/me")).problem == "unauthenticated"
    old = await anybody.call("POST", "/v1/sessions", {"email": "anna@example.org", "password": PASSWORD})
    assert old.problem == "wrong-credentials"
    await anybody.create("/v1/sessions", email="anna@example.org", password=NEW_PASSWORD)


async def test_one_s_own_password_is_not_changed_without_the_current_one(anna: Member) -> None:
    """A stolen token is not enough."""
    path = f"/v1/users/{anna.id}/password"
    missing = await anna.call("PUT", path, {"password": NEW_PASSWORD})
    assert (missing.problem, missing.json["errors"][0]["pointer"]) == ("invalid", "/current_password")
    wrong = await anna.call("PUT", path, {"password": NEW_PASSWORD, "current_password": "wrong password"})
    assert (wrong.status, wrong.problem) == (403, "forbidden")
    assert (await anna.call("PUT", path, {"password": "short"})).problem == "invalid"


async def test_an_admin_resets_a_password_and_ends_the_sessions(admin: Member, anna: Member, anybody: Member) -> None:
    """They need not know the old one."""
    assert (await admin.call("PUT", f"/v1/users/{anna.id}/password", {"password": NEW_PASSWORD})).status == 204
    assert (await anna.call("GET", "/v1/me")).problem == "unauthenticated"
    await anybody.create("/v1/sessions", email="anna@example.org", password=NEW_PASSWORD)


async def test_a_registration_that_will_be_refused_costs_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or strangers could keep those who log in waiting."""
    async with open_app(tmp_path / "data", {"server": {"registration": "closed"}}) as client:

        async def hash_of(_self: Passwords, _password: str) -> str:
            raise AssertionError("a password was hashed")

        monkeypatch.setattr(Passwords, "hash", hash_of)
        answer = await Member(client).call("POST", "/v1/users", {"email": "a@b.c", "password": PASSWORD})
    assert answer.problem == "forbidden"


async def test_registrations_from_one_address_are_limited(tmp_path: Path) -> None:
    """Not those that an administrator makes."""
    limits = {"registrations_address_max": 2, "failed_login_seconds": 1000.0}
    async with open_app(tmp_path / "data", {"limits": limits}) as client:
        admin = await Member(client).join("admin@example.org")
        await Member(client).join("anna@example.org")
        body = {"email": "eve@example.org", "password": PASSWORD}
        refused = await Member(client).call("POST", "/v1/users", body)
        assert (refused.status, refused.problem) == (429, "too-many-requests")
        assert int(refused.headers["Retry-After"]) > 900
        assert (await admin.call("POST", "/v1/users", body)).status == 201


@pytest.mark.parametrize("email", ["b@x\n", "b\u0000@x", "b@x\x7f", "b @x", "b@x@y"])
async def test_an_address_holds_no_white_space_and_no_control_characters(anybody: Member, email: str) -> None:
    """Two that look the same would be two users."""
    answer = await anybody.call("POST", "/v1/users", {"email": email, "password": PASSWORD})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/email")
