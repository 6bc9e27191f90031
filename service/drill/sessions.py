"""Users who are logged in once, and whose sessions last through all restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from service.client import Client, ConnectionLostError, ProblemError, RetryPolicy
from service.client.errors import UnexpectedAnswerError
from service.client.transport import Request, Transport
from service.drill.history import Answer, Operation
from service.drill.reading import answer_of

_ONCE = RetryPolicy(tries=1)
_TIMEOUT_SECONDS = 60.0
_CONNECTIONS = 4
PASSWORD = "of no value outside this drill"  # noqa: S105 - the users are the drill's own
NOT_UNDERSTOOD = "not-understood"
"""In place of a problem's name: the answer is not one of this API."""


class Clock:
    """Seconds since the drill began."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def __call__(self) -> float:
        """Return them."""
        return time.monotonic() - self._begin


class Reading(Protocol):
    """Makes of an answer what its judge compares; raises `msgspec.MsgspecError` if it cannot be."""

    def __call__(self, operation: Operation, at: float, status: int, body: bytes, *, replayed: bool) -> Answer:
        """Return it."""


class Session:
    """One client: a session of a user.

    Args:
        name: Of the client.
        user: The user's number.
        token: Of the session.
        clock: Gives the times of the history.
        reads: Makes of an answer what its judge compares.
        connections: At the same time, at most.

    Attributes:
        name: Of the client.
        user: The user's number.
        token: Of the session.
    """

    def __init__(
        self,
        name: str,
        user: int,
        token: str,
        clock: Callable[[], float],
        *,
        reads: Reading = answer_of,
        connections: int = _CONNECTIONS,
    ) -> None:
        self.name = name
        self.user = user
        self.token = token
        self._clock = clock
        self._reads = reads
        self._connections = connections
        self._transport: Transport | None = None

    async def open(self, url: str) -> None:
        """Turn to a server that has been started."""
        await self.close()
        self._transport = Transport(
            url,
            token=self.token,
            policy=_ONCE,
            timeout_seconds=_TIMEOUT_SECONDS,
            connections_max=self._connections,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    async def ask(self, operation: Operation, request: Request) -> Answer | None:
        """Send a request once; returns None if nobody answered."""
        if self._transport is None:
            raise AssertionError("a session is opened before it is used")
        try:
            answer = await self._transport.send(request)
            at = self._clock()
            return self._reads(operation, at, answer.status, answer.body, replayed=answer.replayed)
        except ConnectionLostError:
            return None
        except ProblemError as error:
            return Answer(at=self._clock(), status=error.status, problem=error.name)
        except UnexpectedAnswerError as error:
            return Answer(at=self._clock(), status=error.status, problem=NOT_UNDERSTOOD)
        except msgspec.MsgspecError:
            return Answer(at=self._clock(), status=0, problem=NOT_UNDERSTOOD)


async def administer(url: str) -> str:
    """Register the administrator, who is the first to register, and return the token of a session.

    Nobody else of a drill is one: an administrator sees the projects of all.
    """
    async with Client(url) as client:
        await client.register(_email("administrator"), PASSWORD, name="Drill")
        return (await client.login(_email("administrator"), PASSWORD)).token


async def log_in(url: str, clients: int, users: int, clock: Callable[[], float]) -> list[Session]:
    """Register users, and give each client a session of its own."""
    for user in range(users):
        async with Client(url) as client:
            await client.register(_email(user), PASSWORD, name=f"Drill {user}")

    async def session(number: int) -> Session:
        user = number % users
        async with Client(url) as client:
            opened = await client.login(_email(user), PASSWORD)
        return Session(f"c{number}", user, opened.token, clock)

    return await asyncio.gather(*(session(number) for number in range(clients)))


def _email(user: object) -> str:
    return f"drill-{user}@example.org"
