"""`annolog drill`: prove on one's own machine that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import sys
from pathlib import Path

import click
from tqdm import tqdm

from service.client import ClientError
from service.drill import faults
from service.drill.campaign import begun, drill
from service.drill.folder import FolderError, kept_or_removed
from service.drill.interruption import until_interrupted
from service.drill.plan import BOTH, MIXES, ROUNDS_PER_DIRECTORY, Mix, Plan
from service.drill.report import outcome, write
from service.drill.server_process import COMMAND, StartError
from service.drill.strace import InjectionError
from service.drill.tally import DrillReport, RoundReport
from service.drill.team.work import SetUpError

EXIT_VIOLATION = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
ROUNDS_PER_DIRECTORY_MAX = 200
_SEED_BITS = 32
_REFUSALS = (
    faults.UnknownFaultError,
    faults.UnavailableFaultError,
    StartError,
    InjectionError,
    SetUpError,
    ClientError,
    FolderError,
)


@click.command("drill")
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True)
@click.option(
    "--rounds-per-directory",
    type=click.IntRange(1, ROUNDS_PER_DIRECTORY_MAX),
    default=ROUNDS_PER_DIRECTORY,
    show_default=True,
    help="Then a new data directory is begun.",
)
@click.option("--clients", type=click.IntRange(1, 500), default=16, show_default=True, help="At the same time.")
@click.option(
    "--faults", "names", default=faults.DEFAULT, show_default=True, help="A round draws one; 'all': every one."
)
@click.option(
    "--mix", type=click.Choice(MIXES), default=BOTH, show_default=True, help="What clients do: half of them each."
)
@click.option("--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="Of load a round, about.")
@click.option("--time-limit", type=click.FloatRange(0.1), help="Seconds, after which the drill is interrupted.")
@click.option("--seed", type=int, help="Repeats the choices of an earlier drill.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Empty or new; it is kept.")
@click.option(
    "--report", "report_to", type=click.Path(file_okay=False, path_type=Path), help="For drill.json, drill.html."
)
@click.option("--server", default=shlex.join(COMMAND), help="Starts the server, in place of 'annolog serve'.")
@click.option("--list-faults", is_flag=True, help="Tell what can be injected here, and end.")
def drill_command(
    rounds: int,
    rounds_per_directory: int,
    clients: int,
    names: str,
    mix: Mix,
    seconds: float,
    time_limit: float | None,
    seed: int | None,
    data_dir: Path | None,
    report_to: Path | None,
    server: str,
    list_faults: bool,
) -> None:
    """Load the real server, inject faults, and check that nothing acknowledged is lost, doubled or answered otherwise.

    Exit code 0: all is well; 1: a promise was broken; 2: usage, or a fault that this machine cannot inject; 130:
    interrupted, and nothing was found in the rounds before.
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
            rounds_per_directory=rounds_per_directory,
            command=_command(server),
            mix=mix,
        )
        report = begun(plan)
        code = _drilled(plan, report, data_dir, time_limit)
    except _REFUSALS as error:
        click.echo(f"annolog: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        click.echo("annolog: interrupted before the first round.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    for line in outcome(report, plan.replay(len(report.rounds))):
        click.echo(line)
    written = report_to is None or _written(report, report_to)
    sys.exit(exit_code(report, code or (0 if written else EXIT_USAGE)))


def exit_code(report: DrillReport, otherwise: int) -> int:
    """Return the exit code: a violation is told before anything else, also of a drill that was interrupted."""
    return EXIT_VIOLATION if report.violations else otherwise


def _drilled(plan: Plan, report: DrillReport, data_dir: Path | None, time_limit: float | None) -> int:
    """Drill, and return the exit code for how that ended; however it did, the report tells of the whole rounds."""
    with kept_or_removed(data_dir, report) as folder, tqdm(total=plan.rounds, unit="round", file=sys.stderr) as bar:
        bar.write(f"seed {plan.seed}, data in {folder}", file=sys.stderr)
        acknowledged, violations = 0, 0

        def advance(one: RoundReport) -> None:
            nonlocal acknowledged, violations
            acknowledged, violations = acknowledged + one.acknowledged, violations + len(one.violations)
            bar.set_postfix_str(f"last {one.fault}, {acknowledged:,} acknowledged, {violations} violations")
            bar.update()

        work = drill(plan, folder, report, advance, keeps_all=data_dir is not None)
        try:
            report.interrupted = asyncio.run(until_interrupted(work, time_limit))
        except _REFUSALS as error:
            if not report.rounds:
                raise
            report.interrupted = str(error)
            click.echo(f"annolog: {error}", err=True)
            return EXIT_USAGE
    if report.interrupted:
        click.echo(f"annolog: interrupted by {report.interrupted}.", err=True)
        return EXIT_INTERRUPTED
    return 0


def _command(text: str) -> tuple[str, ...]:
    try:
        parts = tuple(shlex.split(text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} cannot be read as a command: {error}", param_hint="server") from error
    if not parts:
        raise click.BadParameter("is empty, expected a command that starts a server", param_hint="server")
    return parts


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
