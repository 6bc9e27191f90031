"""Guessing passwords: what is counted, what is locked, and that nobody learns who is registered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from service.app import make_services
from service.clock import now
from service.engine import Engine
from service.http.identity import network
from service.logins import Locks, account_of_email, pair_id
from tests.harness import PASSWORD, Client, Member, Process, open_engine, quick_settings, serve, serve_services
from tests.http.fake_engine import FakeEngine
from wal.errors import NoRoomError

ANNA = "anna@example.org"
NOBODY = "nobody@example.org"
BERT = "bert@example.org"
HERE, ELSEWHERE, FAR_AWAY = "127.0.0.1", "127.0.0.2", "127.0.0.3"
# Three from an address and five from anywhere; none comes back while a test runs.
FEW: dict[str, Any] = {
    "failed_logins_max": 3,
    "failed_logins_account_max": 5,
    "failed_logins_address_max": 1000,
    "failed_login_seconds": 1000.0,
}


class Guesser:
    """Somebody who guesses passwords, from an address of this machine."""

    def __init__(self, client: Client, address: str = HERE) -> None:
        self._url = client.make_url("/v1/sessions")
        self._address = address

    async def guess(self, email: str = ANNA, password: str = "a wrong guess") -> tuple[int, int]:
        """Log in, and return the status and what `Retry-After` says, or 0."""
        connector = aiohttp.TCPConnector(local_addr=(self._address, 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            body = {"email": email, "password": password}
            async with session.post(self._url, json=body) as answer:
                return answer.status, int(answer.headers.get("Retry-After", "0"))

    async def statuses(self, number: int, email: str = ANNA) -> list[int]:
        """Guess some times, one after the other."""
        return [(await self.guess(email))[0] for _ in range(number)]


class Place:
    """The service in this process, with its engine and a clock that a test moves.

    Attributes:
        time: Of the engine, in microseconds.
        engine: Of the service.
        client: Of the service.
        anna: A member, who is logged in; `admin`: the administrator.
    """

    def __init__(self) -> None:
        self.time = now()
        self.engine: Engine
        self.client: Client
        self.anna: Member
        self.admin: Member

    async def is_locked(self, *ids: str) -> bool:
        """Tell if one of these locks lasts."""
        return await self.engine.locked_us(Locks(actor=None, ids=ids)) > 0


@asynccontextmanager
async def place_at(directory: Path, limits: Mapping[str, Any] | None = None) -> AsyncIterator[Place]:
    """Give the service over a new data directory."""
    place = Place()
    flags = {"limits": {**FEW, **(limits or {})}}
    async with open_engine(directory, flags, lambda: place.time) as engine, serve(engine, flags) as client:
        place.engine, place.client = engine, client
        place.admin = await Member(client).join("admin@example.org")
        place.anna = await Member(client).join(ANNA)
        yield place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Give the service with few attempts."""
    async with place_at(tmp_path / "data") as made:
        yield made


@pytest.mark.parametrize("email", [ANNA, NOBODY])
async def test_the_last_failure_that_is_allowed_locks_and_the_next_is_429(place: Place, email: str) -> None:
    """Of an account that nobody has as well; before it nothing is stored, and the right password does not help."""
    guesser = Guesser(place.client)
    pair = pair_id(account_of_email(email), HERE)
    assert await guesser.statuses(2, email) == [401, 401]
    assert not await place.is_locked(pair)
    assert await guesser.statuses(1, email) == [401]
    assert await place.is_locked(pair)
    assert not await place.is_locked(account_of_email(email))
    assert await guesser.guess(email, PASSWORD) == (429, 3001)


async def test_a_lock_ends_and_a_whole_allowance_begins(tmp_path: Path) -> None:
    """At its time, to the microsecond."""
    async with place_at(tmp_path / "data", {"failed_logins_account_max": 100}) as place:
        guesser = Guesser(place.client)
        await guesser.statuses(3)
        place.time += 3_000_000_000 - 1
        assert await guesser.guess() == (429, 1)
        place.time += 1
        assert await guesser.statuses(4) == [401, 401, 401, 429]


