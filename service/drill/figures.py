"""What a drill found, in words and figures that terminal and page share."""

from __future__ import annotations

from service.drill.history import Answer, Operation
from service.drill.tally import DrillReport, Total

HEADINGS = (
    "fault",
    "rounds",
    "felt",
    "acknowledged",
    "sent again",
    "unacknowledged, kept",
    "lost",
    "duplicated",
    "answers changed",
    "other",
    "recovery median",
    "max",
)


def cells_of(total: Total) -> list[str]:
    """Return a row of the table."""
    counts = (total.rounds, total.felt, total.acknowledged, total.retried, total.kept)
    found = (total.lost, total.duplicated, total.changed, total.other)
    seconds = (total.recovery_seconds_median, total.recovery_seconds_max)
    return [total.fault, *(f"{one:,}" for one in (*counts, *found)), *(f"{one:.2f} s" for one in seconds)]


def decided(report: DrillReport) -> str:
    """Tell of an interrupted drill how far it came, and what was left out in its last directory."""
    said = f"Interrupted ({report.interrupted}): {len(report.rounds)} of {report.rounds_planned} rounds were decided."
    left = report.unasked
    if left:
        numbers = f"rounds {left[0].number} to {left[-1].number}" if len(left) > 1 else f"round {left[0].number}"
        said += f" Of {numbers} everything was looked at, but only a sample of the requests was sent again."
    return said


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
