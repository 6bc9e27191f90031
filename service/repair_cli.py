"""`annolog log repair`: what a person runs after a start was refused. It copies first, asks, and says what is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
from tqdm import tqdm

from service.clock import format_time
from wal.errors import DamagedError, DirectoryLockedError, UnsupportedFormatError, WalError
from wal.repair import Repair
from wal.repair_steps import NOTHING, TIME, BeyondRepairError, GivenUp, Plan, SetAside, Step, WriteSegment

EXIT_REFUSED = 1
_EXITS: dict[type[Exception], int] = {
    DirectoryLockedError: 3,
    BeyondRepairError: 4,
    DamagedError: 4,
    UnsupportedFormatError: 4,
    WalError: EXIT_REFUSED,
    OSError: EXIT_REFUSED,
}
_UNSEEN = "Whether the records lead to the states that were sealed is for the next start to tell."


@click.command("repair")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show the plan, change nothing.")
def repair_command(directory: Path, yes: bool, dry_run: bool) -> None:
    """Make a DIRECTORY that serve refuses with exit code 4 start again, after a copy; says first what is lost."""
    try:
        repair = Repair(directory, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
        try:
            _offer(repair, directory, is_sure=yes, is_dry=dry_run)
        finally:
            repair.close()
    except tuple(_EXITS) as error:
        code = next(code for kind, code in _EXITS.items() if isinstance(error, kind))
        _end(code, f"annolog: {error}")


def _offer(repair: Repair, directory: Path, *, is_sure: bool, is_dry: bool) -> None:
    plan = repair.plan
    if not plan.steps:
        click.echo(f"Nothing is wrong with {directory}, up to sequence {plan.kept}; nothing was changed. {_UNSEEN}")
        return
    click.echo("\n".join(_told(plan, directory)))
    if is_dry:
        click.echo("Nothing was changed.")
        return
    click.echo(f"First everything ({repair.needed_bytes()} bytes with what is moved) is copied to {repair.copy}.")
    if not is_sure:
        _ask()
    with tqdm(unit="file", file=sys.stderr, disable=None) as bar:

        def advance(_: Path) -> None:
            bar.update()

        found = repair.run(advance)
    click.echo(
        f"Repaired and verified, up to sequence {found.segments[-1].last}. The directory as it was is in "
        f"{repair.copy}; what was cut or moved aside is in {repair.removed} too. {_UNSEEN}"
    )


def _ask() -> None:
    """Go on only if a person says so."""
    if not sys.stdin.isatty():
        _end(EXIT_REFUSED, "annolog: Nobody can be asked here, and --yes was not given. Nothing was changed.")
    if not click.confirm("Go on?"):
        _end(EXIT_REFUSED, "annolog: Declined. Nothing was changed.")


def _told(plan: Plan, directory: Path) -> Iterator[str]:
    yield f"To repair {directory} (log {plan.log_id}):"
    for number, step in enumerate(plan.steps, 1):
        yield f"{number}. {_what(step, directory)}; found {step.found}; loses {step.loses}"
    snapshot = f"the snapshot at {plan.snapshot} and " if plan.snapshot else ""
    kept = f"{snapshot}every record up to sequence {plan.kept}" if plan.kept else "no record at all"
    yield f"Left for a start: {kept}."
    yield _lost(plan)


def _lost(plan: Plan) -> str:
    if plan.known > plan.kept:
        return f"Lost: sequences {plan.kept + 1} to {plan.known}, as far as is known. {_given_up(plan.given_up)}"
    losing = [step for step in plan.steps if step.loses != NOTHING]
    if any(isinstance(step, WriteSegment) for step in losing):
        return f"Lost: whatever there was from sequence {plan.kept + 1} on; nothing tells if there was anything."
    if any(step.loses != TIME for step in losing):
        return "Lost: history, as the steps say; nothing that a start needs."
    return "Nothing is lost but time, as the steps say." if losing else "Nothing is lost."


def _what(step: Step, directory: Path) -> str:
    path = step.path.relative_to(directory)
    if isinstance(step, WriteSegment):
        if step.source is None:
            return f"put an empty segment at {path}"
        source = "" if step.source == step.path else f" from {step.source.relative_to(directory)}"
        return f"write {path} anew{source} up to offset {step.end}, zeros behind it"
    return f"move {path} aside" if isinstance(step, SetAside) else f"write {path} anew"


def _given_up(given_up: GivenUp | None) -> str:
    if given_up is None or not given_up.records:
        return "None of their transactions verifies any more."
    some = ", ".join(f"{kind} {key}" for kind, key in given_up.some)
    more = given_up.keys - len(given_up.some)
    return (
        f"Of these {given_up.records} transactions still verify but hang in the air, and are given up: sequences "
        f"{given_up.first} to {given_up.last}, from {format_time(given_up.since)} to {format_time(given_up.until)}, "
        f"about {given_up.keys} entities: {some}{f' and {more} more' if more else ''}."
    )


def _end(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
