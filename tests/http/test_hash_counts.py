"""How many passwords are hashed tells nobody who is registered: they are counted, and no time is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from argon2.exceptions import VerifyMismatchError

from service.app import make_services
from service.commands import LOCAL_ADMIN, Register
from service.kinds.account import UserDraft
from service.passwords import UNUSABLE, Passwords
from tests.harness import PASSWORD, Answer, Member, open_engine, quick_settings, serve_services
from tests.http.test_api_keys import by_key

WRONG = "a wrong password"


class Counting:
    """A hasher that costs nothing and notes what it is asked.

    Attributes:
        calls: Of it, in order.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def hash(self, password: str) -> str:
        """Return a hash that tells the password."""
        self.calls.append("hash")
        return f"hash of {password}"

    def verify(self, encoded: str, password: str) -> bool:
        """Compare."""
        self.calls.append("verify")
        if encoded != f"hash of {password}":
            raise VerifyMismatchError
        return True

    def check_needs_rehash(self, _encoded: str) -> bool:
        """Every hash is today's."""
        return False


class Scene:
    """A service with an administrator and accounts of all sorts, and what it hashes."""

    def __init__(self, anybody: Member, hasher: Counting) -> None:
        self.anybody = anybody
        self._hasher = hasher

    async def counted(
        self, method: str, path: str, body: object, who: Member | None = None
    ) -> tuple[Answer, list[str]]:
        """Ask, and return the answer and what was hashed for it."""
        self._hasher.calls.clear()
        answer = await (who or self.anybody).call(method, path, body)
        return answer, list(self._hasher.calls)


@asynccontextmanager
async def scene_at(directory: Path, registration: str = "open") -> AsyncIterator[Scene]:
    """Give the service."""
    flags = {"server": {"registration": registration}}
    settings, hasher = quick_settings(flags), Counting()
    async with open_engine(directory, flags) as engine:
        made = make_services(settings, dict)
        made.passwords.close()
        services = dataclasses.replace(made, passwords=Passwords(settings.passwords, hasher))
        services.gate.open(engine)
        for name in ("admin", "anna", "dora"):
            await engine.submit(register(f"{name}@example.org", f"hash of {PASSWORD}"))
        await engine.submit(register("ines@example.org", UNUSABLE, reset_required=True))
        async with serve_services(services) as client:
            scene = Scene(Member(client), hasher)
            admin = Member(client, (await scene.anybody.create("/v1/sessions", login("admin", PASSWORD)))["token"])
            dora = (await admin.call("GET", "/v1/users?email=dora@example.org")).json["items"][0]["id"]
            assert (await admin.call("PATCH", f"/v1/users/{dora}", {"disabled": True})).status == 200
            yield scene


def register(email: str, password_hash: str, *, reset_required: bool = False) -> Register:
    """Return the command; the first is an administrator."""
    return Register(
        actor=LOCAL_ADMIN,
        operation="t",
        new_id=f"user_{email}",
        draft=UserDraft(email=email, role="admin" if email.startswith("admin") else None),
        password_hash=password_hash,
        loopback=True,
        open=True,
        reset_required=reset_required,
    )


def login(name: str, password: str) -> dict[str, str]:
    """Return the body of a login."""
    return {"email": f"{name}@example.org", "password": password}


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", WRONG),
        ("nobody", WRONG),
        ("nobody", PASSWORD),
        ("dora", PASSWORD),
        ("dora", WRONG),
        ("ines", PASSWORD),
        ("ines", UNUSABLE),
    ],
)
async def test_a_login_that_fails_costs_one_comparison_and_is_told_in_one_way(
    tmp_path: Path, name: str, password: str
) -> None:
    """Of accounts that are known, unknown, disabled, or imported without a password that can be used."""
    async with scene_at(tmp_path) as scene:
        expected, calls = await scene.counted("POST", "/v1/sessions", login("anna", WRONG))
        assert calls == ["verify"]
        answer, calls = await scene.counted("POST", "/v1/sessions", login(name, password))
    assert (answer.status, answer.problem, answer.data) == (401, "wrong-credentials", expected.data)
    assert calls == ["verify"]
    different = {"X-Request-ID", "Date"}
    headers = [{key: one.headers[key] for key in one.headers if key not in different} for one in (answer, expected)]
    assert headers[0].keys() == headers[1].keys()


