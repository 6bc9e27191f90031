"""Run campaigns and tell what came of them: ``python -m tests.campaigns``, or `make drill` for all in full size.

Exit codes: 0 all is well, 1 something was found or a campaign failed itself, 2 one that was asked for cannot run here.
"""

from __future__ import annotations

import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import click
import msgspec
from tqdm import tqdm

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.registry import CAMPAIGNS

_FINDINGS_TOLD = 50
_TERMINATED = 128 + signal.SIGTERM
_NAMES = [campaign.name for campaign in CAMPAIGNS]


class Told(msgspec.Struct):
    """A campaign in the report; `result` is None if it did not run to its end: `missing` or `failure` says why."""

    name: str
    claim: str
    size: int
    seed: int
    seconds: float
    missing: list[str]
    result: Result | None
    failure: str | None = None


def carry_out(campaign: Campaign, size: int, seed: int, places: tuple[int, ...] = ()) -> Told:
    """Run a campaign, or some places of it, with a bar that shows how far it is."""
    missing = campaign.missing()
    begin = time.monotonic()
    result, failure = None, None
    if not missing:
        with tqdm(total=size, desc=campaign.name, unit="state", file=sys.stderr, disable=None) as bar:
            try:
                result = campaign.run(Task(size, seed, lambda states: _advance(bar, states), places))
            except Exception:  # noqa: BLE001 - a fault of one campaign must not keep the others from running; it is told
                failure = traceback.format_exc()
    return Told(campaign.name, campaign.claim, size, seed, time.monotonic() - begin, missing, result, failure)


def _advance(bar: tqdm[Any], states: int) -> None:
    bar.update(states - bar.n)


def lines(found: list[Told]) -> list[str]:
    """Return the outcome as a Markdown table, then every finding."""
    told = ["| campaign | states | seconds | seed | outcome |", "|---|---|---|---|---|"]
    for one in found:
        states, outcome = "-", "FAILED ITSELF" if one.failure else f"not run: needs {', '.join(one.missing)}"
        if one.result is not None:
            count = len(one.result.findings)
            states = f"{one.result.states:,}"
            outcome = f"{count:,} FOUND" if count else one.claim.format(states=states)
        told.append(f"| {one.name} | {states} | {one.seconds:.0f} | {one.seed} | {outcome} |")
    for one in found:
        findings = one.result.findings if one.result else []
        again = f"(again: --only {one.name} --seed {one.seed})"
        told += [f"{one.name}: {finding} {again}" for finding in findings[:_FINDINGS_TOLD]]
        if len(findings) > _FINDINGS_TOLD:
            told.append(f"{one.name}: and {len(findings) - _FINDINGS_TOLD:,} more")
    told += [
        f"{one.name} failed itself: {one.failure} (again: --only {one.name} --seed {one.seed})"
        for one in found
        if one.failure
    ]
    for one in found:
        figures = one.result.figures if one.result else {}
        if figures:
            told.append(f"{one.name}: " + ", ".join(f"{_shown(figures[name])} {name}" for name in sorted(figures)))
    return told


def _shown(figure: object) -> str:
    """Return a figure as it is read: numbers in groups, and what else a campaign tells as it is."""
    return f"{figure:,}" if isinstance(figure, int | float) else str(figure)


def exit_code(found: list[Told]) -> int:
    """Return what the command tells of all campaigns."""
    if any(one.failure or (one.result is not None and one.result.findings) for one in found):
        return 1
    return 2 if any(one.missing for one in found) else 0


@click.command()
@click.option("--only", "names", type=click.Choice(_NAMES), multiple=True, help="Only this one; several may be given.")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the full size.")
@click.option("--seed", type=int, help="Of everything that is drawn; a new one by default.")
@click.option("--place", "places", type=int, multiple=True, help="Only this one, by the number in a finding.")
@click.option("--report", type=click.Path(path_type=Path), default=Path("drill-report"), show_default=True)
def main(names: tuple[str, ...], share: float, seed: int | None, places: tuple[int, ...], report: Path) -> None:
    """Run fault campaigns; what they found is printed and written to a report as Markdown and JSON."""
    # Ended by an init system or a timeout: what is mounted and started goes first, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    chosen = [campaign for campaign in CAMPAIGNS if not names or campaign.name in names]
    seed = random.randrange(1 << 32) if seed is None else seed
    report.mkdir(parents=True, exist_ok=True)
    found: list[Told] = []
    for campaign in chosen:
        found.append(carry_out(campaign, max(1, round(campaign.full * share)), seed, places))
        (report / "campaigns.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
        (report / "campaigns.md").write_text("\n".join(lines(found)) + "\n", encoding="utf-8")
    click.echo("\n".join(lines(found)))
    sys.exit(exit_code(found))


if __name__ == "__main__":
    main()
