"""The campaign of the next document: many people take documents from a server that is killed meanwhile.

Each document must be given to exactly so many people, none twice to the same one, and what was acknowledged must be
there. Clients do what real ones do: ask again until there is an answer, under no idempotency key, because who asks for
the next document gets what they have in progress.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaigns.callers import Callers
from tests.campaigns.campaign import Campaign, Result, Task
from tests.harness import Process

CLIENTS = 50
ANNOTATORS = 3
KILLS = 3
_FULL = 1000
_PAGE = 1000
_ALL_SECONDS = 600


class Team(Callers):
    """A project, and clients that take its documents.

    Args:
        server: The process.
        session: For all requests.
        chance: Draws the pauses of clients and the moments of kills.

    Attributes:
        given: What was acknowledged: assignment, document and user.
        done: Assignments that are acknowledged to be done.
    """

    def __init__(self, server: Process, session: aiohttp.ClientSession, chance: random.Random) -> None:
        super().__init__(server, session)
        self.chance = chance
        self.given: dict[str, tuple[str, str]] = {}
        self.done: set[str] = set()
        self.findings: list[str] = []
        self.users: dict[str, str] = {}
        self.owner = ""
        self.project = ""

    async def prepare(self, documents: int) -> None:
        """Make the project, its documents and its people."""
        _, self.owner = await self.join("owner")
        rule = {"annotators_per_document": ANNOTATORS}
        project = await self.made("/v1/projects", self.owner, {"name": "Letters", "assignment": rule})
        self.project = f"/v1/projects/{project['id']}"
        for number in range(documents):
            await self.made("/v1/documents", self.owner, {"title": f"{number}", "project_id": project["id"]})
        for number in range(CLIENTS):
            user_id, token = await self.join(f"annotator-{number}")
            self.users[user_id] = token
            member = f"{self.project}/members/{user_id}"
            assert (await self.call("PUT", member, self.owner, {"role": "annotator"})).status == 200

    async def work(self, user_id: str) -> None:
        """Take documents and do them, until there is none left."""
        token = self.users[user_id]
        while True:
            answer = await self.call("POST", f"{self.project}/next", token, {})
            status, made = answer.status, answer.value
            if status == 204:
                return
            if status not in {200, 201} or made["user_id"] != user_id or made["state"] != "in_progress":
                self.findings.append(f"the next document of {user_id}: {status}, {made}")
                return
            self.given[made["id"]] = (made["document_id"], user_id)
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.random() * 0.01)
            after = await self.call("PATCH", f"/v1/assignments/{made['id']}", token, {"state": "done"})
            if after.status != 200 or after.value["state"] != "done":
                self.findings.append(f"{made['id']} is done: {after}")
                return
            self.done.add(made["id"])

    async def assignments(self) -> list[dict[str, Any]]:
        """Return all assignments of the project."""
        found: list[dict[str, Any]] = []
        path = f"/v1/assignments?limit={_PAGE}&project_id={self.project.rpartition('/')[2]}"
        cursor = ""
        while True:
            page = (await self.call("GET", path + cursor, self.owner)).value
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


def judge(team: Team, documents: int, found: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is wrong with who was given what."""
    findings = []
    people = Counter(one["document_id"] for one in found)
    wrong = {key: count for key, count in people.items() if count != ANNOTATORS}
    if wrong or len(people) != documents:
        findings.append(f"{len(people)} documents of {documents} were given, not to {ANNOTATORS} people: {wrong}")
    pairs = Counter((one["document_id"], one["user_id"]) for one in found)
    findings += [f"{user_id} was given {key} {count} times" for (key, user_id), count in pairs.items() if count > 1]
    by_id = {one["id"]: one for one in found}
    for key, (document_id, user_id) in team.given.items():
        one = by_id.get(key)
        if one is None or (one["document_id"], one["user_id"]) != (document_id, user_id):
            findings.append(f"{key} of {document_id} was given to {user_id}, and is {one}")
    undone = [key for key in team.done if by_id.get(key, {}).get("state") != "done"]
    findings += [f"{key} was done, and is {by_id.get(key)}" for key in undone]
    findings += [f"{key} was given to nobody who knows" for key in by_id.keys() - team.given.keys()]
    return findings


def canary(team: Team, documents: int, found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a finding if nothing is found wrong where an assignment is lost, or a document given once more."""
    lost, once_more = found[1:], [*found, *({**one, "id": "asg_once_more"} for one in found[:1])]
    if judge(team, documents, lost) and judge(team, documents, once_more):
        return []
    return ["THE CAMPAIGN IS BROKEN: a lost assignment, or a document given twice, was not found"]


async def take_all(place: Path, task: Task, kills: int) -> tuple[Result, Team]:
    """Let clients take all documents, and kill the server so many times meanwhile."""
    server = Process(place / "data")
    chance = random.Random(task.seed)
    try:
        await server.start()
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(_ALL_SECONDS):
            team = Team(server, session, chance)
            await team.prepare(task.size)
            workers = [asyncio.create_task(team.work(user_id)) for user_id in team.users]
            wanted = task.size * ANNOTATORS
            for number in range(kills):
                share = (number + chance.random()) / kills
                while len(team.given) < share * wanted * 0.9:
                    await asyncio.sleep(0.001)
                await server.restart()
                task.on_progress(len(team.given))
            await asyncio.gather(*workers)
            found = await team.assignments()
            progress = (await team.call("GET", f"{team.project}/progress", team.owner)).value
            await server.restart()
            findings = [*team.findings, *judge(team, task.size, found), *canary(team, task.size, found)]
            if await team.assignments() != found:
                findings.append("the assignments are others after a restart")
            again = (await team.call("GET", f"{team.project}/progress", team.owner)).value
            if progress != again or progress["annotate"]["done"] != len(found):
                findings.append(f"the progress is {progress}, after a restart {again}, of {len(found)} assignments")
        figures = {"kills": kills + 1, "clients": CLIENTS, "requests without an answer": team.retries}
        return Result(len(found), findings, figures), team
    finally:
        server.close()


def run(task: Task) -> Result:
    """Give out so many documents."""
    with tempfile.TemporaryDirectory(prefix="next-") as place:
        result, _ = asyncio.run(take_all(Path(place), task, KILLS))
    return result


CAMPAIGN = Campaign(
    name="next-document",
    claim="each document given to exactly three people, none twice, nothing acknowledged lost in {states} assignments",
    full=_FULL,
    run=run,
)
