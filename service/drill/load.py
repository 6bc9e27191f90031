"""The load of a round: clients that ask one thing after the other, and write down what they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from service.client.transport import Request
from service.drill.history import Operation
from service.drill.known import Known
from service.drill.sessions import Session
from service.drill.workload import Workload

_PAUSE_SECONDS = 0.02
_FULL = "no-room"
_LAST = frozenset({"shutting-down", "log-failed"})
_POLL_SECONDS = 0.01


class Worker(Protocol):
    """A client at work."""

    def next(self) -> tuple[Operation, Request, Session]:
        """Return what it asks for next, and under which session."""

    async def learn(self, operation: Operation) -> None:
        """Take in an answer."""


class Loner:
    """A client whose documents are private to its user.

    Args:
        seed: Of the drill.
        round_number: Of the round.
        session: Of its own.
        known: By the clients of its user.
    """

    def __init__(self, seed: int, round_number: int, session: Session, known: Known) -> None:
        self._workload = Workload(seed, round_number, session.name, session.user, known)
        self._session = session
        self._known = known

    def next(self) -> tuple[Operation, Request, Session]:
        """Return what it asks for next."""
        operation, request = self._workload.next()
        return operation, request, self._session

    async def learn(self, operation: Operation) -> None:
        """Take in an answer."""
        self._known.learn(operation)


class Load:
    """Clients at work.

    Args:
        workers: All of them.
        clock: Gives the times of the history.
        numbers: Of the requests.

    Attributes:
        operations: What was asked, in the order in which it was sent.
        requests: Of the mutations, by number, as they were sent.
        refused: Problems, and how often they were given.
        acknowledged: Mutations so far.
        read: Reads that were answered so far.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        clock: Callable[[], float],
        numbers: Iterator[int],
    ) -> None:
        self.operations: list[Operation] = []
        self.requests: dict[int, Request] = {}
        self.refused: Counter[str] = Counter()
        self.acknowledged = 0
        self.read = 0
        self._workers = workers
        self._clock = clock
        self._numbers = numbers
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Set the clients to work."""
        self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]

    async def stop(self) -> None:
        """Wait until all clients have had their last answer, or none."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait for something; tells if it came about in time, while clients were at work."""
        deadline = self._clock() + seconds
        while not reached():
            if self._clock() > deadline or all(task.done() for task in self._tasks):
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    async def _work(self, worker: Worker) -> None:
        while not self._stopping:
            operation, request, session = worker.next()
            operation.number = next(self._numbers)
            self.operations.append(operation)
            if not operation.is_read:
                self.requests[operation.number] = request
            operation.invoked = self._clock()
            operation.answer = await session.ask(operation, request)
            await worker.learn(operation)
            self._count(operation)
            if operation.answer is None or operation.answer.is_open or operation.answer.problem in _LAST:
                return
            if operation.answer.problem == _FULL:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _count(self, operation: Operation) -> None:
        if operation.answer is not None and operation.answer.problem:
            self.refused[operation.answer.problem] += 1
        elif operation.is_acknowledged:
            self.acknowledged += not operation.is_read
            self.read += operation.is_read
