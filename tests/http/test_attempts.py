"""Failed logins are limited."""

from __future__ import annotations

import pytest

from service.http.attempts import Attempts
from service.http.failures import TooManyError


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


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
        attempts.begin({"anna": 3, "here": 5})
    with pytest.raises(TooManyError) as refused:
        attempts.begin({"anna": 3, "elsewhere": 5})
    assert refused.value.headers == {"Retry-After": "11"}
    for _ in range(2):
        attempts.begin({"bert": 3, "here": 5})
    with pytest.raises(TooManyError):
        attempts.begin({"carl": 3, "here": 5})
    attempts.begin({"carl": 3, "elsewhere": 5})


def test_attempts_that_are_under_way_count(attempts: Attempts) -> None:
    """Many at once are no way around the limit; one that succeeded, or came to nothing, is taken back."""
    for _ in range(3):
        attempts.begin({"anna": 3})
    with pytest.raises(TooManyError):
        attempts.begin({"anna": 3})
    attempts.take_back("anna")
    attempts.begin({"anna": 3})
    attempts.take_back("somebody else")


def test_failures_are_forgotten_one_by_one(attempts: Attempts, clock: Clock) -> None:
    """After the wait one more attempt passes."""
    for _ in range(3):
        attempts.begin({"anna": 3})
    clock.now += 10.0
    attempts.begin({"anna": 3})
    with pytest.raises(TooManyError):
        attempts.begin({"anna": 3})
    clock.now += 1000.0
    for _ in range(3):
        attempts.begin({"anna": 3})


def test_success_forgets_the_failures_of_the_account(attempts: Attempts) -> None:
    """All of them at once."""
    for _ in range(3):
        attempts.begin({"anna": 3})
    attempts.forget("anna")
    for _ in range(3):
        attempts.begin({"anna": 3})
    with pytest.raises(TooManyError):
        attempts.begin({"anna": 3})


def test_made_up_accounts_do_not_fill_the_memory(attempts: Attempts) -> None:
    """The oldest are forgotten first."""
    for number in range(10_001):
        for _ in range(3):
            attempts.begin({f"account {number}": 3})
    attempts.begin({"account 0": 3})
    with pytest.raises(TooManyError):
        attempts.begin({"account 10000": 3})
