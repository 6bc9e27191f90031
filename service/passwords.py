"""Passwords: argon2id off the event loop, in a bounded pool, and as long for unknown users as for known ones.

bcrypt is verified too, for accounts that were imported; what it verifies is outdated, so the login replaces it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Protocol, TypeVar

import argon2
import bcrypt
import msgspec
from argon2.exceptions import InvalidHashError, VerificationError

UNUSABLE = "!"
"""Stored in place of a hash when there is no password that could log in."""
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_BCRYPT_COSTS = range(4, 17)
_BCRYPT_BYTES = 72
_ARGON2_KIB_MAX = 1024 * 1024
_ARGON2_PASSES_MAX = 16
_ARGON2_LANES_MAX = 16
_Result = TypeVar("_Result")


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a hash, and how many are computed at once.

    Attributes:
        memory_kib: Of each hash. RFC 9106 and OWASP ask for 19 MiB at the least with two passes.
        passes: Over that memory.
        lanes: Of each hash.
        threads: Hashes that are computed at the same time.
        waiting_max: Hashes that may wait for a thread.
    """

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1
    threads: int = 2
    waiting_max: int = 64


class BusyError(Exception):
    """More logins are waiting than the settings allow; nothing was computed."""


class Verdict(Enum):
    """What a verification says."""

    WRONG = "the password is wrong, or there is no such user"
    RIGHT = "the password is right"
    OUTDATED = "the password is right, and its hash was made with other parameters than today's"


def is_verifiable(encoded: str) -> bool:
    """Tell if a foreign hash can be verified: bcrypt or argon2, at a cost that one login may have."""
    found = _BCRYPT.fullmatch(encoded)
    if found is not None:
        return int(found[1]) in _BCRYPT_COSTS
    try:
        cost = argon2.extract_parameters(encoded)
    except InvalidHashError:
        return False
    return (
        cost.memory_cost <= _ARGON2_KIB_MAX
        and cost.time_cost <= _ARGON2_PASSES_MAX
        and cost.parallelism <= _ARGON2_LANES_MAX
    )


class Hasher(Protocol):
    """What hashes: argon2id, or one of tests that counts. It raises as `argon2.PasswordHasher`."""

    def hash(self, password: str, /) -> str:
        """Return the encoded hash of a password."""
        ...

    def verify(self, encoded: str, password: str, /) -> bool:
        """Return True if a password is the one that was hashed."""
        ...

    def check_needs_rehash(self, encoded: str, /) -> bool:
        """Tell if a hash was made with other parameters than today's."""
        ...


class Passwords:
    """Hashes and verifies.

    Args:
        settings: Cost and bounds.
        hasher: By default argon2id at that cost.
    """

    def __init__(self, settings: PasswordSettings, hasher: Hasher | None = None) -> None:
        self._hasher: Hasher = hasher or argon2.PasswordHasher(
            time_cost=settings.passes, memory_cost=settings.memory_kib, parallelism=settings.lanes
        )
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="argon2")
        self._under_way_max = settings.threads + settings.waiting_max
        self._under_way = 0
        # Verified against when there is no such user, so that the answer takes as long.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password.

        Raises:
            BusyError: Too many are waiting.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, encoded: str | None) -> Verdict:
        """Compare a password with an encoded hash; None, or one that is `UNUSABLE`, takes as long and is wrong.

        Raises:
            BusyError: Too many are waiting.
        """
        if encoded is None or encoded == UNUSABLE:
            await self._run(lambda: self._verify(password, self._nobody))
            return Verdict.WRONG
        return await self._run(lambda: self._verify(password, encoded))

    def close(self) -> None:
        """End the threads after what is under way."""
        self._pool.shutdown()

    def _verify(self, password: str, encoded: str) -> Verdict:
        if _BCRYPT.fullmatch(encoded) is not None:
            # What is longer was cut by those who made such hashes, as the scheme has it.
            secret = password.encode("utf-8", "surrogatepass")[:_BCRYPT_BYTES]
            return Verdict.OUTDATED if bcrypt.checkpw(secret, encoded.encode()) else Verdict.WRONG
        try:
            self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return Verdict.WRONG
        return Verdict.OUTDATED if self._hasher.check_needs_rehash(encoded) else Verdict.RIGHT

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        if self._under_way >= self._under_way_max:
            raise BusyError(f"{self._under_way} logins are under way, the limit is {self._under_way_max}.")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._under_way -= 1
