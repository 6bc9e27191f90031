"""`annolog load`: measure a server as its users would meet it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import selectors
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from service.client import ClientError, ConnectionLostError, ProblemError
from service.drill.server_process import StartError
from service.load.connection import Address
from service.load.measure import OWN, Login, measure, own_server
from service.load.mix import MixError, weights_of
from service.load.report import Interval, LoadReport
from service.load.run import Plan
from service.load.written import line_of, table, write
from service.settings import EMAIL_VARIABLE, PASSWORD_VARIABLE

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNAUTHORISED = 4
EXIT_RATE = 5
EXIT_INTERRUPTED = 130
CLIENTS_MAX = 500
_UNAUTHORISED = frozenset({401, 403})
_SEED_BITS = 32


@click.command("load")
@click.option("--url", help="Of the server; without it one is started over an empty directory, and ended again.")
@click.option("--email", envvar=EMAIL_VARIABLE, help="Who loads, with --url; or ANNOLOG_EMAIL, or asked for.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the token of a session or an API key, in place of an address and a password.",
)
@click.option(
    "--mix", default="mixed", show_default=True, help="create, get, list, mixed, or get=50,list=30,create=20."
)
@click.option("--clients", type=click.IntRange(1, CLIENTS_MAX), default=64, show_default=True, help="Connections.")
@click.option(
    "--rate", type=click.FloatRange(0.01, 1e6), help="Requests a second that are due, whatever the server does."
)
@click.option(
    "--duration", type=click.FloatRange(0.1, 86_400), default=30.0, show_default=True, help="Of the load, in seconds."
)
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="For an answer, in seconds."
)
@click.option("--seed", type=click.IntRange(0), help="Repeats the choices of an earlier load.")
@click.option("--keep", is_flag=True, help="Do not remove what was made on the server.")
@click.option(
    "--report", "report_to", type=click.Path(file_okay=False, path_type=Path), help="For load.json and load.html."
)
def load_command(
    url: str | None,
    email: str | None,
    token_file: Path | None,
    mix: str,
    clients: int,
    rate: float | None,
    duration: float,
    timeout: float,
    seed: int | None,
    keep: bool,
    report_to: Path | None,
) -> None:
    """Load a server and tell the latencies.

    The password comes from ANNOLOG_PASSWORD or is asked for, never from the command line. Without --rate each client
    asks as soon as it was answered; with it, requests are due at that rate, and the time that they wait is counted.

    Exit code 0: done; 1: requests failed; 2: usage; 3: the server is not reachable; 4: not authorised; 5: the rate was
    not reached.
    """
    plan = Plan(
        weights=_weights(mix),
        clients=clients,
        rate=rate,
        duration=duration,
        seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        timeout_seconds=timeout,
    )
    login = _login(url, email, token_file)
    with _shown(plan) as show:
        report = _carried_out(measure(plan, url, login, show, keep=keep) if url else _here(plan, show))
    _tell(report)
    is_written = report_to is None or _written(report, report_to)
    sys.exit(_exit_code(report, is_written=is_written))


def _carried_out(work: Coroutine[Any, Any, LoadReport]) -> LoadReport:
    # Not epoll: that one waits in whole milliseconds, and requests would be sent that late.
    selector = selectors.SelectSelector
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector())) as runner:
            return runner.run(work)
    except ConnectionLostError as error:
        _fail(EXIT_UNREACHABLE, error)
    except ProblemError as error:
        _fail(EXIT_UNAUTHORISED if error.status in _UNAUTHORISED else EXIT_FAILED, error)
    except ClientError as error:
        _fail(EXIT_FAILED, error)
    except (StartError, OSError) as error:
        _fail(EXIT_UNREACHABLE, error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        _fail(EXIT_INTERRUPTED, "interrupted before the load began; nothing was measured.")


async def _here(plan: Plan, show: Callable[[Interval], None]) -> LoadReport:
    with tempfile.TemporaryDirectory(prefix="annolog-load-") as folder:
        async with own_server(Path(folder)) as (url, login):
            # What was made goes with the folder.
            report = await measure(plan, url, login, show, keep=True)
    report.url = OWN
    return report


def _weights(mix: str) -> dict[str, int]:
    try:
        return weights_of(mix)
    except MixError as error:
        raise click.BadParameter(str(error), param_hint="--mix") from error


def _login(url: str | None, email: str | None, token_file: Path | None) -> Login:
    if url is None:
        if token_file is not None:
            raise click.UsageError("--token-file is for --url: a server of its own has its own user.")
        return Login()
    try:
        Address.of(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from error
    if token_file is not None:
        return Login(token=_token(token_file))
    address = email or click.prompt("E-mail", err=True)
    return Login(email=address, password=_password(address))


def _token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read: {error}", param_hint="--token-file") from error
    if not token or not token.isprintable() or " " in token:
        raise click.BadParameter(f"{path} holds no token, expected one on a line", param_hint="--token-file")
    return token


def _password(email: str) -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    return given if given is not None else str(click.prompt(f"Password of {email}", hide_input=True, err=True))


@contextlib.contextmanager
def _shown(plan: Plan) -> Iterator[Callable[[Interval], None]]:
    with tqdm(total=plan.duration, unit="s", file=sys.stderr, bar_format="{l_bar}{bar:20}| {postfix}") as bar:

        def show(interval: Interval) -> None:
            bar.set_postfix_str(line_of(interval), refresh=False)
            bar.update(min(interval.at, plan.duration) - bar.n)

        yield show


def _tell(report: LoadReport) -> None:
    kind = "closed loop" if report.rate is None else f"{report.rate:,.10g} requests a second were due"
    click.echo(f"{report.url}, {report.clients} connections, {kind}, {report.seconds:.1f} s; latencies in ms")
    click.echo(table(report))
    for line in report.faults():
        click.echo(f"FAULT: {line}")
    for line in report.doubts():
        click.echo(f"NOTE: {line}")
    if report.server_says:
        click.echo(f"There are no figures of the server. {report.server_says}")


def _written(report: LoadReport, directory: Path) -> bool:
    try:
        paths = write(report, directory)
    except OSError as error:
        click.echo(f"annolog: the report cannot be written: {error}", err=True)
        return False
    click.echo(f"Wrote {' and '.join(map(str, paths))}.")
    return True


def _exit_code(report: LoadReport, *, is_written: bool) -> int:
    if report.gone:
        return EXIT_UNREACHABLE
    if report.interrupted:
        return EXIT_INTERRUPTED
    if report.failed:
        return EXIT_FAILED
    if not report.is_reached:
        return EXIT_RATE
    return 0 if is_written else EXIT_USAGE


def _fail(code: int, error: object) -> NoReturn:
    click.echo(f"annolog: {error}", err=True)
    sys.exit(code)
