"""One round: load, a fault at a random moment, a restart, and the judgement of all that was said."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from service.client import Client
from service.drill.faults import Fault
from service.drill.history import Operation
from service.drill.keys import Keys, Sent
from service.drill.load import Load, Worker
from service.drill.remnants import Remnants, recovered
from service.drill.scene import Scene
from service.drill.server_process import ServerProcess, StartError
from service.drill.strace import InjectionError
from service.drill.tally import RoundReport
from service.drill.violation import Broken, Violation, violation
from wal.errors import WalError
from wal.inspection import inspect

_RETRIED_MAX = 300
_OLDER_MAX = 100


class Work(Protocol):
    """A mix of work with its clients and its judge."""

    async def open(self, url: str) -> None:
        """Turn to a server that has been started."""

    async def begin(self, number: int) -> Sequence[Worker]:
        """Return the clients of a round."""

    def is_own(self, operation: Operation) -> bool:
        """Tell if it is a request of its clients."""

    async def judge(
        self,
        number: int,
        operations: Sequence[Operation],
        again: Sequence[Sent],
        older: Sequence[Sent],
        allowed: frozenset[str],
    ) -> list[Violation]:
        """Look at everything, send requests again, look once more, and return what is broken."""


class Rounds:
    """Carries rounds out, one after the other, over one data directory.

    Each round asks for everything that was ever told of the directory, verifies all of its files, and sends a sample of
    what was acknowledged again; the last one sends all of it again.

    Args:
        server: Running.
        works: What is done to it at the same time.
        token: Of an administrator.
        seed: Of the drill.
        seconds: Of load in a round, about.
        clock: Gives the times of the history.
        numbers: Of the requests.
    """

    def __init__(
        self,
        server: ServerProcess,
        works: Sequence[Work],
        token: str,
        *,
        seed: int,
        seconds: float,
        clock: Callable[[], float],
        numbers: Iterator[int],
    ) -> None:
        self._server = server
        self._works = works
        self._token = token
        self._seed = seed
        self._seconds = seconds
        self._clock = clock
        self._numbers = numbers
        self._keys = [Keys() for _ in works]
        self._remnants = Remnants(server.directory)

    async def run(self, number: int, fault: Fault, *, is_last: bool) -> tuple[RoundReport, list[Operation]]:
        """Carry out a round; returns it, and the requests of its load.

        Args:
            number: Of the round.
            fault: That strikes.
            is_last: Of the directory: everything that was acknowledged is sent again.

        Raises:
            InjectionError: The fault cannot be injected any more.
        """
        report = RoundReport(number=number, fault=fault.name, began_at=self._clock())
        chance = random.Random(f"{self._seed}/{number}/fault")  # noqa: S311 - seeded, so that it can be repeated
        load, complaints = await self._strike(report, fault, chance)
        report.exit_code = self._server.process.returncode
        report.cut_short = self._remnants.cut_short()
        found: list[Violation] = []
        if report.exit_code not in fault.exits:
            wanted = " or ".join(map(str, sorted(fault.exits)))
            says = f"The server ended with {report.exit_code}, expected {wanted}: {self._server.said()[-1000:]}"
            found.append(violation(Broken.EXIT, fault.name, says))
        try:
            await self._server.start()
        except StartError as error:
            found.append(violation(Broken.START, str(self._server.directory), str(error)))
        else:
            report.cut_short += recovered(self._server.said())
            report.recovery_seconds, report.ready_at = self._server.start_seconds, self._clock()
            found += await self._judge(report, load, fault.problems, is_last=is_last)
        report.count(load.operations)
        report.judge([*complaints, *found])
        return report, load.operations

    async def _strike(self, report: RoundReport, fault: Fault, chance: random.Random) -> tuple[Load, list[Violation]]:
        workers: list[Worker] = []
        for work in self._works:
            await work.open(self._server.url)
            workers += await work.begin(report.number)
        load = Load(workers, self._clock, self._numbers)
        scene = Scene(self._server, load, chance, self._seconds, self._compact, self._clock)
        load.start()
        try:
            await fault.strike(scene)
        except InjectionError:
            if self._server.is_running:
                raise
            scene.complaints.append("The server ended before the fault struck.")
        finally:
            if self._server.is_running:
                self._server.kill()
            await load.stop()
        report.struck_at, report.felt = scene.struck_at, scene.felt
        return load, [violation(Broken.FAULT, fault.name, says) for says in scene.complaints]

    async def _judge(
        self, report: RoundReport, load: Load, allowed: frozenset[str], *, is_last: bool
    ) -> list[Violation]:
        found = await asyncio.to_thread(inspected, self._server.directory)
        for work, keys in zip(self._works, self._keys, strict=True):
            await work.open(self._server.url)
            own = [one for one in load.operations if work.is_own(one)]
            # What takes no idempotency key cannot be sent again.
            mutations = [(one, load.requests[one.number]) for one in own if one.key]
            again, older = self._again(report.number, mutations, keys, is_last=is_last)
            found += await work.judge(report.number, own, again, older, allowed)
            keys.add(mutations)
            report.retried += len(older)
        return found

    def _again(
        self, number: int, mutations: Sequence[Sent], keys: Keys, *, is_last: bool
    ) -> tuple[list[Sent], list[Sent]]:
        """Return what is sent again: of this round, with all that nobody answered, and of earlier ones."""
        chance = random.Random(f"{self._seed}/{number}/again")  # noqa: S311 - as above
        unknown = [one for one in mutations if one[0].is_unknown]
        acknowledged = [one for one in mutations if one[0].is_acknowledged]
        if is_last:
            return unknown + acknowledged, keys.kept(self._clock())
        sample = chance.sample(acknowledged, min(_RETRIED_MAX, len(acknowledged)))
        return unknown + sample, keys.sample(chance, _OLDER_MAX)

    async def _compact(self) -> None:
        async with Client(self._server.url, token=self._token) as client:
            await client.compact()


def inspected(directory: Path) -> list[Violation]:
    """Verify all files of a data directory, also while a server runs; returns what does not verify."""
    try:
        inspect(directory)
    except (WalError, OSError) as error:
        return [violation(Broken.LOG, str(directory), str(error))]
    return []
