"""Failed logins are limited for each account and each address: guessing passwords is slow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from service.http.failures import TooManyError

_KEYS_MAX = 10_000


class Attempts:
    """Counts failures by key, and forgets them as time passes: one each `seconds`.

    Args:
        seconds: Until one failure is forgotten.
        now: Gives seconds that never go back.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        # When all failures of a key will be forgotten, in the order of their last use.
        self._clear_at: OrderedDict[str, float] = OrderedDict()

    def begin(self, limits: Mapping[str, int]) -> None:
        """Let an attempt pass, and count it as failed until it is known that it was not.

        Args:
            limits: The failures in a row of each key after which it has to wait.

        Raises:
            TooManyError: One of the keys has failed too often of late.
        """
        now = self._now()
        wait = max(self._clear_at.get(key, now) - now - (limit - 1) * self._seconds for key, limit in limits.items())
        if wait > 0:
            raise TooManyError("Too many attempts. Wait before the next.", {"Retry-After": str(int(wait) + 1)})
        for key in limits:
            self._clear_at[key] = max(self._clear_at.pop(key, now), now) + self._seconds
        while len(self._clear_at) > _KEYS_MAX:
            # Bounded, so that made-up accounts cannot fill the memory.
            self._clear_at.popitem(last=False)

    def take_back(self, *keys: str) -> None:
        """Forget one failure of each key: the attempt succeeded, or came to nothing."""
        for key in keys:
            if key in self._clear_at:
                self._clear_at[key] -= self._seconds

    def forget(self, key: str) -> None:
        """Forget all failures of a key."""
        self._clear_at.pop(key, None)
