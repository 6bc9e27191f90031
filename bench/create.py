"""Durable creates against the same application with the log left out, interleaved in one run.

Run as ``python -m bench.create``; `make bench` does.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from bench.load import Target
from bench.process import SideProcess

TARGET_RATIO = 0.90
RESULTS = Path("bench/results")


class Side:
    """One side: its process, and what its rounds gave.

    Attributes:
        requests: Of each round.
        rates: Requests a second of each round.
        cpu: Microseconds of CPU time a request, of the server and its processes, of each round.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self.requests: list[int] = []
        self.rates: list[float] = []
        self.cpu: list[float] = []
        self._process = SideProcess(name, *arguments)
        self._target = Target(self._process.port)

    async def prepare(self, clients: int, seconds: float) -> None:
        """Make what the rounds need, and warm up."""
        await self._target.prepare()
        await self._target.load(clients, seconds)

    async def round(self, clients: int, seconds: float) -> None:
        """Load it once, and keep the figures."""
        before = self._process.ask("cpu")
        answered = await self._target.load(clients, seconds)
        self.requests.append(answered.requests)
        self.rates.append(answered.requests / answered.seconds)
        self.cpu.append((self._process.ask("cpu") - before) / answered.requests * 1e6)

    def close(self) -> None:
        """End its process."""
        self._process.close()


async def compare(rounds: int, seconds: float, clients: int) -> dict[str, Any]:
    """Return the figures of both sides, and their ratios.

    Args:
        rounds: Of each side; which goes first alternates.
        seconds: Of each round.
        clients: At the same time.
    """
    with tempfile.TemporaryDirectory(prefix="annolog-bench-") as directory:
        durable, memory = Side("durable", directory), Side("memory")
        try:
            for side in (durable, memory):
                await side.prepare(clients, min(seconds, 1.0))
            for number in range(rounds):
                for side in (durable, memory) if number % 2 else (memory, durable):
                    await side.round(clients, seconds)
        finally:
            durable.close()
            memory.close()
    pairs = list(zip(durable.rates, memory.rates, strict=True))
    return {
        "rounds": rounds,
        "seconds": seconds,
        "clients": clients,
        "machine": machine(Path(tempfile.gettempdir())),
        "sides": {
            side.name: {"requests": side.requests, "rates": side.rates, "cpu_us": side.cpu}
            for side in (durable, memory)
        },
        "ratio": statistics.median(durable.rates) / statistics.median(memory.rates),
        "ratio_of_pairs": statistics.median(one / other for one, other in pairs),
        "cpu_ratio": statistics.median(memory.cpu) / statistics.median(durable.cpu),
    }


def machine(directory: Path) -> str:
    """Name what a run is measured on: the processor, the system, and the file system of a directory."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    below = [(path, kind) for path, kind in mounts if directory.resolve().is_relative_to(path)]
    _, file_system = max(below, key=lambda mount: len(mount[0]))
    processor = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}"
    return f"{processor}, {file_system}, {platform.platform()}, Python {platform.python_version()}"


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    extent = f"{figures['clients']} clients, {figures['rounds']} interleaved rounds of {figures['seconds']} s a side"
    lines = [
        f"{extent}; {figures['machine']}",
        "",
        "| side | creates/s, median | quartiles | server CPU a request, median |",
        "|---|---|---|---|",
    ]
    for name, side in figures["sides"].items():
        low, middle, high = quartiles(side["rates"])
        cpu = statistics.median(side["cpu_us"])
        lines.append(f"| {name} | {middle:,.0f} | {low:,.0f} to {high:,.0f} | {cpu:,.0f} µs |")
    lines += ["", f"Ratio of medians: {figures['ratio']:.3f}; median of the pairs' ratios: "]
    lines[-1] += f"{figures['ratio_of_pairs']:.3f}; by CPU time of the server: {figures['cpu_ratio']:.3f}."
    return "\n".join(lines)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=11, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.05), default=3.0, show_default=True)
@click.option("--clients", type=click.IntRange(1), default=64, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(rounds: int, seconds: float, clients: int, results: Path) -> None:
    """Compare durable creates with the same application without a log; exit 1 below the target."""
    figures = asyncio.run(compare(rounds, seconds, clients))
    results.mkdir(parents=True, exist_ok=True)
    (results / "create.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    click.echo(table(figures))
    # Neighbouring rounds see the same noise, so their ratio counts as much as that of the medians.
    reached = min(figures["ratio"], figures["ratio_of_pairs"]) >= TARGET_RATIO
    click.echo(f"{'PASS' if reached else 'FAIL'}: at least {TARGET_RATIO:.2f} wanted, of both ratios of rates")
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
