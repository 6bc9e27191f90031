"""Passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import argon2
import bcrypt
import pytest

from service.passwords import UNUSABLE, BusyError, Passwords, PasswordSettings, Verdict, is_verifiable

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


async def test_bcrypt_is_verified_and_outdated(passwords: Passwords) -> None:
    """In each of its spellings; what is longer than it takes was cut when the hash was made."""
    encoded = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    for prefix in ("$2a$", "$2b$", "$2y$"):
        spelled = encoded.replace("$2b$", prefix)
        assert is_verifiable(spelled)
        assert await passwords.verify("x" * 72, spelled) is Verdict.OUTDATED
        assert await passwords.verify("x" * 80, spelled) is Verdict.OUTDATED
        assert await passwords.verify("x" * 71, spelled) is Verdict.WRONG
    assert await passwords.verify("\ud800\0", encoded) is Verdict.WRONG


@pytest.mark.parametrize(
    "encoded",
    [
        UNUSABLE,
        "",
        "plain",
        "$2b$31$" + "a" * 53,
        "$2b$03$" + "a" * 53,
        "$2b$12$" + "a" * 52,
        "$2b$12$" + "a" * 53 + "\n",
        "$2x$12$" + "a" * 53,
        "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=64,t=99,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=64,t=1,p=99$c2FsdHNhbHQ$aGFzaGhhc2g",
        "pbkdf2:sha256:1000$salt$00",
    ],
)
async def test_a_foreign_hash_must_be_one_that_a_login_can_afford(passwords: Passwords, encoded: str) -> None:
    """A cost that would hold the pool for minutes is none."""
    assert not is_verifiable(encoded)


async def test_a_foreign_argon2_hash_is_verifiable(passwords: Passwords) -> None:
    """Of any type."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=argon2.Type.I)
    encoded = hasher.hash("pw")
    assert is_verifiable(encoded)
    assert await passwords.verify("pw", encoded) is Verdict.OUTDATED


async def test_what_is_unusable_verifies_nothing(passwords: Passwords) -> None:
    """Not even itself, nor the password of nobody."""
    for password in (UNUSABLE, "", "nobody's password"):
        assert await passwords.verify(password, UNUSABLE) is Verdict.WRONG
