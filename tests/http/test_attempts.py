"""Failed logins are limited."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from service.http.attempts import KEYS_MAX, Attempts, Limit
from service.http.failures import TooManyError


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


def limits(failures: Mapping[str, int]) -> dict[str, Limit]:
    """Return limits of which a quarter is there after a crash."""
    return {key: Limit(number, max(1, number // 4)) for key, number in failures.items()}


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    """Give attempts of which one failure is forgotten in ten seconds."""
    return Attempts(10.0, clock)


def test_as_many_failures_pass_as_the_limit_says(attempts: Attempts) -> None:
    """Of each key its own; the next attempt has to wait, and is told how long."""
    for _ in range(3):
        attempts.begin(limits({"anna": 3, "here": 5}))
    with pytest.raises(TooManyError) as refused:
        attempts.begin(limits({"anna": 3, "elsewhere": 5}))
    assert refused.value.headers == {"Retry-After": "11"}
    for _ in range(2):
        attempts.begin(limits({"bert": 3, "here": 5}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"carl": 3, "here": 5}))
    attempts.begin(limits({"carl": 3, "elsewhere": 5}))


def test_attempts_that_are_under_way_count(attempts: Attempts) -> None:
    """Many at once are no way around the limit; one that succeeded, or came to nothing, is taken back."""
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"anna": 3}))
    attempts.take_back("anna")
    attempts.begin(limits({"anna": 3}))
    attempts.take_back("somebody else")


def test_failures_are_forgotten_one_by_one(attempts: Attempts, clock: Clock) -> None:
    """After the wait one more attempt passes."""
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))
    clock.now += 10.0
    attempts.begin(limits({"anna": 3}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"anna": 3}))
    clock.now += 1000.0
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))


def test_success_forgets_the_failures_of_the_account(attempts: Attempts) -> None:
    """All of them at once."""
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))
    attempts.forget("anna")
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"anna": 3}))


def test_made_up_accounts_do_not_fill_the_memory(attempts: Attempts) -> None:
    """At the limit all are known; one past it those with the fewest failures are forgotten, of these the oldest."""
    for _ in range(3):
        attempts.begin(limits({"anna": 3}))
    for number in range(KEYS_MAX - 1):
        attempts.begin(limits({f"account {number}": 1}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"account 0": 1}))
    attempts.begin(limits({"one more": 1}))
    attempts.begin(limits({"account 0": 1}))
    for known in ({"anna": 3}, {"one more": 1}, {f"account {KEYS_MAX - 2}": 1}):
        with pytest.raises(TooManyError):
            attempts.begin(limits(known))


def test_it_is_told_when_an_allowance_is_used_up(attempts: Attempts, clock: Clock) -> None:
    """Not before the last failure that is allowed, and no more once one is forgotten."""
    limit = Limit(3, 3)
    for used_up in (False, False, True):
        attempts.begin({"anna": limit})
        assert attempts.is_used_up("anna", limit) is used_up
    clock.now += 10.0
    assert not attempts.is_used_up("anna", limit)


def test_after_a_crash_there_is_a_part_of_the_allowance_and_the_rest_comes_back(
    attempts: Attempts, clock: Clock
) -> None:
    """For every key, known or not; what has come back is the whole of it, and no more."""
    attempts.distrust()
    for _ in range(2):
        attempts.begin(limits({"anna": 8}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"anna": 8}))
    clock.now += 30.0
    for _ in range(5):
        attempts.begin(limits({"bert": 8}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"bert": 8}))
    clock.now += 1000.0
    for key in ("bert", "carl"):
        for _ in range(8):
            attempts.begin(limits({key: 8}))
        with pytest.raises(TooManyError):
            attempts.begin(limits({key: 8}))


def test_who_has_succeeded_after_a_crash_has_the_whole_allowance(attempts: Attempts) -> None:
    """It is somebody who knows the password."""
    attempts.distrust()
    attempts.begin(limits({"anna": 8}))
    attempts.forget("anna")
    for _ in range(8):
        attempts.begin(limits({"anna": 8}))
    with pytest.raises(TooManyError):
        attempts.begin(limits({"anna": 8}))
