"""Decisions about users, sessions and passwords."""

from __future__ import annotations

import msgspec
import pytest

from service.commands import LOCAL_ADMIN, Actor, Expire, IdempotencyKey, LogOut, SetPassword, Update
from service.errors import (
    CascadeTooLargeError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TakenError,
    UnauthenticatedError,
)
from tests.service.decide.world import HOUR_US, World, body


def key_of(actor: Actor) -> str:
    """Return an actor's user id."""
    assert actor.user_id is not None
    return actor.user_id


def set_password(world: World, actor: Actor, user_id: str, generation: int | None) -> None:
    """Set a password."""
    world.do(
        SetPassword(actor=actor, operation="t", user_id=user_id, password_hash="new", credential_generation=generation)
    )


def test_admins_choose_the_role_also_where_registration_is_closed(world: World, ada: Actor, bob: Actor) -> None:
    """Nobody else does."""
    assert body(world.register("c@example.org", ada, role="admin", open=False))["role"] == "admin"
    assert body(world.register("d@example.org", LOCAL_ADMIN, open=False))["role"] == "member"
    with pytest.raises(ForbiddenError, match="closed"):
        world.register("e@example.org", bob, open=False)
    with pytest.raises(ForbiddenError, match="choose role"):
        world.register("e@example.org", role="admin")


def test_the_first_user_from_elsewhere_is_no_admin(world: World) -> None:
    """An open registration does not give the service away."""
    assert body(world.register("a@example.org", loopback=False))["role"] == "member"


def test_the_token_of_the_start_counts_until_there_is_a_user(world: World) -> None:
    """Two requests with it may be under way at once: only one becomes an administrator."""
    first = world.register("a@example.org", loopback=False, open=False, setup=True)
    assert body(first)["role"] == "admin"
    with pytest.raises(ForbiddenError, match="closed"):
        world.register("b@example.org", loopback=False, open=False, setup=True)


def test_users_change_their_name_and_admins_the_role(world: World, ada: Actor, bob: Actor) -> None:
    """An address is free for its holder, and taken for others."""
    assert world.update(bob, "user", key_of(bob), {"name": "Bob", "email": "BOB@example.org"})["name"] == "Bob"
    with pytest.raises(TakenError):
        world.update(bob, "user", key_of(bob), {"email": "ADA@example.org"})
    with pytest.raises(ForbiddenError, match="role"):
        world.update(bob, "user", key_of(bob), {"role": "admin"})
    with pytest.raises(NotFoundError):
        world.update(bob, "user", key_of(ada), {"name": "x"})
    assert world.update(ada, "user", key_of(bob), {"role": "admin"})["role"] == "admin"


def test_a_disabled_user_is_refused_at_once(world: World, ada: Actor, bob: Actor) -> None:
    """Sessions that were open have ended, also once the account is enabled again; there are no new ones."""
    world.update(ada, "user", key_of(bob), {"disabled": True})
    with pytest.raises(UnauthenticatedError, match="ended"):
        world.document(bob)
    with pytest.raises(UnauthenticatedError):
        world.log_in(key_of(bob))
    world.update(ada, "user", key_of(bob), {"disabled": False})
    with pytest.raises(UnauthenticatedError, match="ended"):
        world.document(bob)


def test_the_last_administrator_stays(world: World, ada: Actor, bob: Actor) -> None:
    """A disabled one does not count as another."""
    world.update(ada, "user", key_of(bob), {"role": "admin", "disabled": True})
    for patch in ({"role": "member"}, {"disabled": True}):
        with pytest.raises(ConflictError, match="last administrator"):
            world.update(ada, "user", key_of(ada), patch)
    with pytest.raises(ConflictError, match="last administrator"):
        world.delete(ada, "user", key_of(ada))
    world.update(ada, "user", key_of(bob), {"disabled": False})
    assert world.delete(ada, "user", key_of(ada)).status == 204


def test_a_user_takes_along_what_is_theirs_alone(world: World, ada: Actor, bob: Actor) -> None:
    """Documents, marks, sessions and the credential, in one record."""
    kept = world.document(ada)
    world.annotation(bob, world.document(bob), start=0, end=5)
    records = len(world.records)
    world.delete(bob, "user", key_of(bob))
    assert len(world.records) == records + 1
    counts = world.state.counts
    names = ("user", "credential", "session", "document", "text", "annotation")
    assert [counts[name] for name in names] == [1, 1, 1, 1, 1, 0]
    assert world.value("document", kept)["owner_id"] == ada.user_id
    with pytest.raises(UnauthenticatedError):
        world.document(bob)


def test_a_password_ends_the_other_sessions(world: World, ada: Actor, bob: Actor) -> None:
    """Not the one that asks."""
    other = world.log_in(key_of(bob))
    set_password(world, bob, key_of(bob), 0)
    assert world.document(bob)
    with pytest.raises(UnauthenticatedError):
        world.document(other)
    with pytest.raises(ConflictError, match="meanwhile"):
        set_password(world, bob, key_of(bob), 0)


