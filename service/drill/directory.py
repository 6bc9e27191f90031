"""One data directory of a drill: from its first start, through its rounds, to a shutdown in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from service.drill.plan import Plan
from service.drill.private import PrivateWork
from service.drill.round import Rounds, inspected
from service.drill.server_process import ServerProcess
from service.drill.sessions import administer, log_in
from service.drill.tally import DrillReport, RoundReport
from service.drill.team.crew import hire
from service.drill.team.work import TeamWork
from service.drill.violation import Broken, Violation, violation

_CLIENTS_OF_USER = 4
_CLEAN = 0


class Directory:
    """A data directory with a server, its users and what they know.

    Args:
        plan: What is to be done.
        folder: Empty or new; for the data and what the server logs.
        clock: Gives the times of the history.
        numbers: Of the requests.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, plan: Plan, folder: Path, clock: Callable[[], float], numbers: Iterator[int]) -> None:
        folder.mkdir(exist_ok=True)
        self._plan = plan
        self._clock = clock
        self._numbers = numbers
        self._server = ServerProcess(folder, plan.command)

    async def run(
        self, number: int, rounds: range, report: DrillReport, on_round: Callable[[RoundReport], None]
    ) -> bool:
        """Carry out rounds, until one finds something; tells if none did.

        Args:
            number: Of the directory.
            rounds: Their numbers.
            report: Gets each round once it is whole.
            on_round: Called after each of them.

        Raises:
            StartError: The server does not start on an empty directory.
            InjectionError: A fault cannot be injected any more.
            ClientError: Nobody can register or log in.
        """
        works: Sequence[PrivateWork | TeamWork] = []
        try:
            await self._server.start()
            works, token = await self._hired()
            work = Rounds(
                self._server,
                works,
                token,
                seed=self._plan.seed,
                seconds=self._plan.seconds,
                clock=self._clock,
                numbers=self._numbers,
            )
            for one in rounds:
                is_last = one == rounds[-1]
                found, operations = await work.run(one, self._plan.fault_of(one), is_last=is_last)
                found.directory = number
                # At once: whoever interrupts what follows still gets what was found.
                report.rounds.append(found)
                report.tick(operations)
                on_round(found)
                if is_last or found.violations:
                    # A server that does not start any more was asked for nothing.
                    was_asked = self._server.is_running
                    found.judge([*found.violations, *await self._stopped()])
                    found.complete = is_last and was_asked
                if found.violations:
                    return False
        finally:
            if self._server.is_running:
                self._server.kill()
            await asyncio.gather(*(one.close() for one in works))
        return True

    async def _hired(self) -> tuple[list[PrivateWork | TeamWork], str]:
        """Return who works, and the token of the administrator."""
        plan = self._plan
        token = await administer(self._server.url)
        works: list[PrivateWork | TeamWork] = []
        if plan.clients_alone:
            users = -(-plan.clients_alone // _CLIENTS_OF_USER)
            sessions = await log_in(self._server.url, plan.clients_alone, users, self._clock)
            works.append(PrivateWork(sessions, users, plan.seed, self._clock, self._numbers))
        if plan.clients_in_team:
            crew = await hire(self._server.url, self._clock)
            works.append(TeamWork(crew, plan.clients_in_team, plan.seed, self._clock, self._numbers))
        return works, token

    async def _stopped(self) -> list[Violation]:
        """Stop the server in order, which must work after all that; then look at the files that nobody changes now."""
        if not self._server.is_running:
            return []
        self._server.send(signal.SIGTERM)
        code = await self._server.ended()
        if code != _CLEAN:
            says = f"After the last round the server was stopped with SIGTERM and ended with {code}, expected 0."
            return [violation(Broken.EXIT, "SIGTERM", says)]
        return await asyncio.to_thread(inspected, self._server.directory)
