"""The mix `team`: a crew, its projects, and the judge of what it is told."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence

from service.drill.history import Operation
from service.drill.keys import Sent
from service.drill.load import Worker
from service.drill.survey import Surveyor
from service.drill.team.crew import Crew, Member
from service.drill.team.history import Deed, seen_in
from service.drill.team.judge import TeamJudge
from service.drill.team.look import looks_of
from service.drill.team.people import ROLES
from service.drill.team.place import Place
from service.drill.team.sight import Sight
from service.drill.team.workload import Planned, TeamWorkload
from service.drill.violation import Violation

CLIENTS_OF_PROJECT = 8
_DOCUMENTS_AT_FIRST = 6
_ROUNDS_OF_PROJECT = 2


class SetUpError(Exception):
    """A server that nothing has struck yet refuses what a crew begins with."""


class TeamWork:
    """A crew at work.

    A project lives for two rounds, so that each is worked on after a restart too; longer, and a label would be on more
    marks than a record of a drill's small log takes. It is looked at as long as its directory lives.

    Args:
        crew: Hired.
        clients: How many act for its people at the same time.
        seed: Of the drill.
        clock: Gives the times of the history.
        numbers: Of the requests.
    """

    def __init__(self, crew: Crew, clients: int, seed: int, clock: Callable[[], float], numbers: Iterator[int]) -> None:
        self._crew = crew
        self._clients = clients
        self._seed = seed
        self._clock = clock
        self._numbers = numbers
        self._places: dict[str, Place] = {}
        self._judge = TeamJudge(crew.user_ids)
        self._prepared: list[Deed] = []
        self._former: dict[str, list[str]] = {}

    async def open(self, url: str) -> None:
        """Turn to a server that has been started."""
        await self._crew.open(url)

    async def close(self) -> None:
        """Close all connections."""
        await self._crew.close()

    async def begin(self, number: int) -> Sequence[Worker]:
        """Set up the projects of a round, and return its clients.

        Raises:
            SetUpError: The server refuses, though nothing has struck it yet.
        """
        self._prepared.clear()
        for one in range(-(-self._clients // CLIENTS_OF_PROJECT)):
            await self._set_up(number, one)
        places = self._at_work(number)
        here = {one.id: one for one in places}
        return [self._member(number, client, places, here) for client in range(self._clients)]

    def is_own(self, operation: Operation) -> bool:
        """Tell if it is a request of the crew."""
        return isinstance(operation, Deed)

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
        sight = Sight(number, self._crew, self._clock, self._numbers)
        visits = TeamWorkload(self._seed, number, "visits", [], self._crew.user_ids)
        # What nobody works on any more is looked at once, afterwards.
        at_work = [one.id for one in self._at_work(number)]
        surveys = await sight.everything(at_work)
        surveys += await sight.access(visits, at_work)
        surveyor = Surveyor(number, list(self._crew.sessions.values()), self._clock, self._numbers)
        await surveyor.retry([*again, *older])
        last = await sight.everything(self._places)
        looks = looks_of(last)
        last += await sight.access(visits, self._places)
        deeds = [one for one in operations if isinstance(one, Deed)]
        self._note_former(deeds)
        last += await sight.parts({key: looks[key] for key in at_work}, self._former)
        for project, look in looks.items():
            self._places[project].look([*look.deeds.values()], dict(self._crew.user_ids))
        found = self._judge.check([*self._prepared, *deeds], [*surveys, *last], allowed)
        return found + [one for sent, _ in older if isinstance(sent, Deed) for one in self._judge.check_retries(sent)]

    async def _set_up(self, number: int, one: int) -> None:
        workload = TeamWorkload(self._seed, number, f"p{one}", [], self._crew.user_ids)
        made = await self._prepare(workload.project())
        place = Place(seen_in(made)[0].id, number)
        self._places[place.id] = place
        place.look([made], dict(self._crew.user_ids))
        for person, role in ROLES.items():
            if person != "owner":
                await self._prepare(workload.join(place, person, role))
        for _ in range(_DOCUMENTS_AT_FIRST):
            place.learn(await self._prepare(workload.document(place)))

    async def _prepare(self, planned: Planned) -> Deed:
        deed, request = planned
        await Sight(deed.round, self._crew, self._clock, self._numbers).ask(deed, request)
        self._prepared.append(deed)
        if not deed.is_acknowledged:
            raise SetUpError(f"{request.method} {request.path} of a crew that begins was answered {deed.answer}.")
        return deed

    def _member(self, number: int, client: int, places: Sequence[Place], here: dict[str, Place]) -> Member:
        name = f"t{client}"
        workload = TeamWorkload(self._seed, number, name, places, self._crew.user_ids)
        chance = random.Random(f"{self._seed}/{number}/{name}/keys")  # noqa: S311 - seeded, so that it can be repeated
        stamps = (f"{self._seed:x}-{number}-{name}-key-{one}" for one in itertools.count(1))
        return Member(workload, self._crew, here, chance, stamps, number)

    def _at_work(self, number: int) -> list[Place]:
        return [one for one in self._places.values() if one.number > number - _ROUNDS_OF_PROJECT]

    def _note_former(self, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if deed.collection in ("rename", "merge") and seen_in(deed):
                old = [deed.sent["from"]] if deed.collection == "rename" else deed.sent["from"]
                self._former.setdefault(deed.project, []).extend(old)
