"""`annolog import legacy`."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO, NoReturn
from zoneinfo import ZoneInfo

import click
import msgspec
from tqdm import tqdm

from service.legacy.report import Report, printable, table
from service.legacy.snapshot import LegacyError
from service.legacy.transfer import UnverifiedError, import_snapshot
from service.settings import Settings, SettingsError, Tree, load
from wal.errors import DamagedError, DirectoryLockedError, WalError

EXIT_REFUSED = 1
_EXITS: dict[type[Exception], int] = {
    SettingsError: 2,
    DirectoryLockedError: 3,
    DamagedError: 4,
    UnverifiedError: 4,
    LegacyError: EXIT_REFUSED,
    WalError: EXIT_REFUSED,
    OSError: 5,
}


class _Zone(click.ParamType[tzinfo]):
    """A time zone by its name."""

    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Return the zone."""
        try:
            return ZoneInfo(str(value))
        except (ValueError, OSError, LookupError):
            self.fail(f"{value!r} is no time zone of this machine; write for example Europe/Berlin.", param, ctx)


@click.command("legacy")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data-dir", help="Directory of the data; it must hold no log.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings that differ.")
@click.option("--skip-invalid", is_flag=True, help="Import the rest when something cannot be taken over.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write what came of it here, as JSON.")
@click.option("--zone", type=_Zone(), default="UTC", show_default=True, help="Of times that name none.")
def import_legacy(
    file: Path, data_dir: str | None, config: Path | None, skip_invalid: bool, report: Path | None, zone: tzinfo
) -> None:
    """Import the proof of concept's db_snapshot.json, as a whole or not at all. FILE is only read."""
    stream = None if report is None else _opened(report, file)
    flags: Tree = {} if data_dir is None else {"data": {"directory": data_dir}}
    try:
        settings = load(config, os.environ, flags)
        done = _import(file.absolute(), settings, zone, skip_invalid=skip_invalid)
    except tuple(_EXITS) as error:
        _fail(next(code for kind, code in _EXITS.items() if isinstance(error, kind)), error)
    # What came of it is told first: a report that cannot be written changes nothing of that.
    _tell(done)
    if stream is not None:
        _write(stream, done)
    if not done.imported:
        sys.exit(EXIT_REFUSED)


def _opened(report: Path, file: Path) -> BinaryIO:
    """Open the report before anything is done; it must not take the place of what is imported."""
    try:
        if report.exists() and file.exists() and report.samefile(file):
            raise click.BadParameter(f"{report} is the file that is to be imported.", param_hint="report")
        return report.open("wb")
    except OSError as error:
        raise click.BadParameter(f"{report} cannot be written: {error.strerror}.", param_hint="report") from error


def _write(stream: BinaryIO, report: Report) -> None:
    try:
        with stream:
            stream.write(msgspec.json.format(msgspec.json.encode(report), indent=1))
    except OSError as error:
        _fail(_EXITS[OSError], OSError(f"{stream.name} cannot be written: {error.strerror}. All else was done."))


def _import(file: Path, settings: Settings, zone: tzinfo, *, skip_invalid: bool) -> Report:
    directory = Path(settings.data.directory).absolute()
    with tqdm(unit="entity", file=sys.stderr, disable=None) as bar:
        return asyncio.run(
            import_snapshot(
                file,
                directory,
                settings,
                skip_invalid=skip_invalid,
                zone=zone,
                on_total=bar.reset,
                on_progress=bar.update,
            )
        )


def _tell(report: Report) -> None:
    for note in report.notes:
        click.echo(f"note: {printable(note)}", err=True)
    for one in report.left_out:
        click.echo(f"left out: {one}", err=True)
    click.echo(table(report))
    if report.imported:
        click.echo(f"{report.directory} holds them now; {report.file} is as it was.")
        return
    click.echo(
        f"annolog: {len(report.left_out)} of {report.file} cannot be taken over, so nothing was imported. "
        "Repair the file, or leave them out with --skip-invalid.",
        err=True,
    )


def _fail(code: int, error: Exception) -> NoReturn:
    click.echo(f"annolog: {printable(str(error))}", err=True)
    sys.exit(code)
