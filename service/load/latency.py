"""Latencies in histograms of high dynamic range: three significant digits from a microsecond to an hour."""

from __future__ import annotations

import msgspec
from hdrh.histogram import HdrHistogram

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)
CURVE = (*(100 * (1 - 10 ** (-step / 8)) for step in range(40)), 100.0)
"""For a drawing: eight to each further nine."""
_LOWEST_US, _HIGHEST_US = 1, 3_600_000_000
_US = 1e6


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """What a histogram tells, in milliseconds.

    Attributes:
        count: Of the requests.
        mean_ms: The mean.
        percentiles_ms: Percentile → milliseconds; of none at all there are none.
        curve: Percentile and milliseconds, for a drawing.
        histogram: All of it: the V2 encoding of HdrHistogram in base 64, of microseconds.
    """

    count: int
    mean_ms: float
    percentiles_ms: dict[str, float]
    curve: list[tuple[float, float]]
    histogram: str


class Histogram:
    """Counts latencies.

    Args:
        digits: That are significant; fewer take less memory.
    """

    def __init__(self, digits: int = 3) -> None:
        self._counts = HdrHistogram(_LOWEST_US, _HIGHEST_US, digits)

    @property
    def count(self) -> int:
        """Of what was recorded."""
        return int(self._counts.get_total_count())

    def record(self, seconds: float) -> None:
        """Count one; what is out of the range counts as its border."""
        self._counts.record_value(min(max(round(seconds * _US), _LOWEST_US), _HIGHEST_US))

    def percentile_ms(self, percentile: float) -> float:
        """Return a percentile in milliseconds, 0 if there is nothing."""
        if not self.count:
            return 0.0
        return float(self._counts.get_value_at_percentile(percentile)) / 1000

    def clear(self) -> None:
        """Forget everything."""
        self._counts.reset()

    def told(self) -> Latency:
        """Return what it tells."""
        is_empty = not self.count
        return Latency(
            count=self.count,
            mean_ms=0.0 if is_empty else float(self._counts.get_mean_value()) / 1000,
            percentiles_ms={} if is_empty else {f"p{each:g}": self.percentile_ms(each) for each in PERCENTILES},
            curve=[] if is_empty else [(each, self.percentile_ms(each)) for each in CURVE],
            histogram=self._counts.encode().decode(),
        )
