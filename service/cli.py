"""The command line."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from service.compact_cli import compact_command
from service.drill.cli import drill_command
from service.exchange_cli import export_group, import_group
from service.legacy.pending import EXIT_UNIMPORTED, UnimportedError, refuse_unimported
from service.load.cli import load_command
from service.log_cli import log_group
from service.logs import configure
from service.server import require_c_parser, serve
from service.settings import Settings, SettingsError, Tree, load, load_with_sources
from service.users_cli import user_group
from wal.errors import DamagedError, DirectoryLockedError, UnsupportedFormatError
from wal.file_system import FileSystem

EXIT_SETTINGS = 2
EXIT_LOCKED = 3
EXIT_DAMAGED = 4
EXIT_ADDRESS = 5
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@click.group()
@click.version_option(package_name="annolog")
def main() -> None:
    """Annolog, the durable backend of a document-annotation product."""


main.add_command(import_group)
main.add_command(export_group)
main.add_command(user_group)
main.add_command(log_group)
main.add_command(compact_command)
main.add_command(drill_command)
main.add_command(load_command)


@main.command("serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one.")
@click.option("--data-dir", help="Directory of the data.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings that differ.")
def serve_command(host: str | None, port: int | None, data_dir: str | None, config: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    given: dict[str, dict[str, object]] = {"server": {"host": host, "port": port}, "data": {"directory": data_dir}}
    flags: Tree = {
        section: {key: value for key, value in values.items() if value is not None} for section, values in given.items()
    }
    run(config, flags)


@main.command("config")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings that differ.")
def config_command(config: Path | None) -> None:
    """Print the settings in force as TOML, each with where it came from. None of them is a secret."""
    try:
        loaded = load_with_sources(config, os.environ)
    except SettingsError as error:
        _fail(EXIT_SETTINGS, error)
    for section, values in loaded.tree.items():
        click.echo(f"[{section}]")
        for key, value in values.items():
            click.echo(f"{key} = {json.dumps(value)}  # {loaded.sources[section, key]}")
        click.echo()


def run(config: Path | None, flags: Tree, file_system: FileSystem | None = None) -> NoReturn:
    """Serve, and end the process with the exit code that tells what came of it.

    Args:
        config: A file with settings that differ.
        flags: Section → key → value, from the command line.
        file_system: Where the data is; this machine's by default.
    """
    try:
        require_c_parser()
        settings = load(config, os.environ, flags)
        refuse_unimported(Path(settings.data.directory), config)
        configure(settings.logging)
        sys.exit(asyncio.run(serve(settings, file_system=file_system)))
    except SettingsError as error:
        _fail(EXIT_SETTINGS, error)
    except DirectoryLockedError as error:
        _fail(EXIT_LOCKED, error)
    except (DamagedError, UnsupportedFormatError) as error:
        _fail(EXIT_DAMAGED, error)
    except UnimportedError as error:
        _fail(EXIT_UNIMPORTED, error)
    except OSError as error:
        _fail(EXIT_ADDRESS, _without_room(settings) if error.errno in _NO_ROOM else error)


def _without_room(settings: Settings) -> OSError:
    return OSError(
        f"There is no room on the disk of {Path(settings.data.directory).absolute()} for this start, which may have to "
        f"write a segment of {settings.log.segment_bytes} bytes anew (log.segment_bytes). What is stored is as it was: "
        "make room, and start again."
    )


def _fail(code: int, error: Exception) -> NoReturn:
    click.echo(f"annolog: {error}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
