"""When a request is tried again, and how long to wait before."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

TOO_MANY = 429
UNAVAILABLE = 503
_CONFLICT = 409
_IN_FLIGHT = "idempotency-in-flight"
_UNKNOWN = "outcome-unknown"
_DOUBLINGS_MAX = 30


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is tried, and the pauses between.

    The pause is random between zero and a bound which doubles from try to try ("full jitter"), so that clients that
    failed together do not come back together. `Retry-After` of the server is a lower bound of it.

    Attributes:
        tries: At most, the first one included.
        pause_seconds: The bound of the first pause.
        pause_seconds_max: What the bound grows to.
        retry_after_seconds_max: A server that asks for more than this is not waited for.
        chance: Gives numbers from 0 to 1; tests pass their own.
    """

    tries: int = 8
    pause_seconds: float = 0.1
    pause_seconds_max: float = 5.0
    retry_after_seconds_max: float = 60.0
    chance: Callable[[], float] = random.random

    def pause(self, tries: int, retry_after_seconds: float | None) -> float | None:
        """Return how long to wait in seconds, None to give up.

        Args:
            tries: How many there were.
            retry_after_seconds: What the server asked for.
        """
        if tries >= self.tries:
            return None
        bound: float = min(self.pause_seconds * 2 ** min(tries - 1, _DOUBLINGS_MAX), self.pause_seconds_max)
        jitter = bound * self.chance()
        if retry_after_seconds is None:
            return jitter
        return None if retry_after_seconds > self.retry_after_seconds_max else retry_after_seconds + jitter


def is_transient(status: int, name: str, *, repeatable: bool) -> bool:
    """Tell if a refusal may not be one at the next try.

    Args:
        status: Of the response.
        name: Of the problem.
        repeatable: Doing the request twice does no harm.
    """
    if name == _UNKNOWN:
        return repeatable
    if status == _CONFLICT:
        return name == _IN_FLIGHT  # the try before this one, whose connection was lost, is still under way
    # Ours say that nothing was changed; one without a name is somebody else's, a proxy's perhaps, and says nothing.
    return status in (TOO_MANY, UNAVAILABLE) and (repeatable or bool(name))


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a `Retry-After` asks for, None if there is none that can be read."""
    if header is None:
        return None
    value = header.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
