"""What is said at the end: a table, and for a violation the history that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from service.drill.figures import HEADINGS, cells_of, decided, line_of
from service.drill.page import page
from service.drill.tally import DrillReport
from service.drill.violation import Broken, Violation

JSON_NAME, HTML_NAME = "drill.json", "drill.html"


def write(report: DrillReport, directory: Path) -> list[Path]:
    """Write the report as JSON and as a page; returns where they are.

    Raises:
        OSError: They cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / JSON_NAME, directory / HTML_NAME]
    members = msgspec.to_builtins(report) | {"totals": msgspec.to_builtins(report.totals())}
    paths[0].write_bytes(msgspec.json.format(msgspec.json.encode(members), indent=1))
    paths[1].write_text(page(report), encoding="utf-8")
    return paths


def table(report: DrillReport) -> str:
    """Return the figures of each fault, for a terminal."""
    rows = [list(HEADINGS), *(cells_of(total) for total in report.totals())]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return "\n".join(_row(row, widths) for row in rows)


def outcome(report: DrillReport, again: str) -> Iterator[str]:
    """Yield the lines that are said at the end.

    Args:
        report: Of the drill.
        again: The command that does it again.
    """
    yield table(report)
    if report.cut_short:
        yield "Cut short: " + ", ".join(f"{what} {count} times" for what, count in report.cut_short.items()) + "."
    if report.interrupted:
        yield decided(report)
    if report.violations:
        yield from told(report.violations)
        yield f"The data, and what the server logged, are kept in {report.directory}."
        yield f"The same choices again (not the same timing): {again}"
    elif report.rounds:
        reads = sum(one.read for one in report.rounds)
        is_whole = "All is well" if not report.interrupted else "So far all is well"
        yield f"{is_whole}: {reads:,} reads and every answer checked, {report.seconds_in_all:.0f} s."


def told(violations: Sequence[Violation]) -> Iterator[str]:
    """Yield lines that tell of violations: of each sort the one with the smallest history."""
    smallest: dict[Broken, Violation] = {}
    for one in sorted(violations, key=lambda one: len(one.operations)):
        smallest.setdefault(one.broken, one)
    for broken in Broken:
        if broken in smallest:
            one = smallest[broken]
            yield f"VIOLATION, {one.broken}: {one.subject}: {one.says}"
            yield from (f"  {line_of(operation)}" for operation in one.operations)
    if len(violations) > len(smallest):
        yield f"And {len(violations) - len(smallest)} more of these sorts; --report writes all of them."


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])