async def test_who_guesses_from_elsewhere_does_not_lock_anna_out(place: Place) -> None:
    """Until the larger allowance of the account is used up, and that takes more than one address."""
    assert await Guesser(place.client, ELSEWHERE).statuses(4) == [401, 401, 401, 429]
    assert await Guesser(place.client).guess(ANNA, PASSWORD) == (201, 0)
    assert await Guesser(place.client, FAR_AWAY).statuses(1) == [401]
    assert not await place.is_locked(account_of_email(ANNA))
    assert await Guesser(place.client, FAR_AWAY).statuses(1) == [401]
    assert await place.is_locked(account_of_email(ANNA))
    assert await Guesser(place.client).guess(ANNA, PASSWORD) == (429, 5001)


async def test_a_login_gives_those_who_guess_from_elsewhere_nothing_back(place: Place) -> None:
    """It forgets what failed from its own address, and of the account nothing but itself."""
    assert await Guesser(place.client).statuses(2) == [401, 401]
    assert await Guesser(place.client, ELSEWHERE).statuses(2) == [401, 401]
    assert (await Guesser(place.client).guess(ANNA, PASSWORD))[0] == 201
    assert await Guesser(place.client).statuses(1) == [401]
    assert await Guesser(place.client).guess(ANNA, PASSWORD) == (429, 5001)


async def test_an_address_has_an_allowance_of_its_own(tmp_path: Path) -> None:
    """For all accounts together; it is kept in memory alone."""
    async with place_at(tmp_path / "data", {"failed_logins_address_max": 3}) as place:
        guesser = Guesser(place.client)
        assert [(await guesser.guess(f"{number}@example.org"))[0] for number in range(4)] == [401, 401, 401, 429]
        assert (await Guesser(place.client, ELSEWHERE).guess("3@example.org"))[0] == 401


async def test_many_attempts_at_once_are_no_way_around(place: Place) -> None:
    """What is under way counts."""
    guesser = Guesser(place.client)
    statuses = [status for status, _ in await asyncio.gather(*(guesser.guess() for _ in range(20)))]
    assert sorted(statuses) == [401] * 3 + [429] * 17
    assert (await guesser.guess())[0] == 429


@pytest.mark.parametrize("email", [ANNA, NOBODY])
async def test_a_lock_outlasts_a_restart(tmp_path: Path, email: str) -> None:
    """The account's and that of an address; what was not used up begins anew."""
    async with place_at(tmp_path / "data") as place:
        await Guesser(place.client, ELSEWHERE).statuses(3, email)
        await Guesser(place.client).statuses(1, BERT)
    async with open_engine(tmp_path / "data") as engine, serve(engine, {"limits": FEW}) as client:
        assert (await Guesser(client, ELSEWHERE).guess(email, PASSWORD))[0] == 429
        assert (await Guesser(client).guess(email))[0] == 401
        assert await Guesser(client).statuses(4, BERT) == [401, 401, 401, 429]


async def test_a_password_that_an_administrator_sets_lifts_the_locks(place: Place) -> None:
    """At once."""
    for address in (HERE, ELSEWHERE):
        await Guesser(place.client, address).statuses(3)
    assert await place.is_locked(account_of_email(ANNA))
    path, new = f"/v1/users/{place.anna.id}/password", "staple battery horse"
    assert (await place.admin.call("PUT", path, {"password": new})).status == 204
    for address in (HERE, ELSEWHERE):
        assert (await Guesser(place.client, address).guess(ANNA, new))[0] == 201


async def test_when_there_are_as_many_locks_as_may_be_this_process_goes_on_to_refuse(tmp_path: Path) -> None:
    """At the limit a lock is stored, one past it the attempts are only counted; none that is there ends early."""
    async with place_at(tmp_path / "data", {"login_locks_max": 1}) as place:
        guesser = Guesser(place.client)
        assert await guesser.statuses(4, NOBODY) == [401, 401, 401, 429]
        assert await guesser.statuses(4) == [401, 401, 401, 429]
        assert (await guesser.guess(ANNA, PASSWORD))[0] == 429
        assert await place.is_locked(pair_id(account_of_email(NOBODY), HERE))
        assert not await place.is_locked(pair_id(account_of_email(ANNA), HERE))


