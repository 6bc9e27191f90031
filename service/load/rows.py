"""The latencies of a load as rows of a table, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

from service.load.latency import Latency
from service.load.report import ALL, LoadReport

HEADINGS = ("requests", "answered", "a second", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
_COLUMNS = ("p50", "p90", "p95", "p99", "p99.9", "p100")


def rows_of(report: LoadReport) -> Iterator[list[str]]:
    """Yield the cells of each kind of request, and of all; then of all without the waiting."""
    for kind, latency in report.latency.items():
        if kind != ALL or len(report.latency) > 2:  # noqa: PLR2004 - one kind, and all
            yield _cells(kind, latency, report.seconds)
    if report.rate is not None and report.service is not None:
        yield _cells("from sending", report.service, report.seconds)


def _cells(kind: str, latency: Latency, seconds: float) -> list[str]:
    rate = latency.count / seconds if seconds else 0.0
    told = [f"{latency.percentiles_ms[name]:,.2f}" if latency.count else "-" for name in _COLUMNS]
    return [kind, f"{latency.count:,}", f"{rate:,.0f}", f"{latency.mean_ms:,.2f}" if latency.count else "-", *told]
