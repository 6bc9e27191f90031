"""A whole drill: round after round, over one data directory after the other, until a round finds something."""

from __future__ import annotations

import asyncio
import itertools
import platform
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from service.drill.directory import Directory
from service.drill.folder import FolderError
from service.drill.plan import Plan
from service.drill.sessions import Clock
from service.drill.tally import DrillReport, RoundReport


async def drill(
    plan: Plan,
    folder: Path,
    report: DrillReport,
    on_round: Callable[[RoundReport], None] = lambda _: None,
    *,
    keeps_all: bool = True,
) -> None:
    """Carry out a plan; the first round that finds something is the last one.

    Args:
        plan: What is to be done.
        folder: Empty; gets a folder for each data directory.
        report: Of this plan, as it begins; it has every whole round, however this ends.
        on_round: Called after each round.
        keeps_all: Also the directories in which nothing was found.

    Raises:
        StartError: The server does not start on an empty directory.
        InjectionError: A fault cannot be injected any more.
        ClientError: Nobody can register or log in.
        FolderError: There is no folder for a directory.
    """
    clock, numbers = Clock(), itertools.count(1)
    try:
        for number, rounds in enumerate(plan.directories(), start=1):
            place = folder / name_of(number)
            try:
                directory = Directory(plan, place, clock, numbers)
            except OSError as error:
                raise FolderError(f"There is no folder for the data: {error}") from error
            if not await directory.run(number, rounds, report, on_round):
                break
            if not keeps_all:
                await asyncio.to_thread(shutil.rmtree, place)
    finally:
        report.seconds_in_all = clock()


def name_of(directory: int) -> str:
    """Return the name of a directory's folder."""
    return f"directory-{directory:03}"


def begun(plan: Plan) -> DrillReport:
    """Return the report of a drill that has done nothing yet."""
    return DrillReport(
        seed=plan.seed,
        clients=plan.clients,
        seconds=plan.seconds,
        faults=[fault.name for fault in plan.faults],
        command=plan.replay(plan.rounds),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("annolog"),
        machine=f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}",
        rounds_planned=plan.rounds,
        rounds_per_directory=plan.rounds_per_directory,
    )
