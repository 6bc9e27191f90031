"""What is said at the end: a table, and for a violation the history that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from service.drill.history import Answer, Operation
from service.drill.page import page
from service.drill.tally import DrillReport, Total
from service.drill.violation import Violation

JSON_NAME, HTML_NAME = "drill.json", "drill.html"
SHOWN_MAX = 5
HEADINGS = (
    "fault",
    "rounds",
    "felt",
    "acknowledged",
    "unacknowledged, kept",
    "lost",
    "duplicated",
    "answers changed",
    "other",
    "recovery median",
    "max",
)


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


def cells_of(total: Total) -> list[str]:
    """Return a row of the table."""
    counts = (total.rounds, total.felt, total.acknowledged, total.kept)
    found = (total.lost, total.duplicated, total.changed, total.other)
    seconds = (total.recovery_seconds_median, total.recovery_seconds_max)
    return [total.fault, *(f"{one:,}" for one in (*counts, *found)), *(f"{one:.2f} s" for one in seconds)]


def table(report: DrillReport) -> str:
    """Return the figures of each fault, for a terminal."""
    rows = [list(HEADINGS), *(cells_of(total) for total in report.totals())]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    return "\n".join(_row(row, widths) for row in rows)


def told(violations: Sequence[Violation]) -> Iterator[str]:
    """Yield lines that tell of the first violations, each with its history."""
    for one in violations[:SHOWN_MAX]:
        yield f"VIOLATION, {one.broken}: {one.subject}: {one.says}"
        yield from (f"  {line}" for line in map(line_of, one.operations))
    if len(violations) > SHOWN_MAX:
        yield f"and {len(violations) - SHOWN_MAX} more, all of them in the report that --report writes."


def line_of(operation: Operation) -> str:
    """Return a request with its answers on one line."""
    what = " ".join(filter(None, (operation.action, operation.collection, operation.id)))
    sent = [f"stamp {operation.stamp}"] if operation.stamp else []
    sent += [f"if-match {operation.expects}"] if operation.expects is not None else []
    sent += [f"filter {'='.join(operation.filter)}"] if operation.filter else []
    sent += [f"key {operation.key}"] if operation.key else []
    parts = [f"#{operation.number} {operation.invoked:.4f} s, {operation.client}: {what}", *sent]
    parts.append(_answer(operation.answer))
    parts += [f"again at {retry.invoked:.4f} s {_answer(retry.answer)}" for retry in operation.retries]
    return "; ".join(parts)


def _answer(answer: Answer | None) -> str:
    if answer is None:
        return "-> no answer"
    entity = answer.shown[0] if len(answer.shown) == 1 else None
    parts = [f"-> {answer.status}", answer.problem, "replayed" if answer.replayed else ""]
    parts.append(f"{entity.id} version {entity.version} stamp {entity.stamp}" if entity else "")
    parts.append("" if answer.total is None else f"total {answer.total}")
    return " ".join([*filter(None, parts), f"at {answer.at:.4f} s"])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])
