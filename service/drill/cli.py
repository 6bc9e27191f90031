"""`annolog drill`: prove on one's own machine that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click
from tqdm import tqdm

from service.client import ClientError
from service.drill import faults
from service.drill.campaign import Plan, drill
from service.drill.report import table, told, write
from service.drill.server_process import COMMAND, StartError
from service.drill.strace import InjectionError
from service.drill.tally import DrillReport, RoundReport

EXIT_VIOLATION = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_SEED_BITS = 32
_REFUSALS = (faults.UnknownFaultError, faults.UnavailableFaultError, StartError, InjectionError, ClientError, OSError)


@click.command("drill")
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True)
@click.option("--clients", type=click.IntRange(1, 500), default=16, show_default=True, help="At the same time.")
@click.option(
    "--faults", "names", default=faults.DEFAULT, show_default=True, help="A round draws one; 'all': every one."
)
@click.option("--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="Of load a round, about.")
@click.option("--seed", type=int, help="Repeats the choices of an earlier drill.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Empty or new; it is kept.")
@click.option(
    "--report", "report_to", type=click.Path(file_okay=False, path_type=Path), help="For drill.json, drill.html."
)
@click.option("--server", default=shlex.join(COMMAND), help="Starts the server, in place of 'annolog serve'.")
@click.option("--list-faults", is_flag=True, help="Tell what can be injected here, and end.")
def drill_command(
    rounds: int,
    clients: int,
    names: str,
    seconds: float,
    seed: int | None,
    data_dir: Path | None,
    report_to: Path | None,
    server: str,
    list_faults: bool,
) -> None:
    """Load the real server, inject faults, and check that nothing acknowledged is lost, doubled or answered otherwise.

    Exit code 0: all is well; 1: a promise was broken; 2: usage, or a fault that this machine cannot inject.
    """
    if list_faults:
        click.echo(asyncio.run(_listed()))
        return
    try:
        if data_dir is not None and data_dir.exists() and any(data_dir.iterdir()):
            raise click.BadParameter(f"{data_dir} is not empty, expected an empty or a new one", param_hint="data-dir")
        plan = Plan(
            rounds=rounds,
            clients=clients,
            seconds=seconds,
            seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
            faults=tuple(asyncio.run(faults.chosen(names))),
            command=tuple(shlex.split(server)),
        )
        report = _kept_or_removed(plan, data_dir)
        for path in write(report, report_to) if report_to is not None else ():
            click.echo(f"Wrote {path}.")
    except _REFUSALS as error:
        click.echo(f"annolog: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        click.echo("annolog: interrupted; nothing was decided.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    _conclude(plan, report)


def _drilled(plan: Plan, folder: Path) -> DrillReport:
    click.echo(f"seed {plan.seed}, data in {folder}", err=True)
    with tqdm(total=plan.rounds, unit="round", file=sys.stderr) as bar:
        acknowledged, violations = 0, 0

        def advance(one: RoundReport) -> None:
            nonlocal acknowledged, violations
            acknowledged, violations = acknowledged + one.acknowledged, violations + len(one.violations)
            bar.set_postfix_str(f"last {one.fault}, {acknowledged:,} acknowledged, {violations} violations")
            bar.update()

        return asyncio.run(drill(plan, folder, advance))


def _kept_or_removed(plan: Plan, data_dir: Path | None) -> DrillReport:
    """Drill in a folder, which is removed if it is a temporary one and there is nothing to look at in it."""
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="annolog-drill-")) if data_dir is None else data_dir.absolute()
    is_kept = data_dir is not None
    try:
        report = _drilled(plan, folder)
        is_kept = is_kept or bool(report.violations)
    finally:
        if not is_kept:
            shutil.rmtree(folder)
    report.directory = str(folder) if is_kept else ""
    return report


def _conclude(plan: Plan, report: DrillReport) -> NoReturn:
    click.echo(table(report))
    if report.cut_short:
        click.echo("Cut short: " + ", ".join(f"{what} {count} times" for what, count in report.cut_short.items()) + ".")
    violations = report.violations
    if not violations:
        reads = sum(one.read for one in report.rounds)
        click.echo(f"All is well: {reads:,} reads and every answer checked, {report.seconds_in_all:.0f} s.")
        sys.exit(0)
    for line in told(violations):
        click.echo(line)
    click.echo(f"The data, and what the server logged, are kept in {report.directory}.")
    click.echo(f"The same choices again (not the same timing): {plan.replay(len(report.rounds))}")
    sys.exit(EXIT_VIOLATION)


async def _listed() -> str:
    missing = await faults.unavailable(faults.FAULTS.values())
    width = max(map(len, faults.FAULTS))
    return "\n".join(
        f"{fault.name:{width}}  {fault.does}" + (f" (not here: {missing[fault.name]})" if fault.name in missing else "")
        for fault in faults.FAULTS.values()
    )
