"""Drawings of a load: lines over time, and the distribution of latencies. SVG that needs no script and no file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from service.load.latency import Latency

WIDTH = 1000
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 14, 30
_STEPS = (1, 2, 5)
_LINES = 4
_TIME_LINES = 10
_NINES_MAX = 5
_NINES = (("0 %", 0.0), ("90 %", 1.0), ("99 %", 2.0), ("99.9 %", 3.0), ("99.99 %", 4.0), ("max", 5.0))


class Line(NamedTuple):
    """A line: its name, its colour, and its points; None is a gap."""

    name: str
    colour: str
    points: list[tuple[float, float | None]]


class _Plot(NamedTuple):
    """Turns values into places."""

    height: int
    across: float
    low: float
    top: float
    is_log: bool

    def x(self, at: float) -> float:
        """From the left."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * at / self.across

    def y(self, value: float) -> float:
        """From above."""
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.top / self.low)
        else:
            share = value / self.top
        return _TOP + (self.height - _TOP - _BOTTOM) * (1 - share)


def over_time(label: str, seconds: float, lines: Sequence[Line], *, is_log: bool = False, height: int = 240) -> str:
    """Return lines over the seconds of a run.

    Args:
        label: What is drawn, with its unit.
        seconds: Of the run.
        lines: What to draw.
        is_log: The values go by powers of ten.
        height: Of the drawing; its width is 1000.
    """
    across = max(seconds, 1.0)
    plot = _plot(height, across, [value for line in lines for _, value in line.points if value is not None], is_log)
    step = round_up(across / _TIME_LINES)
    times = [(f"{number * step:g} s", number * step) for number in range(int(across / step) + 1)]
    return "\n".join(_drawn(label, plot, times, lines))


def distribution(label: str, curves: Sequence[tuple[str, str, Latency]], height: int = 240) -> str:
    """Return percentiles, across by how many nines they have: 90, 99, 99.9 and so on are equally far apart.

    Args:
        label: What is drawn.
        curves: Name, colour and latencies.
        height: Of the drawing; its width is 1000.
    """
    lines = [
        Line(name, colour, [(_nines(percentile), value) for percentile, value in latency.curve])
        for name, colour, latency in curves
    ]
    plot = _plot(height, float(_NINES_MAX), [value for line in lines for _, value in line.points if value], True)
    return "\n".join(_drawn(label, plot, _NINES, lines))


def round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, … that is no smaller; 1 for what is not above 0."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next((step * scale for step in _STEPS if step * scale >= value * (1 - 1e-9)), 10 * scale)


def _plot(height: int, across: float, values: Sequence[float], is_log: bool) -> _Plot:
    top = max(values, default=1.0)
    if not is_log:
        return _Plot(height, across, 0.0, round_up(top), is_log)
    above = [value for value in values if value > 0]
    low = 10.0 ** math.floor(math.log10(min(above, default=0.1)))
    return _Plot(height, across, low, max(10.0 ** math.ceil(math.log10(max(top, low))), low * 10), is_log)


def _drawn(label: str, plot: _Plot, marks: Iterable[tuple[str, float]], lines: Iterable[Line]) -> Iterator[str]:
    yield f'<svg viewBox="0 0 {WIDTH} {plot.height}" role="img" aria-label="{escape(label)}">'
    below = plot.height - _BOTTOM
    for value in _levels(plot):
        y = plot.y(value)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,.10g}</text>'
    for name, at in marks:
        yield f'<line class="grid" x1="{plot.x(at):.1f}" y1="{_TOP}" x2="{plot.x(at):.1f}" y2="{below}"/>'
        yield f'<text class="middle" x="{plot.x(at):.1f}" y="{below + 18}">{escape(name)}</text>'
    for line in lines:
        yield from _stretches(plot, line)
    yield "</svg>"


def _levels(plot: _Plot) -> list[float]:
    if not plot.is_log:
        return [plot.top * place / _LINES for place in range(_LINES + 1)]
    decades = round(math.log10(plot.top / plot.low))
    return [plot.low * 10**decade for decade in range(decades + 1)]


def _stretches(plot: _Plot, line: Line) -> Iterator[str]:
    """Draw a line between its gaps; a point that stands alone is a dot."""
    stretch: list[tuple[float, float]] = []
    for at, value in [*line.points, (0.0, None)]:
        if value is not None:
            stretch.append((plot.x(at), plot.y(value)))
            continue
        if len(stretch) == 1:
            yield f'<circle cx="{stretch[0][0]:.1f}" cy="{stretch[0][1]:.1f}" r="2.5" fill="{line.colour}"/>'
        elif stretch:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in stretch)
            title = f"<title>{escape(line.name)}</title>"
            yield f'<polyline class="line" stroke="{line.colour}" points="{points}">{title}</polyline>'
        stretch = []


def _nines(percentile: float) -> float:
    rest = 1 - percentile / 100
    return min(-math.log10(rest), _NINES_MAX) if rest > 0 else float(_NINES_MAX)
