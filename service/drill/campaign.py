"""A whole drill: round after round over one data directory, until one of them finds something."""

from __future__ import annotations

import asyncio
import itertools
import platform
import random
import shlex
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from service.drill.faults import Fault
from service.drill.round import Rounds
from service.drill.server_process import COMMAND, ServerProcess
from service.drill.sessions import Clock, Session, log_in
from service.drill.tally import DrillReport, RoundReport
from service.drill.violation import Broken, violation

_CLIENTS_OF_USER = 4
_CLEAN = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        rounds: How many.
        clients: At work at the same time.
        seconds: Of load in each round, about.
        seed: Of all choices.
        faults: That a round draws from.
        command: Starts a server.
    """

    rounds: int
    clients: int
    seconds: float
    seed: int
    faults: tuple[Fault, ...]
    command: tuple[str, ...] = COMMAND

    def replay(self, rounds: int) -> str:
        """Return the command that does so many rounds of it again."""
        options = ["--seed", self.seed, "--rounds", rounds, "--clients", self.clients, "--seconds", self.seconds]
        options += ["--faults", ",".join(fault.name for fault in self.faults)]
        if self.command != COMMAND:
            options += ["--server", shlex.join(self.command)]
        return shlex.join(["annolog", "drill", *map(str, options)])

    def fault_of(self, number: int) -> Fault:
        """Return the fault of a round."""
        return random.Random(f"{self.seed}/{number}").choice(self.faults)  # noqa: S311 - it is to be repeated


async def drill(plan: Plan, folder: Path, on_round: Callable[[RoundReport], None] = lambda _: None) -> DrillReport:
    """Carry out a plan; the first round that finds something is the last one.

    Args:
        plan: What is to be done.
        folder: Empty; for the data and what the server logs.
        on_round: Called after each round.

    Raises:
        StartError: The server does not start on an empty directory.
        InjectionError: A fault cannot be injected any more.
        ClientError: Nobody can register or log in.
    """
    clock = Clock()
    report = _report(plan)
    server = ServerProcess(folder, plan.command)
    sessions: list[Session] = []
    users = -(-plan.clients // _CLIENTS_OF_USER)
    try:
        await server.start()
        sessions = await log_in(server.url, plan.clients, users, clock)
        rounds = Rounds(
            server, sessions, users, seed=plan.seed, seconds=plan.seconds, clock=clock, numbers=itertools.count(1)
        )
        for number in range(1, plan.rounds + 1):
            found, operations = await rounds.run(number, plan.fault_of(number))
            report.rounds.append(found)
            report.tick(operations)
            on_round(found)
            if found.violations:
                break
        await _stop(server, report)
    finally:
        await _close(server, sessions)
    report.seconds_in_all = clock()
    return report


async def _stop(server: ServerProcess, report: DrillReport) -> None:
    """Stop the server in order, which must work after all that."""
    if not server.is_running:
        return
    server.send(signal.SIGTERM)
    code = await server.ended()
    if code != _CLEAN and report.rounds:
        last = report.rounds[-1]
        says = f"After the last round the server was stopped with SIGTERM and ended with {code}, expected 0."
        last.judge([*last.violations, violation(Broken.EXIT, "SIGTERM", says)])


async def _close(server: ServerProcess, sessions: Sequence[Session]) -> None:
    if server.is_running:
        server.kill()
    await asyncio.gather(*(session.close() for session in sessions))


def _report(plan: Plan) -> DrillReport:
    return DrillReport(
        seed=plan.seed,
        clients=plan.clients,
        seconds=plan.seconds,
        faults=[fault.name for fault in plan.faults],
        command=plan.replay(plan.rounds),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("annolog"),
        machine=f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}",
    )
