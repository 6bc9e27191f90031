"""Counts answers while a load runs, by kind and over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from service.load.latency import Histogram, Latency
from service.load.report import ALL, Interval, ServerFigures

_INTERVAL_DIGITS = 2
_INTERVAL_PERCENTILES = (50.0, 90.0, 99.0, 100.0)


class Tally:
    """The figures of one run.

    Args:
        kinds: Of requests.

    Attributes:
        sent: Requests that were sent.
        answered: Those that were answered with success.
        failed: Others, by what happened.
        late: How late requests were sent by the load tester's own fault.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self.sent = 0
        self.answered = 0
        self.failed: Counter[str] = Counter()
        self.late = Histogram()
        self._latency = {kind: Histogram() for kind in kinds}
        self._all = Histogram()
        self._service = Histogram()
        self._interval = Histogram(_INTERVAL_DIGITS)
        self._failed_before = 0

    def answer(self, kind: str, *, latency: float, service: float) -> None:
        """Count an answer.

        Args:
            kind: Of the request.
            latency: Seconds since it was due.
            service: Seconds since it was sent.
        """
        self.answered += 1
        self._latency[kind].record(latency)
        self._all.record(latency)
        self._service.record(service)
        self._interval.record(latency)

    def fail(self, what: str) -> None:
        """Count a request that was not answered with success."""
        self.failed[what] += 1

    def interval(self, at: float, seconds: float, server: ServerFigures | None) -> Interval:
        """Return what has come since the last time.

        Args:
            at: Seconds since the load began.
            seconds: Since the last time.
            server: What the server says.
        """
        failed = self.failed.total()
        found = Interval(
            at=at,
            seconds=seconds,
            answered=self._interval.count,
            failed=failed - self._failed_before,
            percentiles_ms={f"p{each:g}": self._interval.percentile_ms(each) for each in _INTERVAL_PERCENTILES}
            if self._interval.count
            else {},
            server=server,
        )
        self._failed_before = failed
        self._interval.clear()
        return found

    def latency(self) -> dict[str, Latency]:
        """Return the latencies by kind, and of all."""
        return {kind: counts.told() for kind, counts in self._latency.items()} | {ALL: self._all.told()}

    def service(self) -> Latency:
        """Return the times from sending to answer, of all."""
        return self._service.told()
