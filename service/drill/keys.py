"""What can be sent again: mutations that were carried out, for as long as the server keeps their answers."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

from service.client.transport import Request
from service.drill.history import Operation, effect_of

KEPT_MAX = 900_000
"""Less than the `idempotency.entries_max` that a server has by default."""
KEPT_SECONDS = 23 * 3600.0
"""Less than its `idempotency.lifetime_hours`."""
Sent = tuple[Operation, Request]


class Keys:
    """The mutations of one data directory that were carried out, with what was sent, oldest first.

    Args:
        kept_max: So many of the newest are remembered.
    """

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._sent: deque[Sent] = deque(maxlen=kept_max)

    def add(self, sent: Iterable[Sent]) -> None:
        """Remember those that were carried out; what was refused, or is still open, leaves nothing under its key."""
        self._sent.extend(one for one in sent if effect_of(one[0]) is not None)

    def sample(self, chance: random.Random, count: int) -> list[Sent]:
        """Return some."""
        return chance.sample(self._sent, min(count, len(self._sent)))

    def kept(self, now: float) -> list[Sent]:
        """Return all whose answer the server must still have."""
        return [one for one in self._sent if one[0].invoked > now - KEPT_SECONDS]