async def test_the_right_password_of_a_disabled_account_is_a_failure(place: Place) -> None:
    """Or who guesses could tell it from a wrong one by never being refused."""
    patch = {"disabled": True}
    assert (await place.admin.call("PATCH", f"/v1/users/{place.anna.id}", patch)).status == 200
    statuses = [(await Guesser(place.client).guess(ANNA, PASSWORD))[0] for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert await place.is_locked(pair_id(account_of_email(ANNA), HERE))


async def test_who_guesses_the_current_password_with_a_stolen_token_is_locked_too(place: Place) -> None:
    """Apart from logins: neither keeps the other away."""
    path = f"/v1/users/{place.anna.id}/password"
    wrong = {"password": "staple battery horse", "current_password": "a wrong guess"}
    statuses = [(await place.anna.call("PUT", path, wrong)).status for _ in range(4)]
    assert statuses == [403, 403, 403, 429]
    assert (await place.anna.call("PUT", path, {**wrong, "current_password": PASSWORD})).status == 429
    assert (await Guesser(place.client).guess(ANNA, PASSWORD))[0] == 201


async def test_strangers_keep_nobody_from_changing_a_password(place: Place) -> None:
    """Who is logged in counts apart."""
    await Guesser(place.client).statuses(3)
    change = {"password": "staple battery horse", "current_password": PASSWORD}
    assert (await place.anna.call("PUT", f"/v1/users/{place.anna.id}/password", change)).status == 204


async def test_a_lock_that_the_disk_has_no_room_for_is_507_and_the_next_attempt_429() -> None:
    """No answer tells of the last guess before it is locked, and this process counts on."""
    async with serve(FakeEngine(NoRoomError("full")), {"limits": FEW}) as client:
        assert await Guesser(client).statuses(5) == [401, 401, 507, 429, 429]


async def test_after_a_crash_there_is_a_share_of_each_allowance(tmp_path: Path) -> None:
    """Nobody knows what had failed before; after an orderly stop there is all of it."""
    flags = {"limits": {**FEW, "failed_logins_max": 8, "failed_logins_account_max": 8}}
    async with open_engine(tmp_path / "data", flags) as engine:
        services = make_services(quick_settings(flags), dict)
        services.attempts.distrust()
        services.gate.open(engine)
        async with serve_services(services) as client:
            assert await Guesser(client).statuses(3) == [401, 401, 429]


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
    ],
)
def test_an_address_counts_as_what_one_customer_is_given(remote: str, expected: str) -> None:
    """Of IPv6 a whole network; one that is written as IPv4's is that."""
    assert network(make_mocked_request("POST", "/").clone(remote=remote)) == expected


@pytest.mark.parametrize("email", [ANNA, NOBODY])
async def test_sigkill_between_the_attempts_gives_none_back(tmp_path: Path, email: str) -> None:
    """Locked, killed, started: still locked. Killed before it is locked: a quarter is there, not all."""
    server = Process(tmp_path / "data", environment={"ANNOLOG_LIMITS__FAILED_LOGIN_SECONDS": "1000"})
    with closing(server):
        await server.start()
        assert await posted(server, "users", ANNA, PASSWORD) == 201
        assert [await posted(server, "sessions", BERT, "wrong") for _ in range(19)] == [401] * 19
        assert [await posted(server, "sessions", email, "wrong") for _ in range(20)] == [401] * 20
        await server.restart()
        assert await posted(server, "sessions", email, PASSWORD) == 429
        assert [await posted(server, "sessions", BERT, "wrong") for _ in range(6)] == [401] * 5 + [429]
        await server.restart()
        assert [await posted(server, "sessions", who, PASSWORD) for who in (email, BERT)] == [429, 429]
        assert await posted(server, "sessions", "carl@example.org", "wrong") == 401
        assert await server.stop() == 0
    assert PASSWORD not in server.stderr


async def posted(server: Process, collection: str, email: str, password: str) -> int:
    """Send an e-mail address and a password to a process and return the status."""
    async with aiohttp.ClientSession() as client:
        body = {"email": email, "password": password}
        async with client.post(f"{server.url}/v1/{collection}", json=body) as answer:
            return answer.status
