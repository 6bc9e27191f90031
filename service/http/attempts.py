"""Failed logins are limited for each account and each address: guessing passwords is slow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from service.http.failures import TooManyError

_KEYS_MAX = 10_000


class Attempts:
    """Counts failures by key, and forgets them as time passes: one each `seconds`.

    Args:
        limit: Failures in a row after which a key has to wait.
        seconds: Until one failure is forgotten.
        now: Gives seconds that never go back.
    """

    def __init__(self, limit: int, seconds: float, now: Callable[[], float]) -> None:
        self._limit = limit
        self._seconds = seconds
        self._now = now
        # When all failures of a key will be forgotten, in the order of their last use.
        self._clear_at: OrderedDict[str, float] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Let an attempt pass.

        Raises:
            TooManyError: One of the keys has failed too often of late.
        """
        wait = max(self._clear_at.get(key, 0.0) for key in keys) - self._now() - (self._limit - 1) * self._seconds
        if wait > 0:
            raise TooManyError("Too many failed logins. Wait before the next.", {"Retry-After": str(int(wait) + 1)})

    def failed(self, *keys: str) -> None:
        """Count a failure for each key."""
        now = self._now()
        for key in keys:
            self._clear_at[key] = max(self._clear_at.pop(key, now), now) + self._seconds
        while len(self._clear_at) > _KEYS_MAX:
            # Bounded, so that made-up accounts cannot fill the memory.
            self._clear_at.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        self._clear_at.pop(key, None)
