"""Logging in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.clock import now, parse_time
from tests.harness import PASSWORD, Member, open_app

LOGIN = {"email": "anna@example.org", "password": PASSWORD}


async def test_a_login_answers_token_expiry_and_user(anna: Member, anybody: Member) -> None:
    """Nobody may keep the answer, and each login has a token of its own."""
    answer = await anybody.call("POST", "/v1/sessions", {**LOGIN, "email": "ANNA@example.org"})
    session = answer.json
    assert answer.status == 201
    assert set(session) == {"token", "expires_at", "user"}
    assert session["user"]["id"] == anna.id
    assert session["token"] != anna.token
    assert parse_time(session["expires_at"]) > now()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await Member(anybody.client, session["token"]).call("GET", "/v1/me")).json["id"] == anna.id


async def test_a_wrong_password_and_an_unknown_user_are_told_alike(anna: Member, anybody: Member) -> None:
    """Nothing but the request's id differs."""
    wrong = await anybody.call("POST", "/v1/sessions", {**LOGIN, "password": "wrong password"})
    unknown = await anybody.call("POST", "/v1/sessions", {**LOGIN, "email": "nobody@example.org"})
    assert wrong.data == unknown.data
    assert (wrong.status, wrong.problem) == (401, "wrong-credentials")
    assert wrong.headers["WWW-Authenticate"] == "Bearer"


async def test_a_login_needs_no_valid_token(anna: Member, anybody: Member) -> None:
    """A client may send the one that has expired along."""
    answer = await Member(anybody.client, "expired").call("POST", "/v1/sessions", LOGIN)
    assert answer.status == 201


async def test_the_current_session_tells_whose_it_is(anna: Member) -> None:
    """Without the token, which is told once."""
    session = (await anna.call("GET", "/v1/sessions/current")).json
    assert session["id"].startswith("sess_")
    assert session["user"] == (await anna.call("GET", "/v1/me")).json
    assert set(session) == {"id", "user"}


async def test_logging_out_ends_the_session_and_no_other(anna: Member, anybody: Member) -> None:
    """The token is nobody's from then on."""
    other = await anybody.create("/v1/sessions", LOGIN)
    assert (await anna.call("DELETE", "/v1/sessions/current")).status == 204
    assert (await anna.call("GET", "/v1/me")).problem == "unauthenticated"
    assert (await anna.call("DELETE", "/v1/sessions/current")).problem == "unauthenticated"
    assert (await Member(anybody.client, other["token"]).call("GET", "/v1/me")).status == 200


async def test_a_session_ends_after_its_lifetime(tmp_path: Path) -> None:
    """Not a microsecond before, by a clock that the test moves."""
    time = now()
    async with open_app(tmp_path / "data", {"sessions": {"lifetime_hours": 1}}, lambda: time) as client:
        anybody = Member(client)
        await anybody.create("/v1/users", name="Anna", **LOGIN)
        session = await anybody.create("/v1/sessions", LOGIN)
        anna = Member(client, session["token"])
        end = time + 3_600_000_000
        time = end - 1
        assert (await anna.call("GET", "/v1/me")).status == 200
        time = end
        assert (await anna.call("GET", "/v1/me")).problem == "unauthenticated"


async def test_a_session_is_alive_after_a_restart(tmp_path: Path) -> None:
    """It is in the log like everything else."""
    async with open_app(tmp_path / "data") as client:
        anna = await Member(client).join("anna@example.org")
    async with open_app(tmp_path / "data") as client:
        assert (await Member(client, anna.token).call("GET", "/v1/me")).json["id"] == anna.id


@pytest.mark.parametrize("body", [{}, {"email": "a@b.c"}, {**LOGIN, "x": 1}, {**LOGIN, "password": "x" * 1001}, []])
async def test_a_login_that_does_not_fit_is_422(anybody: Member, body: object) -> None:
    """The place is named."""
    answer = await anybody.call("POST", "/v1/sessions", body)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert answer.json["errors"]


async def test_guessing_passwords_is_429_after_a_while(anna: Member, anybody: Member) -> None:
    """With the time to wait, for the right one too."""
    for _ in range(20):
        answer = await anybody.call("POST", "/v1/sessions", {**LOGIN, "password": "guess"})
        assert answer.problem == "wrong-credentials"
    answer = await anybody.call("POST", "/v1/sessions", LOGIN)
    assert (answer.status, answer.problem) == (429, "too-many-requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 121


async def test_sessions_are_listed_without_their_tokens(anna: Member, anybody: Member) -> None:
    """One's own alone, the oldest first, and which of them asks."""
    ben = await Member(anybody.client).join("ben@example.org")
    other = await anybody.create("/v1/sessions", LOGIN)
    answer = await anna.call("GET", "/v1/sessions")
    first, second = answer.json["items"]
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert set(first) == {"id", "opened_at", "expires_at", "current"}
    assert (first["current"], second["current"]) == (True, False)
    assert first["id"] == (await anna.call("GET", "/v1/sessions/current")).json["id"]
    assert first["opened_at"] < second["opened_at"] < other["expires_at"] <= second["expires_at"]
    assert len((await ben.call("GET", "/v1/sessions")).json["items"]) == 1
    assert (await anybody.call("GET", "/v1/sessions")).problem == "unauthenticated"


async def test_a_session_is_ended_from_another_one(anna: Member, anybody: Member) -> None:
    """As when a device was lost; the one that asks goes on, and what has ended is not there any more."""
    lost = Member(anybody.client, (await anybody.create("/v1/sessions", LOGIN))["token"])
    key = (await lost.call("GET", "/v1/sessions/current")).json["id"]
    assert (await anna.call("DELETE", f"/v1/sessions/{key}")).status == 204
    assert (await lost.call("GET", "/v1/me")).problem == "unauthenticated"
    assert (await anna.call("DELETE", f"/v1/sessions/{key}")).problem == "not-found"
    assert [one["current"] for one in (await anna.call("GET", "/v1/sessions")).json["items"]] == [True]


async def test_nobody_ends_the_session_of_another(admin: Member, anna: Member, bert: Member) -> None:
    """Whose id is known or not: it is told alike, and an administrator is no exception."""
    for asking, holder in ((anna, bert), (admin, anna)):
        key = (await holder.call("GET", "/v1/sessions/current")).json["id"]
        assert (await asking.call("DELETE", f"/v1/sessions/{key}")).problem == "not-found"
        assert (await holder.call("GET", "/v1/me")).status == 200
    assert (await anna.call("DELETE", "/v1/sessions/sess_")).problem == "not-found"


async def test_a_session_that_is_past_its_time_is_not_listed(tmp_path: Path) -> None:
    """Also before maintenance has removed it."""
    time = now()
    async with open_app(tmp_path / "data", {"sessions": {"lifetime_hours": 1}}, lambda: time) as client:
        anybody = Member(client)
        await anybody.create("/v1/users", name="Anna", **LOGIN)
        await anybody.create("/v1/sessions", LOGIN)
        time += 3_600_000_000
        later = Member(client, (await anybody.create("/v1/sessions", LOGIN))["token"])
        assert [one["current"] for one in (await later.call("GET", "/v1/sessions")).json["items"]] == [True]
