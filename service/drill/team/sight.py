"""Looking at all that a crew has, on a server that is quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from service.client.transport import Request
from service.drill.history import Shown
from service.drill.team.crew import Crew
from service.drill.team.history import Deed
from service.drill.team.keyring import COLLECTION
from service.drill.team.look import PROGRESS, Look
from service.drill.team.people import ANNOTATORS, EDITOR, GUESTS, OWNER
from service.drill.team.record import MARKS
from service.drill.team.workload import TeamWorkload

_PAGE = 1000
_FORMER = 3
Query = Sequence[tuple[str, str]]


class Sight:
    """Looks at projects as their owner.

    Args:
        round_number: Of the round.
        crew: Whose they are.
        clock: Gives the times of the history.
        numbers: Of the requests.
    """

    def __init__(self, round_number: int, crew: Crew, clock: Callable[[], float], numbers: Iterator[int]) -> None:
        self._round = round_number
        self._crew = crew
        self._clock = clock
        self._numbers = numbers

    async def everything(self, projects: Iterable[str]) -> list[Deed]:
        """Return a look at each project, one after the other."""
        found: list[Deed] = []
        for project in projects:
            found += await self._project(project)
        return found

    async def parts(self, looks: dict[str, Look], former: dict[str, list[str]]) -> list[Deed]:
        """Return whole lists with filters: by label, author, state and person.

        Args:
            looks: At all projects.
            former: Project → names that no label has any more.
        """
        found: list[Deed] = []
        for look in looks.values():
            names = [one["name"] for seen in look.things["projects"].values() for one in seen.members["labels"]]
            asked = [("annotations", "label", name) for name in (*names, *former.get(look.id, [])[-_FORMER:])]
            asked += [("extractions", "label", name) for name in names]
            asked += [("annotations", "author_id", self._crew.user_ids[name]) for name in ANNOTATORS]
            asked += [("annotations", "status", name) for name in ("proposed", "accepted", "rejected")]
            asked += [("assignments", "state", name) for name in ("in_progress", "done", "skipped")]
            asked += [("assignments", "user_id", self._crew.user_ids[name]) for name in ANNOTATORS]
            for collection, field, value in asked:
                found.append(await self._part(look, collection, field, value))
        return found

    async def access(self, workload: TeamWorkload, projects: Iterable[str]) -> list[Deed]:
        """Return how guests, and programs with keys, are received; and who has which keys."""
        planned = [workload.visit(project, guest) for project in projects for guest in GUESTS]
        planned += [self._crew.keyring.use(key, self._round) for key in self._crew.keyring.tokens]
        found = [await self.ask(deed, request) for deed, request in planned]
        for person in (EDITOR, *ANNOTATORS):
            deed = self._deed("survey", COLLECTION, person, "")
            found.append(await self.ask(deed, Request(method="GET", path="/v1/api-keys")))
        return found

    async def ask(self, deed: Deed, request: Request) -> Deed:
        """Ask for something, and note what is answered."""
        deed.number = next(self._numbers)
        deed.invoked = self._clock()
        deed.answer = await self._crew.session(deed).ask(deed, request)
        return deed

    async def _project(self, project: str) -> list[Deed]:
        inside = [("project_id", project)]
        found = [
            await self._one("projects", project, f"/v1/projects/{project}"),
            await self._all("documents", project, inside),
            await self._all("assignments", project, inside),
            await self._one(PROGRESS, project, f"/v1/projects/{project}/progress"),
        ]
        documents = [("document_id", seen.id) for seen in _shown(found[1])]
        # Without a document everything that one may see would be shown.
        return found + [await self._all(one, project, documents) for one in MARKS if documents]

    async def _one(self, collection: str, project: str, path: str) -> Deed:
        return await self.ask(self._deed("survey", collection, OWNER, project), Request(method="GET", path=path))

    async def _part(self, look: Look, collection: str, field: str, value: str) -> Deed:
        # Marks of a person, or of a state, are asked for by the documents of the project.
        within = [("project_id", look.id)] if collection == "assignments" else []
        if field in ("author_id", "status"):
            within = [("document_id", key) for key in look.things["documents"]] or [("document_id", look.id)]
        deed = await self._all(collection, look.id, [*within, (field, value)], action="list")
        deed.filter = (field, value)
        return deed

    async def _all(self, collection: str, project: str, query: Query, action: str = "survey") -> Deed:
        deed = self._deed("list" if action == "list" else "survey", collection, OWNER, project)
        whole = [*query, ("limit", str(_PAGE)), ("count", "true")]
        request = Request(method="GET", path=f"/v1/{collection}", query=whole)
        await self.ask(deed, request)
        shown: list[Shown] = []
        answer = deed.answer
        while answer is not None and answer.is_success:
            shown += answer.shown
            if answer.complete:
                answer = msgspec.structs.replace(answer, shown=tuple(shown))
                break
            further = msgspec.structs.replace(request, query=[*whole, ("cursor", answer.cursor)])
            answer = await self._crew.session(deed).ask(deed, further)
        deed.answer = answer
        return deed

    def _deed(self, action: str, collection: str, person: str, project: str) -> Deed:
        return Deed(
            number=0,
            round=self._round,
            client=person,
            user=0,
            action="list" if action == "list" else "survey",
            collection=collection,
            project=project,
        )


def _shown(deed: Deed) -> tuple[Shown, ...]:
    return () if deed.answer is None else deed.answer.shown
