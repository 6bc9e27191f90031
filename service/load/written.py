"""What is said at the end: a table for a terminal, JSON for programs, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.load.page import page
from service.load.report import Interval, LoadReport
from service.load.rows import HEADINGS, rows_of

JSON_NAME, HTML_NAME = "load.json", "load.html"


def write(report: LoadReport, directory: Path) -> list[Path]:
    """Write the report as JSON and as a page; returns where they are.

    Raises:
        OSError: They cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / JSON_NAME, directory / HTML_NAME]
    members = msgspec.to_builtins(report) | {
        "answered_a_second": report.answered_a_second,
        "reached": report.is_reached,
        "faults": report.faults(),
        "doubts": report.doubts(),
    }
    paths[0].write_bytes(msgspec.json.format(msgspec.json.encode(members), indent=1))
    paths[1].write_text(page(report), encoding="utf-8")
    return paths


def table(report: LoadReport) -> str:
    """Return the latencies of each kind of request, in milliseconds, for a terminal."""
    rows = [list(HEADINGS), *rows_of(report)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return "\n".join(_row(row, widths) for row in rows)


def line_of(interval: Interval) -> str:
    """Return what is shown while the load runs."""
    parts = [f"{interval.answered / interval.seconds:,.0f}/s"]
    parts += [f"{name} {value:.1f} ms" for name, value in interval.percentiles_ms.items() if name in ("p50", "p99")]
    if interval.failed:
        parts.append(f"{interval.failed:,} failed")
    if interval.server is not None and interval.server.sync_ms is not None:
        parts.append(f"server: batch {interval.server.batch_records:.0f}, sync {interval.server.sync_ms:.2f} ms")
    return ", ".join(parts)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])
