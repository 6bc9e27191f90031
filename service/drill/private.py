"""Clients with documents of their own, and the judge of what they are told: entity by entity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from service.drill.checker import Checker
from service.drill.history import Operation
from service.drill.keys import Sent
from service.drill.known import Known
from service.drill.load import Loner, Worker
from service.drill.sessions import Session
from service.drill.survey import Surveyor
from service.drill.violation import Violation
from service.drill.workload import labels_of


class PrivateWork:
    """The mix `documents`.

    Args:
        sessions: One a client.
        users: How many they are.
        seed: Of the drill.
        clock: Gives the times of the history.
        numbers: Of the requests.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        users: int,
        seed: int,
        clock: Callable[[], float],
        numbers: Iterator[int],
    ) -> None:
        self._sessions = sessions
        self._known = [Known() for _ in range(users)]
        self._seed = seed
        self._clock = clock
        self._numbers = numbers
        self._checker = Checker()

    async def open(self, url: str) -> None:
        """Turn to a server that has been started."""
        for session in self._sessions:
            await session.open(url)

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            await session.close()

    async def begin(self, number: int) -> Sequence[Worker]:
        """Return the clients of a round."""
        return [Loner(self._seed, number, session, self._known[session.user]) for session in self._sessions]

    def is_own(self, operation: Operation) -> bool:
        """Tell if it is a request of these clients."""
        return type(operation) is Operation

    async def judge(
        self,
        number: int,
        operations: Sequence[Operation],
        again: Sequence[Sent],
        older: Sequence[Sent],
        allowed: frozenset[str],
    ) -> list[Violation]:
        """Look at everything, send requests again, look once more, and return what is broken.

        Args:
            number: Of the round.
            operations: Of the load.
            again: Those that are sent again.
            older: The same, of earlier rounds.
            allowed: Problems that the fault may cause.
        """
        surveyor = Surveyor(number, self._sessions, self._clock, self._numbers)
        surveys = await surveyor.everything()
        await surveyor.retry([*again, *older])
        surveys += await surveyor.everything()
        surveys += await surveyor.by_label(labels_of(number))
        found = self._checker.check([*operations, *surveys], allowed)
        return found + self._checker.check_retries(operation for operation, _ in older)