def test_another_hash_of_a_password_is_the_same_password(world: World, ada: Actor, bob: Actor) -> None:
    """Many may log in at once when the parameters of hashes have changed: the first one's new hash refuses nobody."""
    for number in range(3):
        world.log_in(key_of(bob), rehashed=f"hash {number}")
    assert world.value("credential", key_of(bob))["password_hash"] == "hash 2"
    set_password(world, bob, key_of(bob), 0)
    with pytest.raises(UnauthenticatedError):
        world.log_in(key_of(bob), credential_generation=0)


def test_a_user_has_so_many_sessions_and_the_oldest_end(world: World, ada: Actor, bob: Actor) -> None:
    """At the limit none ends, one past it one does."""
    sessions = [bob, *(world.log_in(key_of(bob), sessions_max=3) for _ in range(2))]
    for session in sessions:
        world.document(session)
    newest = world.log_in(key_of(bob), sessions_max=3)
    with pytest.raises(UnauthenticatedError):
        world.document(bob)
    for session in (*sessions[1:], newest):
        world.document(session)
    assert world.state.counts["session"] == 3 + 1


def test_what_expires_leaves_nothing_in_the_log(world: World, ada: Actor) -> None:
    """Neither secrets nor answers, which can be large: a record of many of them stays small."""
    key = IdempotencyKey(id="k", fingerprint="f")
    world.do(Update(actor=ada, operation="t", kind="user", id=key_of(ada), patch={"name": "A"}, idempotency=key))
    world.now += 999 * HOUR_US
    world.do(Expire(actor=None, operation="t", limit=9, idempotency_lifetime_us=HOUR_US, idempotency_entries_max=3))
    assert sorted(change.event for change in world.records[-1]) == ["idempotency.deleted", "session.deleted"]
    assert [change.before for change in world.records[-1]] == [None, None]


def test_a_reset_is_for_admins_and_others_passwords(world: World, ada: Actor, bob: Actor) -> None:
    """One's own needs the current one, an admin's too."""
    for actor in (ada, bob):
        with pytest.raises(ForbiddenError):
            set_password(world, actor, key_of(actor), None)
    with pytest.raises(NotFoundError):
        set_password(world, bob, key_of(ada), None)
    set_password(world, ada, key_of(bob), None)
    assert world.value("credential", key_of(bob))["password_hash"] == "new"
    with pytest.raises(UnauthenticatedError):
        world.document(bob)


def test_a_session_ends_when_its_user_says_so(world: World, ada: Actor) -> None:
    """And the local administrator has none."""
    world.do(LogOut(actor=ada, operation="t"))
    with pytest.raises(UnauthenticatedError):
        world.document(ada)
    with pytest.raises(ForbiddenError):
        world.do(LogOut(actor=LOCAL_ADMIN, operation="t"))


def test_sessions_and_answers_expire(world: World, ada: Actor) -> None:
    """By age, by number and by the limit of one run, the oldest first."""
    for n in range(5):
        key = IdempotencyKey(id=f"k{n}", fingerprint="f")
        command = Update(actor=ada, operation="t", kind="user", id=key_of(ada), patch={}, idempotency=key)
        world.do(command)
    world.do(Expire(actor=None, operation="t", limit=9, idempotency_lifetime_us=HOUR_US, idempotency_entries_max=3))
    assert [world.value("idempotency", f"k{n}") != {} for n in range(5)] == [False, False, True, True, True]
    world.now += HOUR_US
    fresh = world.log_in(key_of(ada))
    run = Expire(actor=None, operation="t", limit=2, idempotency_lifetime_us=HOUR_US, idempotency_entries_max=9)
    world.do(run)
    assert (world.state.counts["idempotency"], world.state.counts["session"]) == (1, 2)
    world.do(run)
    assert (world.state.counts["idempotency"], world.state.counts["session"]) == (0, 1)
    assert world.document(fresh)


def test_too_much_is_not_deleted_at_once(world: World, ada: Actor, bob: Actor) -> None:
    """The refusal names the way on, and nothing is changed."""
    document = world.document(bob)
    for _ in range(3):
        world.annotation(bob, document)
    world.limits = msgspec.structs.replace(world.limits, cascade_max=3)
    for kind, key in (("document", document), ("user", key_of(bob))):
        with pytest.raises(CascadeTooLargeError, match="Delete marks of"):
            world.delete(bob, kind, key)
    assert world.state.counts["annotation"] == 3
    world.limits = msgspec.structs.replace(world.limits, cascade_max=4)
    world.delete(bob, "user", key_of(bob))
    assert world.state.counts["annotation"] == 0
