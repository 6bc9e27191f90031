"""All measurements of what grows with the data, in one run: ``python -m bench.scale``, or `make bench-scale`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.create import RESULTS, machine
from bench.scale import compaction, http, recovery
from bench.scale.dataset import make_directory
from bench.scale.report import report

SMALL, MIDDLE, LARGE = 1_000, 10_000, 1_000_000
PARTS = ("state", "recovery", "http", "compaction", "written")


class Run:
    """One run: data directories are made when they are first needed, in a temporary folder.

    Args:
        work: That folder.
        large: The largest number of annotations.
    """

    def __init__(self, work: Path, large: int) -> None:
        self._work = work
        self.sizes = (min(SMALL, large), min(MIDDLE, large), large)

    def state(self) -> list[dict[str, Any]]:
        """Measure the state alone at each size."""
        return [json.loads(self._ask("bench.scale.state", str(size))) for size in self.sizes]

    def recovery(self, rounds: int, *, with_redis: bool) -> dict[str, Any]:
        """Measure starts and memory."""
        size = self.sizes[-1]
        log_only = self._work / "log-only"
        make_directory(log_only, size, snapshot=False)
        redis = self._work / "redis"
        redis.mkdir()
        found = recovery.measure(self._directory(size), log_only, size, redis, rounds, with_redis=with_redis)
        shutil.rmtree(log_only)
        return found

    def http(self) -> dict[str, Any]:
        """Measure creates and lists over HTTP."""
        small, middle, large = self.sizes
        pages = http.lists(self._directory(middle), self._copy(large), (middle, large))
        return {"creates": http.creates(self._copy(small), self._copy(large)), "lists": pages}

    def compaction(self, rounds: int, rest_seconds: float) -> dict[str, Any]:
        """Measure what clients notice of compactions."""
        return compaction.measure(lambda: self._copy(self.sizes[-1]), rounds, rest_seconds)

    def written(self, share: float | None, cycles: int) -> dict[str, Any]:
        """Measure what is written for each byte of records."""
        directory = str(self._copy(self.sizes[-1]))
        shares = [] if share is None else [str(share)]
        return dict(json.loads(self._ask("bench.scale.written", directory, str(cycles), *shares)))

    def _directory(self, size: int) -> Path:
        path = self._work / f"of-{size}"
        if not path.exists():
            make_directory(path, size, snapshot=True)
        return path

    def _copy(self, size: int) -> Path:
        """Return a copy of a data directory, which may be written; the last one is removed."""
        path = self._work / f"copy-of-{size}"
        if path.exists():
            shutil.rmtree(path)
        shutil.copytree(self._directory(size), path)
        # What is still to be written of it would be in the way of what is measured.
        os.sync()
        return path

    def _ask(self, module: str, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True
        ).stdout.decode()


@click.command()
@click.option("--size", type=click.IntRange(100), default=LARGE, show_default=True, help="Annotations at the most.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part; several may be given.")
@click.option("--redis/--no-redis", default=True, help="Compare with redis-server, which must be installed.")
@click.option("--starts", type=click.IntRange(1), default=9, show_default=True, help="Of each side.")
@click.option("--compactions", type=click.IntRange(1), default=3, show_default=True)
@click.option("--rest", type=click.FloatRange(1.5), default=compaction.REST_SECONDS, show_default=True)
@click.option("--share", type=click.FloatRange(0.01), help="compaction.growth_share for `written`; else the default.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(
    size: int,
    parts: tuple[str, ...],
    redis: bool,
    starts: int,
    compactions: int,
    rest: float,
    share: float | None,
    results: Path,
) -> None:
    """Measure everything and print it as Markdown; the figures are kept as JSON too."""
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="annolog-bench-") as work:
        run = Run(Path(work), size)
        measures: dict[str, Callable[[], Any]] = {
            "state": run.state,
            "recovery": lambda: run.recovery(starts, with_redis=redis),
            "http": run.http,
            "compaction": lambda: run.compaction(compactions, rest),
            "written": lambda: run.written(share, 2),
        }
        figures: dict[str, Any] = {"machine": machine(Path(work)), "size": size}
        for name in parts or PARTS:
            click.echo(f"measuring: {name}", err=True)
            figures[name] = measures[name]()
            # At once: the last part takes long, and what was measured before it must not go with it.
            (results / "scale.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    click.echo(report(figures))


if __name__ == "__main__":
    main()
