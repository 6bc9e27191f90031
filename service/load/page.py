"""The report as one page, which loads nothing from anywhere and needs no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from service.load.charts import Line, distribution, over_time
from service.load.latency import Latency
from service.load.report import ALL, Interval, LoadReport, ServerFigures
from service.load.rows import HEADINGS, rows_of

_BLUE, _ORANGE, _RED, _GREEN, _GREY = "#3d74b8", "#c7781f", "#b3261e", "#2c7a4b", "#7a8694"
_COLOURS = {"create": _ORANGE, "get": _BLUE, "list": _GREEN, ALL: _GREY}
_PERCENTILES = (("p50", "p50", _BLUE), ("p90", "p90", _GREEN), ("p99", "p99", _ORANGE), ("p100", "max", _RED))
_SHORT_SHARE = 0.5
_SMALL_HEIGHT = 150
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 1150px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: .95rem; font-weight: 600; margin: 1rem 0 .2rem; color: #4a5565; }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: 5px solid #2c7a4b; background: #eef7f1; }
.verdict.broken { border-color: #b3261e; background: #fcefee; }
.verdict.doubt { border-color: #c7781f; background: #fdf5ea; font-size: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .88rem; }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid #dfe3e8; white-space: nowrap; }
th { font-weight: 600; color: #4a5565; } th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: #4a5565; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
.grid { stroke: #e6e9ed; } .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.key i { display: inline-block; width: .8rem; height: .25rem; margin: 0 .3rem 0 1rem; vertical-align: 4px; }
.key i:first-child { margin-left: 0; } .note { color: #4a5565; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; } dt { color: #4a5565; }
dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } }
"""


def page(report: LoadReport) -> str:
    """Return the page."""
    drawn = [each for each in report.intervals if each.seconds >= _SHORT_SHARE * report.intervals[0].seconds]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Annolog load, {escape(report.url)}</title><style>{_STYLE}</style></head><body>",
        "<h1>Annolog load</h1>",
        *_verdict(report),
        "<h2>Latency, ms</h2>",
        _table(report),
        _note(report),
        "<h2>Latency over time, ms</h2>",
        *_latency(report, drawn),
        "<h2>Answers a second</h2>",
        *_answers(report, drawn),
        "<h2>Distribution of the latencies, ms</h2>",
        *_distribution(report.latency),
        "<h2>What the server says of itself</h2>",
        *_server(report, drawn),
        "<h2>What was run</h2>",
        _about(report),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(report: LoadReport) -> Iterator[str]:
    faults = report.faults()
    did = f"{report.answered:,} requests answered in {report.seconds:.1f} s, {report.answered_a_second:,.0f} a second"
    if report.rate is not None:
        did += f" of {report.rate:,.10g} that were due"
    kind = "verdict broken" if faults else "verdict"
    yield f'<p class="{kind}">{escape(" ".join([*faults, did + "."]))}</p>'
    for doubt in report.doubts():
        yield f'<p class="verdict doubt">{escape(doubt)}</p>'


def _table(report: LoadReport) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADINGS)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows_of(report))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _note(report: LoadReport) -> str:
    if report.rate is None:
        return (
            '<p class="note">A closed loop: each client asks as soon as it was answered, so a server that halts is '
            "asked less while it does, and few requests see it. With --rate waiting is counted.</p>"
        )
    return (
        '<p class="note">Counted from when a request was due, whether or not a connection was free; “from sending” '
        "leaves that waiting out.</p>"
    )


def _key(names: Sequence[tuple[str, str]]) -> str:
    return '<p class="key">' + "".join(f'<i style="background:{colour}"></i>{name}' for name, colour in names) + "</p>"


def _latency(report: LoadReport, drawn: Sequence[Interval]) -> Iterator[str]:
    yield _key([(name, colour) for _, name, colour in _PERCENTILES])
    lines = [
        Line(name, colour, [(each.at, each.percentiles_ms.get(key)) for each in drawn])
        for key, name, colour in _PERCENTILES
    ]
    yield over_time("Latency over time, in milliseconds", report.seconds, lines, is_log=True)


def _answers(report: LoadReport, drawn: Sequence[Interval]) -> Iterator[str]:
    lines = [Line("answered", _BLUE, [(each.at, each.answered / each.seconds) for each in drawn])]
    names = [("answered", _BLUE)]
    if report.failed:
        lines.append(Line("failed", _RED, [(each.at, each.failed / each.seconds) for each in drawn]))
        names.append(("failed", _RED))
    if report.rate is not None:
        # Below the others: most of the time they lie upon it.
        lines.insert(0, Line("due", _GREY, [(0.0, report.rate), (report.seconds, report.rate)]))
        names.append(("due", _GREY))
    yield _key(names)
    yield over_time("Answers a second over time", report.seconds, lines, height=180)


def _distribution(latency: dict[str, Latency]) -> Iterator[str]:
    curves = [(kind, _COLOURS[kind], one) for kind, one in latency.items() if one.count]
    if len(latency) <= 2:  # noqa: PLR2004 - one kind, and all: the same
        curves = [curve for curve in curves if curve[0] != ALL]
    yield _key([(name, colour) for name, colour, _ in curves])
    yield distribution("Latency by percentile, in milliseconds", curves)


def _server(report: LoadReport, drawn: Sequence[Interval]) -> Iterator[str]:
    if report.server_says:
        yield f'<p class="note">There are no figures of the server. {escape(report.server_says)}</p>'
        return
    wanted: list[tuple[str, str, Callable[[ServerFigures], float | None]]] = [
        ("Records that share a sync, mean", _BLUE, lambda one: one.batch_records),
        (
            "Sync, ms, mean: from handing a batch to the log's writer until it is durable",
            _ORANGE,
            lambda one: one.sync_ms,
        ),
        ("Event loop: how late at most in the last second, ms", _GREEN, lambda one: one.lag_ms_max),
    ]
    for name, colour, value in wanted:
        points = [(each.at, None if each.server is None else value(each.server)) for each in drawn]
        yield f"<h3>{escape(name)}</h3>"
        if all(figure is None for _, figure in points):
            yield '<p class="note">It did not say: nothing was written.</p>'
        else:
            yield over_time(name, report.seconds, [Line(name, colour, points)], height=_SMALL_HEIGHT)


def _about(report: LoadReport) -> str:
    loop = "closed loop" if report.rate is None else f"open loop, {report.rate:,.10g} requests a second"
    told = {
        "Began": report.began,
        "Annolog": report.version,
        "Load tester on": report.machine,
        "Server": report.url,
        "Load": f"{loop}, {report.clients} connections, {report.duration:g} s",
        "Mix": ", ".join(f"{kind} {weight}" for kind, weight in report.weights.items()),
        "Seed": str(report.seed),
    }
    if report.generator is not None:
        told["Load tester"] = (
            f"{report.generator.cpu_share:.0%} of a processor; {report.generator.late_ms:.2f} ms late by its own "
            "fault at the 99th percentile"
        )
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in told.items()) + "</dl>"
