"""`annolog compact`: make a snapshot now, by the server that runs or, if none does, by this process."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from service.client import Client, ClientError
from service.kinds import KINDS
from service.legacy.pending import EXIT_UNIMPORTED, UnimportedError, refuse_unimported
from service.settings import SettingsError, load
from service.state.state import State, index_fields
from wal.compactor import Compactor
from wal.errors import DamagedError, DirectoryLockedError, UnsupportedFormatError, WalError
from wal.opening import open_log

_POLL_SECONDS = 0.2
EXIT_FAILED = 1
_EXITS: dict[type[Exception], int] = {
    SettingsError: 2,
    DirectoryLockedError: 3,
    DamagedError: 4,
    UnsupportedFormatError: 4,
    WalError: EXIT_FAILED,
    ClientError: EXIT_FAILED,
    OSError: 5,
    UnimportedError: EXIT_UNIMPORTED,
}


@click.command("compact")
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--url", help="Ask the server at this address; it takes an administrator.")
@click.option("--email", help="Who asks, with --url.")
@click.option("--password", envvar="ANNOLOG_PASSWORD", help="Better given by ANNOLOG_PASSWORD.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings that differ.")
def compact_command(
    directory: Path | None, url: str | None, email: str | None, password: str | None, config: Path | None
) -> None:
    """Make a snapshot of a data DIRECTORY that no server uses, or with --url of a server that runs."""
    if (directory is None) == (url is None):
        raise click.UsageError("Give either a directory or --url.")
    if url is not None and (email is None or password is None):
        raise click.UsageError("With --url give --email, and ANNOLOG_PASSWORD in the environment.")
    work = _ask(url, email or "", password or "") if url is not None else _open(directory or Path(), config)
    try:
        click.echo(asyncio.run(work))
    except tuple(_EXITS) as error:
        click.echo(f"annolog: {error}", err=True)
        sys.exit(next(code for kind, code in _EXITS.items() if isinstance(error, kind)))


async def _ask(url: str, email: str, password: str) -> str:
    async with Client(url) as client:
        await client.login(email, password)
        before = (await client.compact())["compaction"]
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            after = (await client.status())["compaction"]
            if after["running"]:
                continue
            if after["failures"] and after["runs"] > before["runs"]:
                raise WalError(after["last_error"])
            if after["failures"] > before["failures"]:
                raise WalError(f"The compaction failed: {after['last_error']}")
            if after["requested"]:
                continue
            # One that was under way may have left nothing to do: then its snapshot is the newest.
            return f"Made a snapshot at sequence {after['snapshot']}, {after['snapshot_bytes']} bytes."


async def _open(directory: Path, config: Path | None) -> str:
    settings = load(config, os.environ)
    path = await asyncio.to_thread(directory.absolute)
    await asyncio.to_thread(refuse_unimported, path, config)
    log, report = await open_log(path, settings.log, State(KINDS))
    try:
        fields = index_fields(KINDS)
        compactor = Compactor(log, path, settings.compaction, fields, epoch=report.epoch, retention=settings.archive)
        compacted = await compactor.compact()
    finally:
        await log.close()
    if compacted is None:
        return "Nothing has changed since the last snapshot."
    return f"Made a snapshot at sequence {compacted.sequence}, {compacted.size_bytes} bytes."
