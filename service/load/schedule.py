"""When requests are due: at a steady rate whatever the server does, or as soon as the last one was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Schedule:
    """Gives out the moments at which requests are due. All clients take from one: who is free takes the next.

    Args:
        rate: Requests a second; None for a closed loop, in which a request is due when a client is free.
        begin: Of the load, on the clock.
        seconds: It lasts.
        clock: Seconds.

    Attributes:
        given: Moments that were given out, some of them ahead of their time.
    """

    def __init__(self, rate: float | None, begin: float, seconds: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._begin = begin
        self._end = begin + seconds
        self._clock = clock
        self.given = 0

    def __iter__(self) -> Iterator[float]:
        """Yield moments until the end."""
        while True:
            now = self._clock()
            at = now if self._rate is None else self._begin + self.given / self._rate
            # What is overdue at the end is not sent: a server that cannot keep up would keep the load from ending.
            if now >= self._end or at >= self._end:
                return
            self.given += 1
            yield at

    def stop(self) -> None:
        """End it now."""
        self._end = min(self._end, self._clock())

    @property
    def seconds(self) -> float:
        """It has lasted, or will."""
        return max(0.0, self._end - self._begin)

    @property
    def due(self) -> int:
        """Moments before its end; in a closed loop those that were given out."""
        if self._rate is None:
            return self.given
        # As many as `__iter__` gives where nothing is late: at 0, 1/rate, … before the end.
        whole = int(self.seconds * self._rate)
        return whole + (self._begin + whole / self._rate < self._end)
