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
    """Give attempts of which three may fail, and one is forgotten in ten seconds."""
    return Attempts(3, 10.0, clock)


def test_as_many_failures_pass_as_the_limit_says(attempts: Attempts) -> None:
    """The next attempt has to wait, and is told how long."""
    for _ in range(3):
        attempts.check("anna", "here")
        attempts.failed("anna", "here")
    with pytest.raises(TooManyError) as refused:
        attempts.check("anna", "elsewhere")
    assert refused.value.headers == {"Retry-After": "11"}
    with pytest.raises(TooManyError):
        attempts.check("bert", "here")
    attempts.check("bert", "elsewhere")


def test_failures_are_forgotten_one_by_one(attempts: Attempts, clock: Clock) -> None:
    """After the wait one more attempt passes."""
    for _ in range(3):
        attempts.failed("anna")
    clock.now += 10.0
    attempts.check("anna")
    attempts.failed("anna")
    with pytest.raises(TooManyError):
        attempts.check("anna")
    clock.now += 1000.0
    attempts.failed("anna")
    attempts.check("anna")


def test_success_forgets_the_failures_of_the_account(attempts: Attempts) -> None:
    """Those of the address stay, or an attacker with an account of their own would guess on."""
    for _ in range(3):
        attempts.failed("anna", "here")
    attempts.succeeded("anna")
    attempts.check("anna")
    with pytest.raises(TooManyError):
        attempts.check("here")


def test_made_up_accounts_do_not_fill_the_memory(attempts: Attempts) -> None:
    """The oldest are forgotten first."""
    for number in range(10_001):
        for _ in range(3):
            attempts.failed(f"account {number}")
    attempts.check("account 0")
    with pytest.raises(TooManyError):
        attempts.check("account 1")
