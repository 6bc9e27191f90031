"""The figures of a comparison as Markdown tables and as one drawing, with the spread of everything."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from html import escape
from typing import Any

from bench.create import quartiles

_WIDTH, _NAMES_WIDTH, _BAR, _GAP, _HEAD = 900, 300, 16, 8, 34
_HEADINGS = (
    "side",
    "durability",
    "a second, median (quartiles)",
    "p50 ms",
    "p99 ms",
    "CPU µs a request (range)",
    "Annolog does",
)
_OWN, _OTHER = "#3d74b8", "#b9c4d0"


def report(figures: dict[str, Any]) -> str:
    """Return the tables."""
    lines = [f"{figures['machine']}; {figures['rounds']} interleaved rounds of {figures['seconds']:g} s a side."]
    for scenario in figures["scenarios"].values():
        lines += ["", f"**{scenario['title']}**", "", *_table(scenario)]
    if "mixed" in figures:
        lines += ["", *_mixed(figures["mixed"])]
    return "\n".join(lines) + "\n"


def verdict(own: list[dict[str, float]], other: list[dict[str, float]]) -> str:
    """Tell how many times as much the first of two sides does, by rates or, where they scatter too much, by CPU time.

    Args:
        own: The rounds of the first side.
        other: Those of the other, each beside the one of the same place.
    """
    pairs = [one["rate"] / another["rate"] for one, another in zip(own, other, strict=True)]
    low, middle, high = quartiles(pairs)
    if high - low <= abs(middle - 1):
        return f"{middle:.2f}"
    cpu = statistics.median(another["cpu_us"] / one["cpu_us"] for one, another in zip(own, other, strict=True))
    return f"{cpu:.2f} by CPU time (rates: {middle:.2f}, within their spread)"


def _table(scenario: dict[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADINGS)} |"
    yield "|---" * len(_HEADINGS) + "|"
    own: list[dict[str, float]] | None = None
    for name, side in scenario["sides"].items():
        rounds = side["rounds"]
        low, middle, high = quartiles([one["rate"] for one in rounds])
        cpu = [one["cpu_us"] for one in rounds]
        cells = [
            name,
            side["durability"],
            f"{middle:,.0f} ({low:,.0f} to {high:,.0f})",
            *(f"{statistics.median(one[key] for one in rounds):.2f}" for key in ("p50_ms", "p99_ms")),
            f"{statistics.median(cpu):,.0f} ({min(cpu):,.0f} to {max(cpu):,.0f})",
            "" if own is None else f"{verdict(own, rounds)} times as much",
        ]
        own = own or rounds
        yield f"| {' | '.join(cells)} |"
    for name, needed in scenario["not_run"].items():
        yield f"| {name} | not run: needs {needed} | | | | | |"


def _mixed(found: dict[str, Any]) -> Iterator[str]:
    weights = ", ".join(f"{kind} {weight}" for kind, weight in found["weights"].items())
    control = found["control"]
    yield f"**mixed load ({weights}), open loop at 80 % of what a closed one reaches**"
    yield ""
    yield "| side | a closed one reaches, a second | p50 ms | p99 ms | p99/p50 |"
    yield "|---|---|---|---|---|"
    for name, side in (("annolog", found), (f"{control['name']}, {control['us']:.0f} µs a request", control)):
        columns = ([one[key] for one in side["rounds"]] for key in ("p50_ms", "p99_ms", "ratio"))
        cells = (f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in columns)
        yield f"| {name} | {side['capacity']:,.0f} | {' | '.join(cells)} |"
    for fault in (*found["faults"], *control["faults"]):
        yield ""
        yield f"FAULT: {fault}"


def svg(figures: dict[str, Any]) -> str:
    """Return a bar a side for its median rate, with a line from its lower to its upper quartile."""
    parts: list[str] = []
    y = 10
    for scenario in figures["scenarios"].values():
        rates = {name: quartiles([one["rate"] for one in side["rounds"]]) for name, side in scenario["sides"].items()}
        parts.append(f'<text class="head" x="10" y="{y + 20}">{escape(scenario["title"])}, requests a second</text>')
        y += _HEAD
        top = max((high for _, _, high in rates.values()), default=1.0)
        for place, (name, rate) in enumerate(rates.items()):
            parts += _bar(name, rate, top, y, _OTHER if place else _OWN)
            y += _BAR + _GAP
        for name, needed in scenario["not_run"].items():
            parts.append(f'<text class="name" x="{_NAMES_WIDTH - 8}" y="{y + 12}">{escape(name)}</text>')
            parts.append(f'<text x="{_NAMES_WIDTH}" y="{y + 12}">not run: needs {escape(needed)}</text>')
            y += _BAR + _GAP
        y += _GAP
    style = "text{font:12px sans-serif;fill:#1c2430}.head{font-weight:bold}.name{text-anchor:end}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 24}"><style>{style}</style>'
    back = '<rect width="100%" height="100%" fill="#fff"/>'
    told = f'<text x="10" y="{y + 14}">{escape(figures["machine"])}</text>'
    return "\n".join([head, back, *parts, told, "</svg>"]) + "\n"


def _bar(name: str, rate: tuple[float, float, float], top: float, y: int, colour: str) -> Iterator[str]:
    scale = (_WIDTH - _NAMES_WIDTH - 90) / top
    low, middle, high = (_NAMES_WIDTH + each * scale for each in rate)
    yield f'<text class="name" x="{_NAMES_WIDTH - 8}" y="{y + 12}">{escape(name)}</text>'
    width = middle - _NAMES_WIDTH
    yield f'<rect x="{_NAMES_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
    yield f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + _BAR / 2}" y2="{y + _BAR / 2}" stroke="#1c2430"/>'
    yield f'<text x="{high + 6:.1f}" y="{y + 12}">{rate[1]:,.0f}</text>'
