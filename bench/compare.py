"""Annolog beside what people would use in its place: all sides interleaved in one run, each in its real durability.

Run as ``python -m bench.compare``; `make bench` and `make bench-quick` do.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from bench.bulk import LINES, AnnologBulk, PostgresCopy, RedisPipeline, Sqlite, filled
from bench.compare_report import report, svg
from bench.create import RESULTS, machine
from bench.load import closed_loop
from bench.mixed import mixed
from bench.peers.annolog import Annolog, Filled, Memory, OneSync
from bench.peers.large import Doccano, LabelStudio
from bench.peers.peers import Bare, Etcd, FastApi, JsonFile, PocketBase, Postgres, Webdis
from bench.peers.side import CREATE, GET, LIST, Side

ROUNDS, SECONDS = 9, 3.0
QUICK_ROUNDS, QUICK_SECONDS = 3, 0.4
MIXED = "mixed"


class Scenario(NamedTuple):
    """What is asked of some sides, the first of which is Annolog."""

    name: str
    title: str
    kind: str
    clients: int
    sides: Sequence[type[Side]]
    large: Sequence[type[Side]] = ()

    def with_large(self) -> Scenario:
        """Return it with the large sides too."""
        return self._replace(sides=(*self.sides, *self.large))


BULK = "bulk"
_LARGE = (LabelStudio, Doccano)
SCENARIOS = (
    Scenario(
        "create",
        "durable create, 64 clients",
        CREATE,
        64,
        (Annolog, Memory, Bare, PocketBase, FastApi, Postgres, Webdis, Etcd),
        _LARGE,
    ),
    Scenario("alone", "durable create, one client alone", CREATE, 1, (Annolog, OneSync)),
    Scenario("get", "GET by id, 64 clients", GET, 64, (Annolog, Bare, PocketBase), _LARGE),
    Scenario("list", "list of 50, 64 clients", LIST, 64, (Annolog, PocketBase), _LARGE),
    Scenario(
        "bulk",
        f"bulk load, durable: marks a second; p50 and p99 are of loads of {LINES:,}",
        BULK,
        1,
        (AnnologBulk, Sqlite, PostgresCopy, RedisPipeline),
    ),
    Scenario("rewrite", "create among 100,000 entities, 8 clients", CREATE, 8, (Filled, JsonFile)),
)


async def compare(scenario: Scenario, rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Return the rounds of each side of a scenario, and what the sides that were not run need.

    Args:
        scenario: What is asked of whom.
        rounds: Of each side; which goes first changes from round to round.
        seconds: Of each round.
        folder: For what the sides store.
    """
    missing = {one.name: needed for one in scenario.sides if (needed := one.needs())}
    sides: list[Side] = []
    found: dict[str, Any] = {
        one.name: {"durability": one.durability, "rounds": []} for one in scenario.sides if one.name not in missing
    }
    try:
        for place, kind in enumerate(scenario.sides):
            if kind.name not in missing:
                own = folder / f"{scenario.name}-{place}"
                own.mkdir()
                sides.append(kind(own))
                await sides[-1].start()
                await measured(sides[-1], scenario, min(seconds, 1.0))
        for number in range(rounds):
            first = number % len(sides)
            for side in [*sides[first:], *sides[:first]]:
                found[side.name]["rounds"].append(await measured(side, scenario, seconds))
    finally:
        for side in sides:
            side.stop()
    return {"title": scenario.title, "clients": scenario.clients, "sides": found, "not_run": missing}


async def measured(side: Side, scenario: Scenario, seconds: float) -> dict[str, float]:
    """Load a side once; returns requests a second, latencies and the CPU time a request of all its processes."""
    if scenario.kind == BULK:
        return await filled(side)  # type: ignore[arg-type]
    ask, before = side.asks[scenario.kind], side.cpu_seconds()
    done = await closed_loop(side.address, ask.request, ask.status, scenario.clients, seconds)
    ordered = sorted(done.latencies)
    return {
        "requests": done.requests,
        "rate": done.requests / done.seconds,
        "p50_ms": statistics.median(ordered) * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "cpu_us": (side.cpu_seconds() - before) / done.requests * 1e6,
    }


async def run(
    scenarios: Sequence[Scenario], rounds: int, seconds: float, results: Path, *, is_mixed: bool
) -> dict[str, Any]:
    """Measure scenarios, and the mixed load if asked; what was measured is written at once, lest it be lost."""
    with tempfile.TemporaryDirectory(prefix="annolog-bench-") as work:
        # PostgreSQL runs as another user below it.
        Path(work).chmod(0o711)
        figures: dict[str, Any] = {"machine": machine(Path(work)), "rounds": rounds, "seconds": seconds}
        figures["scenarios"] = {}
        for scenario in scenarios:
            click.echo(f"measuring: {scenario.title}", err=True)
            figures["scenarios"][scenario.name] = await compare(scenario, rounds, seconds, Path(work))
            write(figures, results)
        if is_mixed:
            click.echo("measuring: mixed load", err=True)
            figures[MIXED] = await mixed(rounds, seconds, Path(work))
            write(figures, results)
    return figures


def write(figures: dict[str, Any], results: Path) -> None:
    """Write the figures as JSON, as Markdown, and as a drawing."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "compare.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    (results / "compare.md").write_text(report(figures), encoding="utf-8")
    (results / "compare.svg").write_text(svg(figures), encoding="utf-8")


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.05), default=SECONDS, show_default=True)
@click.option("--quick", is_flag=True, help=f"{QUICK_ROUNDS} rounds of {QUICK_SECONDS} s: to see that it works.")
@click.option("--only", multiple=True, type=click.Choice([*(one.name for one in SCENARIOS), MIXED]))
@click.option("--large", is_flag=True, help="Beside Label Studio and doccano too, which are large.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(rounds: int, seconds: float, quick: bool, only: tuple[str, ...], large: bool, results: Path) -> None:
    """Compare Annolog with its peers; a peer whose package is not installed is named with what it needs."""
    scenarios = [one.with_large() if large else one for one in SCENARIOS if not only or one.name in only]
    if quick:
        rounds, seconds = QUICK_ROUNDS, QUICK_SECONDS
    # Not epoll: that one waits in whole milliseconds, and the open loop would be late by that.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        figures = runner.run(run(scenarios, rounds, seconds, results, is_mixed=not only or MIXED in only))
    click.echo(report(figures))
    click.echo(f"Wrote {results}/compare.json, compare.md and compare.svg.", err=True)


if __name__ == "__main__":
    main()
