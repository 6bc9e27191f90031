"""The drill over time as a drawing: answers a second, the faults, and the recoveries."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from service.drill.tally import BUCKET_SECONDS, DrillReport, RoundReport

WIDTH = 1000
_LEFT, _RIGHT, _TOP = 56, 48, 14
_PLOT_WIDTH = WIDTH - _LEFT - _RIGHT
_PLOT_HEIGHT = 222
_TIMES_HEIGHT, _NAMES_HEIGHT = 24, 60
_LINES = 4
_LABELS_MAX = 24
_STEPS = (1, 2, 5)
_TIME_LINES = 10


def timeline_svg(report: DrillReport) -> str:
    """Return an SVG element; it needs no script and no other file."""
    seconds = max(report.seconds_in_all, len(report.throughput) * BUCKET_SECONDS, BUCKET_SECONDS)
    rates = [count / BUCKET_SECONDS for count in report.throughput] or [0.0]
    top = _round_up(max(*rates, 1.0))
    is_named = len(report.rounds) <= _LABELS_MAX
    height = _TOP + _PLOT_HEIGHT + _TIMES_HEIGHT + (_NAMES_HEIGHT if is_named else 0)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Answers a second over the drill">',
        *_grid(top, seconds),
        *(line for one in report.rounds for line in _recovery(one, seconds)),
        _area(rates, top, seconds),
        *(line for one in report.rounds for line in _fault(one, seconds, is_named=is_named)),
        "</svg>",
    ]
    return "\n".join(parts)


def _x(at: float, seconds: float) -> float:
    return _LEFT + _PLOT_WIDTH * at / seconds


def _y(rate: float, top: float) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - rate / top)


def _grid(top: float, seconds: float) -> Iterator[str]:
    for place in range(_LINES + 1):
        rate = top * place / _LINES
        y = _y(rate, top)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{rate:,.0f}</text>'
    step = _round_up(seconds / _TIME_LINES)
    at = 0.0
    while at <= seconds:
        yield f'<text class="middle" x="{_x(at, seconds):.1f}" y="{_TOP + _PLOT_HEIGHT + 16}">{at:g} s</text>'
        at += step


def _area(rates: list[float], top: float, seconds: float) -> str:
    corners = [(place + side, rate) for place, rate in enumerate(rates) for side in (0, 1)]
    corners = [(0, 0.0), *corners, (len(rates), 0.0)]
    points = [f"{_x(place * BUCKET_SECONDS, seconds):.1f},{_y(rate, top):.1f}" for place, rate in corners]
    return f'<polygon class="rate" points="{" ".join(points)}"/>'


def _recovery(one: RoundReport, seconds: float) -> Iterator[str]:
    if not one.ready_at:
        return
    begin = one.ready_at - one.recovery_seconds
    x, width = _x(begin, seconds), _PLOT_WIDTH * one.recovery_seconds / seconds
    yield (
        f'<rect class="recovery" x="{x:.1f}" y="{_TOP}" width="{width:.2f}" height="{_PLOT_HEIGHT}">'
        f"<title>round {one.number}: ready after {one.recovery_seconds:.2f} s</title></rect>"
    )


def _fault(one: RoundReport, seconds: float, *, is_named: bool) -> Iterator[str]:
    x, below = _x(one.struck_at, seconds), _TOP + _PLOT_HEIGHT
    name = escape(one.fault)
    kind = "fault broken" if one.violations else "fault"
    yield (
        f'<line class="{kind}" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{below + 4}">'
        f"<title>round {one.number}: {name} at {one.struck_at:.2f} s</title></line>"
    )
    if is_named:
        yield f'<text class="name" transform="translate({x + 3:.1f} {below + 26}) rotate(32)">{name}</text>'


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, … that is no smaller."""
    scale = 1.0
    while value > _STEPS[-1] * scale:
        scale *= 10
    while value <= scale / 10:
        scale /= 10
    return next((step * scale for step in _STEPS if step * scale >= value), 10 * scale)
