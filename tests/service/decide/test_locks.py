"""Locks of logins: when they are made, how long they last, and who ends them."""

from __future__ import annotations

from service.commands import LOCAL_ADMIN, CredentialOf, Expire, SetPassword
from service.decide.locks import locked_us
from service.logins import (
    LOCKED,
    NOT_LOCKED,
    LockLogin,
    account_of,
    account_of_email,
    account_of_user,
    pair_id,
)
from tests.service.decide.world import HOUR_US, World

ANNA = account_of_email("anna@example.org")
LIFETIME_US = 120_000_000


def lock(world: World, lock_id: str, account: str = ANNA, locks_max: int = 10) -> int:
    """Lock, and return what came of it."""
    command = LockLogin(
        actor=None, operation="t", lock_id=lock_id, account=account, lifetime_us=LIFETIME_US, locks_max=locks_max
    )
    return world.do(command).status


def is_locked(world: World, *ids: str) -> bool:
    """Tell if one of these locks lasts."""
    return locked_us(world.state, world.now, ids) > 0


def expire(world: World, limit: int = 500) -> int:
    """Run maintenance once and return its status."""
    command = Expire(
        actor=LOCAL_ADMIN, operation="t", limit=limit, idempotency_lifetime_us=HOUR_US, idempotency_entries_max=9
    )
    return world.do(command).status


def test_a_lock_lasts_to_the_microsecond(world: World) -> None:
    """In the time that is stored; one of several is enough."""
    assert lock(world, "a") == LOCKED
    begin = world.now
    assert locked_us(world.state, begin, ("b", "a")) == LIFETIME_US
    assert locked_us(world.state, begin + LIFETIME_US - 1, ("a",)) == 1
    assert locked_us(world.state, begin + LIFETIME_US, ("a",)) == 0
    assert locked_us(world.state, begin, ("b",)) == 0


def test_a_lock_that_lasts_is_left_as_it_is(world: World) -> None:
    """Attempts at once do not make it longer, and write nothing."""
    lock(world, "a")
    before = world.value("login_lock", "a")
    assert lock(world, "a") == LOCKED
    assert world.value("login_lock", "a") == before
    assert [change.event for record in world.records for change in record] == ["login_lock.created"]


def test_a_lock_that_has_ended_is_made_anew(world: World) -> None:
    """Also before maintenance has removed it, and when there is no room for another one."""
    lock(world, "a")
    world.now += LIFETIME_US
    assert not is_locked(world, "a")
    assert lock(world, "a", locks_max=1) == LOCKED
    assert is_locked(world, "a")
    assert world.records[-1][0].event == "login_lock.updated"


def test_so_many_locks_there_may_be_and_none_ends_early_for_another(world: World) -> None:
    """At the limit it is made, one past it it is not, and that is told; one that has ended makes room."""
    assert [lock(world, key, locks_max=2) for key in ("a", "b", "c")] == [LOCKED, LOCKED, NOT_LOCKED]
    assert [is_locked(world, key) for key in ("a", "b", "c")] == [True, True, False]
    world.now += LIFETIME_US
    assert lock(world, "c", locks_max=2) == LOCKED
    assert world.state.counts["login_lock"] == 2
    assert [change.event for change in world.records[-1]] == ["login_lock.deleted", "login_lock.created"]


def test_maintenance_removes_locks_that_have_ended(world: World) -> None:
    """So many at once as it is told, also behind one that lasts; and the log keeps nothing of them."""
    for key in ("first", "a", "b", "c"):
        lock(world, key)
    world.now += LIFETIME_US
    lock(world, "first")
    assert (expire(world, limit=2), world.state.counts["login_lock"]) == (200, 2)
    assert [change.before for change in world.records[-1]] == [None, None]
    assert (expire(world, limit=2), world.state.counts["login_lock"]) == (204, 1)
    assert is_locked(world, "first")


def test_a_login_removes_locks_of_its_account_that_have_ended(world: World) -> None:
    """A few in its record. Those that last are of other addresses, and stay."""
    anna = world.register("anna@example.org").id
    for number in range(11):
        lock(world, f"ended {number}", locks_max=99)
    lock(world, "of somebody else", account_of_email("bert@example.org"), locks_max=99)
    world.now += LIFETIME_US
    lock(world, "lasts", locks_max=99)
    world.log_in(anna)
    assert world.state.counts["login_lock"] == 3
    world.log_in(anna)
    assert world.state.counts["login_lock"] == 2
    assert is_locked(world, "lasts")


def test_a_reset_by_an_administrator_lifts_all_locks_of_a_user(world: World) -> None:
    """Of logins from everywhere and of changes of the password; those of others stay."""
    anna, ben = world.register("anna@example.org").id, world.register("ben@example.org").id
    lock(world, ANNA)
    lock(world, pair_id(ANNA, "192.0.2.1"))
    lock(world, account_of_user(anna), account_of_user(anna))
    lock(world, "of ben", account_of_email("ben@example.org"))
    reset = SetPassword(actor=LOCAL_ADMIN, operation="t", user_id=anna, password_hash="new", credential_generation=None)
    world.do(reset)
    assert world.state.counts["login_lock"] == 1
    assert is_locked(world, "of ben")
    actor = world.log_in(ben)
    world.do(SetPassword(actor=actor, operation="t", user_id=ben, password_hash="new", credential_generation=0))
    assert is_locked(world, "of ben")


def test_accounts_are_told_apart_by_what_they_are(world: World) -> None:
    """An e-mail address whatever its case, a user who changes a password, and an address that it comes from."""
    assert account_of(CredentialOf(actor=None, email="ANNA@example.org")) == ANNA
    assert account_of(CredentialOf(actor=None, user_id="user_1")) == account_of_user("user_1")
    assert (
        len({ANNA, account_of_email("user_1"), account_of_user("user_1"), pair_id(ANNA, "a"), pair_id(ANNA, "b")}) == 5
    )
    assert account_of_email("\ud800" * 10_000 + "@") != account_of_email("@")
