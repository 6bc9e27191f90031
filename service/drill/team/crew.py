"""A crew: people with accounts of their own, who work in projects that nobody else sees."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from service.client import Client
from service.client.transport import Request
from service.drill.history import Operation
from service.drill.sessions import PASSWORD, Session
from service.drill.team.history import Deed, reading
from service.drill.team.keyring import COLLECTION, EXPIRES_DAYS, USE, Keyring
from service.drill.team.people import PEOPLE
from service.drill.team.place import Place
from service.drill.team.workload import TeamWorkload

CONNECTIONS = 16
_KEYS_SHARE = 0.05


class Crew:
    """People who are logged in once, and whose sessions last through all restarts.

    Args:
        sessions: Person → their session.
        user_ids: Person → the id of their account.
        clock: Gives the times of the history.

    Attributes:
        sessions: Person → their session.
        user_ids: Person → the id of their account.
        keyring: Their API keys.
    """

    def __init__(
        self, sessions: Mapping[str, Session], user_ids: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self.sessions = sessions
        self.user_ids = user_ids
        expires = datetime.now(UTC) + timedelta(days=EXPIRES_DAYS)
        self.keyring = Keyring(expires.isoformat(timespec="seconds").replace("+00:00", "Z"))
        self._clock = clock
        self._by_key: dict[str, Session] = {}
        self._url = ""

    async def open(self, url: str) -> None:
        """Turn to a server that has been started."""
        self._url = url
        for session in (*self.sessions.values(), *self._by_key.values()):
            await session.open(url)

    async def close(self) -> None:
        """Close all connections."""
        for session in (*self.sessions.values(), *self._by_key.values()):
            await session.close()

    def session(self, deed: Deed) -> Session:
        """Return under which session something is asked: that of the person, or a key of theirs."""
        return self._by_key[deed.id] if deed.collection == USE else self.sessions[deed.client]

    async def learn(self, deed: Deed) -> None:
        """Take in an answer that may tell the token of a new key."""
        self.keyring.learn(deed)
        for key, token in self.keyring.tokens.items():
            if key not in self._by_key:
                self._by_key[key] = Session(self.keyring.holders[key], 0, token, self._clock, reads=reading)
                await self._by_key[key].open(self._url)


async def hire(url: str, clock: Callable[[], float]) -> Crew:
    """Register the people of a crew, none of whom is an administrator, and log them in."""

    async def person(name: str) -> tuple[str, Session, str]:
        email = f"{name}@example.org"
        async with Client(url) as client:
            user = await client.register(email, PASSWORD, name=name)
            opened = await client.login(email, PASSWORD)
        return name, Session(name, 0, opened.token, clock, reads=reading, connections=CONNECTIONS), user.id

    hired = await asyncio.gather(*(person(name) for name in PEOPLE))
    return Crew({name: one for name, one, _ in hired}, {name: user for name, _, user in hired}, clock)


class Member:
    """A client of a team: it asks now for this and now for that person of the crew.

    Args:
        workload: Says what comes next.
        crew: Whose sessions it uses.
        places: Project → what is known of it.
        chance: Decides when it is about keys.
        stamps: A new name for each key.
        round_number: Of the round.
    """

    def __init__(
        self,
        workload: TeamWorkload,
        crew: Crew,
        places: Mapping[str, Place],
        chance: random.Random,
        stamps: Iterator[str],
        round_number: int,
    ) -> None:
        self._workload = workload
        self._crew = crew
        self._places = places
        self._chance = chance
        self._stamps = stamps
        self._round = round_number

    def next(self) -> tuple[Operation, Request, Session]:
        """Return what it asks for next."""
        if self._chance.random() < _KEYS_SHARE:
            deed, request = self._crew.keyring.plan(self._chance, next(self._stamps), self._round)
        else:
            deed, request = self._workload.next()
        return deed, request, self._crew.session(deed)

    async def learn(self, operation: Operation) -> None:
        """Take in an answer."""
        if not isinstance(operation, Deed):
            raise TypeError("a crew does deeds")
        if operation.collection in (COLLECTION, USE):
            await self._crew.learn(operation)
        elif operation.project in self._places:
            self._places[operation.project].learn(operation)
