"""The report as one page, which loads nothing from anywhere and needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from service.drill.figures import HEADINGS, cells_of, decided, line_of
from service.drill.tally import DrillReport, RoundReport
from service.drill.timeline_svg import timeline_svg
from service.drill.violation import Violation

VIOLATIONS_MAX = 50
_ROUND_HEADINGS = (
    "round",
    "fault",
    "directory",
    "struck after",
    "exit code",
    "cut short",
    "acknowledged",
    "reads",
    "refused",
    "unanswered",
    "kept",
    "sent again",
    "recovery",
    "violations",
)
_KEY = (
    '<p class="key"><i style="background:#7fa8d9"></i>answers a second under load'
    '<i style="background:#b3541e;width:3px"></i>fault'
    '<i style="background:#f2c14e"></i>start, until ready; then the check, until the next load</p>'
)
_EXPLAINED = (
    "The seed repeats the requests, faults and delays that are chosen, not the machine's timing. "
    "“Felt”: the fault did what it was to do; where its moment never came, the round ended with an ordinary kill. "
    "In each round all that was ever told of its data directory was looked at, and all files were verified. "
    "“All sent again”: every request that was ever acknowledged there; in the other rounds, a sample of them. "
    "“Kept”: nobody had been told, and it was there after the restart, as it may be."
)
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 1150px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: 5px solid #2c7a4b; background: #eef7f1; }
.verdict.broken { border-color: #b3261e; background: #fcefee; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .84rem; }
th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid #dfe3e8; white-space: nowrap; }
th { font-weight: 600; color: #4a5565; white-space: normal; vertical-align: bottom; }
td.text, th.text { text-align: left; }
tr.sum td { font-weight: 600; border-top: 2px solid #9aa5b1; } tr.broken td { background: #fcefee; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: #4a5565; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; } svg .name { font-size: 10px; }
.grid { stroke: #e6e9ed; } .rate { fill: #7fa8d9; fill-opacity: .75; } .recovery { fill: #f2c14e; fill-opacity: .65; }
.fault { stroke: #b3541e; stroke-width: 1.2; } .fault.broken { stroke: #b3261e; stroke-width: 3; }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: -1px; }
.key i:first-child { margin-left: 0; }
code, pre { font: .82rem/1.5 ui-monospace, monospace; } code { overflow-wrap: anywhere; }
pre { background: #f5f6f8; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; } dt { color: #4a5565; }
dd { margin: 0; }
@media print { body { margin: 0; max-width: none; } }
"""


def page(report: DrillReport) -> str:
    """Return the page."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Annolog drill, seed {report.seed}</title><style>{_STYLE}</style></head><body>",
        "<h1>Annolog drill</h1>",
        _verdict(report),
        "<h2>Over time</h2>",
        _KEY,
        timeline_svg(report),
        "<h2>By fault</h2>",
        _table(HEADINGS, ((cells_of(one), "sum" if one.fault == "all" else "") for one in report.totals()), text=1),
        "<h2>By round</h2>",
        _table(_ROUND_HEADINGS, ((_cells(one), "broken" if one.violations else "") for one in report.rounds), text=2),
        *_violations(report.violations),
        "<h2>What was run</h2>",
        _about(report),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(report: DrillReport) -> str:
    acknowledged = sum(one.acknowledged for one in report.rounds)
    did = f"{len(report.rounds)} rounds, {acknowledged:,} acknowledged mutations, {report.seconds_in_all:.0f} s."
    found = len(report.violations)
    if report.interrupted:
        did += f" {escape(decided(report))}"
    if found:
        return f'<p class="verdict broken">{found} violations. {did}</p>'
    # Nothing was found in no round, either.
    kind = "verdict" if report.rounds else "verdict broken"
    return f'<p class="{kind}">No violation found. {did}</p>'


def _table(headings: Iterable[str], rows: Iterable[tuple[list[str], str]], *, text: int) -> str:
    """Return a table; the first columns, so many as `text`, hold words."""
    lines = ['<div class="scroll"><table><thead><tr>']
    lines += [_cell("th", cell, place < text) for place, cell in enumerate(headings)]
    lines.append("</tr></thead><tbody>")
    for cells, kind in rows:
        row = "".join(_cell("td", cell, place < text) for place, cell in enumerate(cells))
        lines.append(f'<tr class="{kind}">{row}</tr>' if kind else f"<tr>{row}</tr>")
    return "".join([*lines, "</tbody></table></div>"])


def _cell(tag: str, content: str, is_text: bool) -> str:
    kind = ' class="text"' if is_text else ""
    return f"<{tag}{kind}>{escape(content)}</{tag}>"


def _cells(one: RoundReport) -> list[str]:
    return [
        str(one.number),
        one.fault if one.felt else f"{one.fault} (not felt)",
        f"{one.directory}{', all sent again' if one.complete else ''}",
        f"{one.struck_at - one.began_at:.2f} s",
        str(one.exit_code),
        ", ".join(one.cut_short) or "-",
        f"{one.acknowledged:,}",
        f"{one.read:,}",
        f"{one.refused:,}",
        str(one.unacknowledged),
        str(one.kept),
        str(one.retried),
        f"{one.recovery_seconds:.2f} s",
        str(len(one.violations)),
    ]


def _violations(found: list[Violation]) -> Iterator[str]:
    if not found:
        return
    yield "<h2>Violations</h2>"
    for one in found[:VIOLATIONS_MAX]:
        lines = "\n".join(line_of(operation) for operation in one.operations)
        yield f"<p><b>{escape(one.broken)}</b>: <code>{escape(one.subject)}</code> {escape(one.says)}</p>"
        yield f"<pre>{escape(lines)}</pre>" if lines else ""
    if len(found) > VIOLATIONS_MAX:
        yield f"<p>And {len(found) - VIOLATIONS_MAX} more: drill.json holds all of them.</p>"


def _about(report: DrillReport) -> str:
    told = {
        "Began": report.began,
        "Annolog": report.version,
        "Machine": report.machine,
        "Clients": f"{report.clients} at the same time, about {report.seconds:g} s of load a round",
        "Faults": ", ".join(report.faults),
        "Directories": f"{max((one.directory for one in report.rounds), default=0)}, "
        f"a new one after {report.rounds_per_directory} rounds",
        "Again": report.command,
    }
    if report.directory:
        told["Data"] = report.directory
    rows = "".join(f"<dt>{name}</dt><dd>{_value(name, value)}</dd>" for name, value in told.items())
    return f"<dl>{rows}</dl><p>{_EXPLAINED}</p>"


def _value(name: str, value: str) -> str:
    return f"<code>{escape(value)}</code>" if name in ("Again", "Data") else escape(value)