async def test_a_login_that_is_refused_for_too_many_failures_costs_none(tmp_path: Path) -> None:
    """Of no account."""
    async with scene_at(tmp_path) as scene:
        for name in ("anna", "nobody"):
            for _ in range(20):
                await scene.counted("POST", "/v1/sessions", login(name, WRONG))
            answer, calls = await scene.counted("POST", "/v1/sessions", login(name, WRONG))
            assert (answer.status, calls) == (429, [])


async def test_a_registration_costs_one_hash_whether_the_address_is_taken_or_not(tmp_path: Path) -> None:
    """Where it is open the answer tells, which cannot be helped without e-mail; the time says it no sooner."""
    async with scene_at(tmp_path) as scene:
        taken, of_taken = await scene.counted("POST", "/v1/users", login("anna", PASSWORD))
        free, of_free = await scene.counted("POST", "/v1/users", login("new", PASSWORD))
    assert (taken.status, free.status) == (409, 201)
    assert of_taken == of_free == ["hash"]


async def test_where_registration_is_closed_nothing_tells_who_is_registered(tmp_path: Path) -> None:
    """One answer, and no hash."""
    async with scene_at(tmp_path, registration="closed") as scene:
        taken, of_taken = await scene.counted("POST", "/v1/users", login("anna", PASSWORD))
        free, of_free = await scene.counted("POST", "/v1/users", login("new", PASSWORD))
    assert (taken.status, taken.data) == (403, free.data)
    assert of_taken == of_free == []


async def test_a_password_that_may_not_be_set_costs_no_hash(tmp_path: Path) -> None:
    """Nobody could log in while members, or API keys, went on asking for it: hashes wait for each other."""
    async with scene_at(tmp_path) as scene:
        admin, anna = [await logged_in(scene, name) for name in ("admin", "anna")]
        key = await by_key(admin, "read", "admin")
        path, change = f"/v1/users/{admin.id}/password", {"password": "another good one"}
        of_anna = f"/v1/users/{anna.id}/password"
        refused = [
            (await scene.counted("PUT", path, change, anna), 404, "not-found"),
            (await scene.counted("PUT", "/v1/users/user_x/password", change, anna), 404, "not-found"),
            (await scene.counted("PUT", "/v1/users/user_x/password", change, admin), 404, "not-found"),
            (await scene.counted("PUT", of_anna, change, key), 403, "forbidden"),
            (await scene.counted("PUT", of_anna, change), 401, "unauthenticated"),
        ]
        for (answer, calls), status, problem in refused:
            assert (answer.status, answer.problem, calls) == (status, problem, [])


async def test_a_password_that_is_set_costs_one_hash(tmp_path: Path) -> None:
    """And one's own a comparison before, which is all that it costs if it is wrong."""
    async with scene_at(tmp_path) as scene:
        admin, anna = [await logged_in(scene, name) for name in ("admin", "anna")]
        path, change = f"/v1/users/{anna.id}/password", {"password": "another good one"}
        answer, calls = await scene.counted("PUT", path, {**change, "current_password": WRONG}, anna)
        assert (answer.status, calls) == (403, ["verify"])
        answer, calls = await scene.counted("PUT", path, {**change, "current_password": PASSWORD}, anna)
        assert (answer.status, calls) == (204, ["verify", "hash"])
        answer, calls = await scene.counted("PUT", path, {"password": PASSWORD}, admin)
        assert (answer.status, calls) == (204, ["hash"])
        await logged_in(scene, "anna")


async def logged_in(scene: Scene, name: str) -> Member:
    """Return somebody who has logged in."""
    session = await scene.anybody.create("/v1/sessions", login(name, PASSWORD))
    return Member(scene.anybody.client, session["token"], session["user"]["id"])
