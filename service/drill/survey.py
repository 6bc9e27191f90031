"""After a restart: look at everything that is there, and send again what must not be done again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from service.client.transport import Request
from service.drill.history import Action, Operation, Retry, Shown
from service.drill.keys import Sent
from service.drill.sessions import Session
from service.drill.workload import list_query

COLLECTIONS = ("documents", "annotations")
_PAGE = 1000
_AT_ONCE = 16
_SURVEYS_AT_ONCE = 3
_IN_FLIGHT = "idempotency-in-flight"
_PAUSE_SECONDS = 0.02


class Surveyor:
    """Looks at a quiet server.

    Args:
        round_number: Of the round.
        sessions: One a client.
        clock: Gives the times of the history.
        numbers: Of the requests.
    """

    def __init__(
        self, round_number: int, sessions: Sequence[Session], clock: Callable[[], float], numbers: Iterator[int]
    ) -> None:
        self._round = round_number
        self._by_name: Mapping[str, Session] = {session.name: session for session in sessions}
        self._by_user = {session.user: session for session in reversed(sessions)}
        self._clock = clock
        self._numbers = numbers

    async def everything(self) -> list[Operation]:
        """Return one whole list of each collection of each user."""
        return await _few_at_once(
            partial(self._all_pages, session, collection)
            for session in self._by_user.values()
            for collection in COLLECTIONS
        )

    async def by_label(self, labels: Iterable[str]) -> list[Operation]:
        """Return a list with its count for each value, of each collection of each user."""
        return await _few_at_once(
            partial(self._labelled, session, collection, label)
            for session in self._by_user.values()
            for label in labels
            for collection in COLLECTIONS
        )

    async def retry(self, sent: Iterable[Sent]) -> None:
        """Send requests again under their keys, and note what is answered."""
        queue = list(sent)

        async def work() -> None:
            while queue:
                await self._retry(*queue.pop())

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

    async def _retry(self, operation: Operation, request: Request) -> None:
        invoked = self._clock()
        session = self._by_name[operation.client]
        answer = await session.ask(operation, request)
        while answer is not None and answer.problem == _IN_FLIGHT:
            await asyncio.sleep(_PAUSE_SECONDS)
            answer = await session.ask(operation, request)
        operation.retries = [*operation.retries, Retry(invoked=invoked, answer=answer)]

    async def _labelled(self, session: Session, collection: str, label: str) -> Operation:
        operation = self._operation(session, "list", collection, filter=("label", label))
        request = Request(method="GET", path=f"/v1/{collection}", query=list_query(operation, _PAGE))
        operation.answer = await session.ask(operation, request)
        return operation

    async def _all_pages(self, session: Session, collection: str) -> Operation:
        survey = self._operation(session, "survey", collection)
        shown: list[Shown] = []
        query = [("limit", str(_PAGE)), ("count", "true")]
        answer = await session.ask(survey, Request(method="GET", path=f"/v1/{collection}", query=query))
        while answer is not None and answer.is_success:
            shown += answer.shown
            if answer.complete:
                answer = msgspec.structs.replace(answer, shown=tuple(shown))
                break
            further = [*query, ("cursor", answer.cursor)]
            answer = await session.ask(survey, Request(method="GET", path=f"/v1/{collection}", query=further))
        survey.answer = answer
        return survey

    def _operation(
        self,
        session: Session,
        action: Action,
        collection: str,
        filter: tuple[str, str] | None = None,  # noqa: A002
    ) -> Operation:
        return Operation(
            number=next(self._numbers),
            round=self._round,
            client=session.name,
            user=session.user,
            action=action,
            collection=collection,
            filter=filter,
            invoked=self._clock(),
        )


async def _few_at_once(looks: Iterable[Callable[[], Awaitable[Operation]]]) -> list[Operation]:
    """Look at one thing while the server thinks of the next; returns what was seen, in the order of the looks."""
    queue = list(enumerate(looks))
    found: dict[int, Operation] = {}

    async def work() -> None:
        while queue:
            place, look = queue.pop()
            found[place] = await look()

    await asyncio.gather(*(work() for _ in range(_SURVEYS_AT_ONCE)))
    return [found[place] for place in sorted(found)]
