"""`annolog user`: users from the command line, with the server running or stopped."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from service import clock
from service.control import Answer, ask
from service.engine import Engine
from service.errors import DomainError
from service.ids import IdSource
from service.kinds import KINDS
from service.legacy.pending import EXIT_UNIMPORTED, UnimportedError, refuse_unimported
from service.operators import UserRequest, carry_out
from service.passwords import Passwords
from service.settings import PASSWORD_VARIABLE, Settings, SettingsError, Tree, load
from service.state.state import State
from wal.errors import DamagedError, DirectoryLockedError, UnsupportedFormatError, WalError
from wal.opening import open_log

EXIT_REFUSED = 1
_EXITS: dict[type[Exception], int] = {
    SettingsError: 2,
    DirectoryLockedError: 3,
    DamagedError: 4,
    UnsupportedFormatError: 4,
    OSError: 5,
    UnimportedError: EXIT_UNIMPORTED,
    DomainError: EXIT_REFUSED,
    WalError: EXIT_REFUSED,
}
_PASSWORD_LENGTH_MIN = 8

_data_dir = click.option("--data-dir", help="Directory of the data.")
_config = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings that differ.")
_role = click.Choice(["admin", "member"])


@click.group("user")
def user_group() -> None:
    """Add and list users, set roles and passwords; the server may run or not.

    Passwords come from ANNOLOG_PASSWORD or are asked for, never from the command line.
    """


@user_group.command("add")
@click.argument("email")
@click.option("--name", default="", help="As others see it.")
@click.option("--role", type=_role, default="member", show_default=True)
@_data_dir
@_config
def add_command(email: str, name: str, role: Any, data_dir: str | None, config: Path | None) -> None:
    """Add a user."""
    request = UserRequest(operation="add", email=email, name=name, role=role, password=_password())
    _show(_carry_out(request, data_dir, config))


@user_group.command("list")
@_data_dir
@_config
def list_command(data_dir: str | None, config: Path | None) -> None:
    """List all users, a line of JSON each."""
    _show(_carry_out(UserRequest(operation="list"), data_dir, config))


@user_group.command("role")
@click.argument("email")
@click.argument("role", type=_role)
@_data_dir
@_config
def role_command(email: str, role: Any, data_dir: str | None, config: Path | None) -> None:
    """Set a user's role."""
    _show(_carry_out(UserRequest(operation="role", email=email, role=role), data_dir, config))


@user_group.command("reset-password")
@click.argument("email")
@_data_dir
@_config
def reset_password_command(email: str, data_dir: str | None, config: Path | None) -> None:
    """Set a user's password and end their sessions."""
    request = UserRequest(operation="reset-password", email=email, password=_password())
    _show(_carry_out(request, data_dir, config))


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    password = given if given is not None else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if len(password) < _PASSWORD_LENGTH_MIN:
        _fail(2, f"The password has {len(password)} characters, expected {_PASSWORD_LENGTH_MIN} at least.")
    return str(password)


def _carry_out(request: UserRequest, data_dir: str | None, config: Path | None) -> Answer:
    flags: Tree = {} if data_dir is None else {"data": {"directory": data_dir}}
    try:
        answer = asyncio.run(_ask_or_open(request, load(config, os.environ, flags), config))
    except tuple(_EXITS) as error:
        code = next(code for kind, code in _EXITS.items() if isinstance(error, kind))
        _fail(code, str(error))
    if answer.error:
        _fail(EXIT_REFUSED, answer.error)
    return answer


async def _ask_or_open(request: UserRequest, settings: Settings, config: Path | None) -> Answer:
    directory = await asyncio.to_thread(Path(settings.data.directory).absolute)
    answer = await ask(directory, request)
    if answer is not None:
        return answer
    await asyncio.to_thread(refuse_unimported, directory, config)
    state = State(KINDS)
    log, _ = await open_log(directory, settings.log, state)
    passwords = Passwords(settings.passwords)
    try:
        engine = Engine(state, log, clock.now, settings.limits)
        return Answer(users=await carry_out(engine, passwords, IdSource(clock.now), request))
    finally:
        passwords.close()
        await log.close()


def _show(answer: Answer) -> None:
    for user in answer.users:
        click.echo(msgspec.json.format(bytes(user), indent=0))


def _fail(code: int, message: str) -> NoReturn:
    click.echo(f"annolog: {message}", err=True)
    sys.exit(code)
