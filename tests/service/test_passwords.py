"""Passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import argon2
import pytest

from service.passwords import BusyError, Passwords, PasswordSettings, Verdict

CHEAP = PasswordSettings(memory_kib=64, passes=1, threads=1, waiting_max=1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Return a cheap hasher."""
    made = Passwords(CHEAP)
    yield made
    made.close()


async def test_a_hash_is_argon2id_and_verifies_its_password_alone(passwords: Passwords) -> None:
    """And two hashes of one password differ."""
    encoded = await passwords.hash("correct horse")
    assert encoded.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert encoded != await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", encoded) is Verdict.RIGHT
    assert await passwords.verify("correct horsf", encoded) is Verdict.WRONG


@pytest.mark.parametrize("encoded", [None, "", "nonsense", "$2b$12$aaaaaaaaaaaaaaaaaaaaaa"])
async def test_an_unknown_user_and_an_unreadable_hash_are_wrong(passwords: Passwords, encoded: str | None) -> None:
    """Whatever the password is, that of nobody included."""
    assert await passwords.verify("nobody's password", encoded) is Verdict.WRONG


async def test_a_hash_of_other_parameters_is_right_and_outdated(passwords: Passwords) -> None:
    """So that a login can replace it."""
    encoded = argon2.PasswordHasher(time_cost=2, memory_cost=128, parallelism=1).hash("pw")
    assert await passwords.verify("pw", encoded) is Verdict.OUTDATED


async def test_more_than_the_limit_are_refused_and_the_rest_goes_on(passwords: Passwords) -> None:
    """The pool is bounded, and it recovers."""
    results = await asyncio.gather(*(passwords.hash("pw") for _ in range(5)), return_exceptions=True)
    assert [isinstance(result, BusyError) for result in results] == [False, False, True, True, True]
    assert await passwords.hash("pw")


def test_the_default_cost_is_what_owasp_asks_for_at_the_least() -> None:
    """19 MiB, two passes, one lane."""
    settings = PasswordSettings()
    assert (settings.memory_kib, settings.passes, settings.lanes) == (19456, 2, 1)
