"""`annolog drill`: prove on one's own machine that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

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


class FolderError(Exception):
    """A folder cannot be used."""


_REFUSALS = (
    faults.UnknownFaultError,
    faults.UnavailableFaultError,
    StartError,
    InjectionError,
    ClientError,
    FolderError,
)


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
        plan = Plan(
            rounds=rounds,
            clients=clients,
            seconds=seconds,
            seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
            faults=tuple(asyncio.run(faults.chosen(names))),
            command=_command(server),
        )
        report = _kept_or_removed(plan, data_dir)
    except _REFUSALS as error:
        click.echo(f"annolog: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        click.echo("annolog: interrupted; nothing was decided.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    _tell(plan, report)
    written = report_to is None or _written(report, report_to)
    sys.exit(EXIT_VIOLATION if report.violations else 0 if written else EXIT_USAGE)


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


def _command(text: str) -> tuple[str, ...]:
    try:
        parts = tuple(shlex.split(text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} cannot be read as a command: {error}", param_hint="server") from error
    if not parts:
        raise click.BadParameter("is empty, expected a command that starts a server", param_hint="server")
    return parts


def _kept_or_removed(plan: Plan, data_dir: Path | None) -> DrillReport:
    """Drill in a folder, which is removed if it is a temporary one and there is nothing to look at in it."""
    folder = _made(data_dir)
    is_kept = data_dir is not None
    try:
        report = _drilled(plan, folder)
        is_kept = is_kept or bool(report.violations)
    finally:
        if not is_kept:
            shutil.rmtree(folder)
    report.directory = str(folder) if is_kept else ""
    return report


def _made(data_dir: Path | None) -> Path:
    """Return an empty folder."""
    try:
        if data_dir is None:
            return Path(tempfile.mkdtemp(prefix="annolog-drill-"))
        data_dir.mkdir(parents=True, exist_ok=True)
        found = next(data_dir.iterdir(), None)
    except OSError as error:
        raise FolderError(f"There is no folder for the data: {error}") from error
    if found is not None:
        raise FolderError(f"{data_dir} holds {found.name}, expected an empty folder or a new one.")
    return data_dir.absolute()


def _tell(plan: Plan, report: DrillReport) -> None:
    click.echo(table(report))
    if report.cut_short:
        click.echo("Cut short: " + ", ".join(f"{what} {count} times" for what, count in report.cut_short.items()) + ".")
    if not report.violations:
        reads = sum(one.read for one in report.rounds)
        click.echo(f"All is well: {reads:,} reads and every answer checked, {report.seconds_in_all:.0f} s.")
        return
    for line in told(report.violations):
        click.echo(line)
    click.echo(f"The data, and what the server logged, are kept in {report.directory}.")
    click.echo(f"The same choices again (not the same timing): {plan.replay(len(report.rounds))}")


def _written(report: DrillReport, directory: Path) -> bool:
    try:
        paths = write(report, directory)
    except OSError as error:
        click.echo(f"annolog: the report cannot be written: {error}", err=True)
        return False
    click.echo(f"Wrote {' and '.join(map(str, paths))}.")
    return True


async def _listed() -> str:
    missing = await faults.unavailable(faults.FAULTS.values())
    width = max(map(len, faults.FAULTS))
    return "\n".join(
        f"{fault.name:{width}}  {fault.does}" + (f" (not here: {missing[fault.name]})" if fault.name in missing else "")
        for fault in faults.FAULTS.values()
    )
