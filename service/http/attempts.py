"""Attempts are limited by key, in memory: guessing passwords is slow.

What outlasts the process is written by `service.http.guessing` when an allowance is used up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from service.http.failures import TooManyError

KEYS_MAX = 10_000
_KEYS_KEPT = KEYS_MAX * 9 // 10


class Limit(NamedTuple):
    """How many failures in a row a key may have before it has to wait.

    Attributes:
        failures: So many.
        after_crash: So many at first, when the process before was not stopped in order: nobody knows what had failed
            until then. The rest comes back one by one.
    """

    failures: int
    after_crash: int


def too_many(seconds: float) -> TooManyError:
    """Return the refusal of an attempt that has to wait."""
    return TooManyError("Too many attempts. Wait before the next.", {"Retry-After": str(int(seconds) + 1)})


class Attempts:
    """Counts failures by key, and forgets them as time passes: one each `seconds`.

    Args:
        seconds: Until one failure is forgotten.
        now: Gives seconds that never go back.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._crashed_at: float | None = None
        # When all failures of a key will be forgotten.
        self._clear_at: dict[str, float] = {}

    def distrust(self) -> None:
        """Begin as after a crash: an attacker who can cause one must gain nothing by it."""
        self._crashed_at = self._now()

    def begin(self, limits: Mapping[str, Limit]) -> None:
        """Let an attempt pass, and count it as failed until it is known that it was not.

        Raises:
            TooManyError: One of the keys has failed too often of late.
        """
        wait = max(self._wait(key, limit) for key, limit in limits.items())
        if wait > 0:
            raise too_many(wait)
        for key, limit in limits.items():
            self._clear_at[key] = max(self._clear(key, limit), self._now()) + self.seconds
        if len(self._clear_at) > KEYS_MAX:
            # Bounded, so that made-up accounts cannot fill the memory. Those with the fewest failures go, or an
            # attacker who makes up enough of them would have those of an account forgotten.
            surplus = len(self._clear_at) - _KEYS_KEPT
            for key in heapq.nsmallest(surplus, self._clear_at, key=self._clear_at.__getitem__):
                del self._clear_at[key]

    def is_used_up(self, key: str, limit: Limit) -> bool:
        """Tell if the next attempt with a key would have to wait."""
        return self._wait(key, limit) > 0

    def take_back(self, *keys: str) -> None:
        """Forget one failure of each key: the attempt succeeded, or came to nothing."""
        for key in keys:
            if key in self._clear_at:
                self._clear_at[key] -= self.seconds

    def forget(self, key: str) -> None:
        """Forget all failures of a key."""
        self._clear_at[key] = self._now()

    def _wait(self, key: str, limit: Limit) -> float:
        return self._clear(key, limit) - self._now() - (limit.failures - 1) * self.seconds

    def _clear(self, key: str, limit: Limit) -> float:
        if key in self._clear_at:
            return self._clear_at[key]
        if self._crashed_at is None:
            return self._now()
        return self._crashed_at + (limit.failures - limit.after_crash) * self.seconds
