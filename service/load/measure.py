"""A load from beginning to end: log in, make what is needed, load, remove it again, and report."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from service.client import Client, RetryPolicy
from service.drill.server_process import ServerProcess
from service.load.connection import Address
from service.load.report import Interval, LoadReport
from service.load.requests import Encoder
from service.load.run import Load, Plan
from service.load.server_figures import ServerWatch
from service.load.workplace import Workplace

OWN = "a server of its own"
_ONCE = RetryPolicy(tries=1)
_PATIENT = RetryPolicy(tries=4, pause_seconds_max=1.0)
_OWN_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "server": {"registration": "open"},
    "logging": {"format": "json"},
}
_OWN_EMAIL, _OWN_PASSWORD = "load@example.org", "of no value outside this load"
_REQUEST_SECONDS = 60.0


class Login(NamedTuple):
    """Who loads: a token, or an address and a password."""

    token: str | None = None
    email: str = ""
    password: str = ""


class Interrupted:
    """Turns a signal into the end of a load, and into the end of everything while none runs."""

    def __init__(self) -> None:
        self.happened = False
        self._load: Load | None = None
        self._task = asyncio.current_task()

    @contextlib.contextmanager
    def ends(self, load: Load) -> Iterator[None]:
        """Let a signal end this load."""
        self._load = load
        try:
            yield
        finally:
            self._load = None

    def __call__(self) -> None:
        """Take a signal."""
        self.happened = True
        if self._load is not None:
            self._load.stop()
        elif self._task is not None:
            self._task.cancel()


async def measure(plan: Plan, url: str, login: Login, show: Callable[[Interval], None], *, keep: bool) -> LoadReport:
    """Load a server.

    Args:
        plan: What is to be done.
        url: Of the server.
        login: Who loads.
        show: Called with each interval.
        keep: What was made stays.

    Raises:
        ClientError: The server refuses before the load, or is not there.
        OSError: It cannot be reached.
        ValueError: The URL is none.
        asyncio.CancelledError: A signal came before the load.
    """
    address = Address.of(url)
    interrupted = Interrupted()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupted)
    # Who cannot be reached is not waited for: the first request is tried once.
    async with Client(url, token=login.token, policy=_ONCE, timeout_seconds=_REQUEST_SECONDS) as asking:
        await (asking.me() if login.token is not None else asking.login(login.email, login.password))
        async with Client(url, token=asking.token, policy=_PATIENT, timeout_seconds=_REQUEST_SECONDS) as client:
            workplace = Workplace(client, Encoder(address, asking.token or ""), plan.weights, plan.seed)
            watch = ServerWatch(asking.status, asyncio.get_running_loop().time)
            load = Load(plan, address, workplace, watch, show)
            left: list[str] = []
            began = datetime.now(UTC)
            try:
                await workplace.prepare()
                with interrupted.ends(load):
                    await load.run()
            finally:
                if not keep and not load.gone:
                    left = await workplace.remove()
        if login.token is None and not load.gone:
            await asking.logout()
    report = _report(plan, url, began, load, watch)
    report.interrupted, report.left = interrupted.happened, left
    return report


@contextlib.asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[tuple[str, Login]]:
    """Give the URL of a server with the default settings over an empty directory, and its administrator.

    Raises:
        StartError: It does not start.
    """
    server = ServerProcess(folder, settings=_OWN_SETTINGS)
    try:
        await server.start()
        async with Client(server.url) as client:
            await client.register(_OWN_EMAIL, _OWN_PASSWORD, name="Load")
        yield server.url, Login(email=_OWN_EMAIL, password=_OWN_PASSWORD)
        server.send(signal.SIGTERM)
        await server.ended()
    finally:
        if server.is_running:
            server.kill()


def _report(plan: Plan, url: str, began: datetime, load: Load, watch: ServerWatch) -> LoadReport:
    return LoadReport(
        began=began.isoformat(timespec="seconds"),
        version=version("annolog"),
        machine=f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}",
        url=url,
        weights=plan.weights,
        clients=plan.clients,
        rate=plan.rate,
        duration=plan.duration,
        seed=plan.seed,
        seconds=load.schedule.seconds,
        gone=load.gone,
        due=load.schedule.due,
        sent=load.tally.sent,
        answered=load.tally.answered,
        failed=dict(load.tally.failed),
        latency=load.tally.latency(),
        service=load.tally.service(),
        intervals=load.intervals,
        server_says=watch.says,
        generator=load.generator(),
    )
