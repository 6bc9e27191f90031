"""The campaign of editors: many people edit the same annotations, on a server that is killed meanwhile.

Half of them name the version that they have read, half send each request more than once under a key. No edit that
named a version may be lost, none that had a key may be carried out twice, and every version must be one edit.
"""

from __future__ import annotations

import asyncio
import copy
import random
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaigns.callers import Answer, Callers
from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.edit_history import DONE, REFUSED, Edit, History, Read, Seen, Told, judge
from tests.harness import Process

CLIENTS = 50
ANNOTATIONS = 20
KILLS = 2
_FULL = 20_000
_IN_FLIGHT = "/problems/idempotency-in-flight"
_ALL_SECONDS = 900


class Editors(Callers):
    """A project, its annotations, and clients that edit them.

    Args:
        server: The process.
        session: For all requests.
        chance: Draws what is edited, and the moments of kills.
        wanted: How many edits there are to be.

    Attributes:
        is_killed_enough: The last kill has been; until then they go on.
        history: What the clients know.
        findings: What is wrong with single answers.
    """

    def __init__(self, server: Process, session: aiohttp.ClientSession, chance: random.Random, wanted: int) -> None:
        super().__init__(server, session)
        self.chance = chance
        self.wanted = wanted
        self.is_killed_enough = False
        self.history = History()
        self.findings: list[str] = []
        self.owner = ""
        self._tokens: list[str] = []
        self._highest: dict[str, int] = {}

    async def prepare(self) -> None:
        """Make the project, its annotations and its people."""
        _, self.owner = await self.join("owner")
        project = await self.made("/v1/projects", self.owner, {"name": "Letters"})
        document = await self.made("/v1/documents", self.owner, {"text": "Dear Ada", "project_id": project["id"]})
        for _ in range(ANNOTATIONS):
            made = await self.made("/v1/annotations", self.owner, {"document_id": document["id"], "start": 0, "end": 4})
            self.history.firsts[made["id"]] = Seen(made["version"], made["attributes"])
            self._highest[made["id"]] = made["version"]
        for number in range(CLIENTS):
            user_id, token = await self.join(f"editor-{number}")
            self._tokens.append(token)
            member = f"/v1/projects/{project['id']}/members/{user_id}"
            assert (await self.call("PUT", member, self.owner, {"role": "reviewer"})).status == DONE

    async def work(self, client: int) -> None:
        """Edit annotations until there are enough edits; each client has a way of its own to do so."""
        names_version, has_key = client % 2 == 0, client % 4 < 2
        entities = list(self.history.firsts)
        while len(self.history.edits) < self.wanted or not self.is_killed_enough:
            entity = self.chance.choice(entities)
            base = await self.read(client, entity) if names_version else None
            stamp = f"{client}-{len(self.history.edits)}"
            edit = Edit(client, entity, stamp, self._highest[entity], base, stamp if has_key else None)
            self.history.edits.append(edit)
            if has_key and self.chance.random() < 0.5:
                await asyncio.gather(self.send(edit), self.send(edit))
            else:
                await self.send(edit)
                if has_key:
                    await self.send(edit)
            refused = any(told.status == REFUSED for told in edit.answers)
            if refused or not edit.answers or self.chance.random() < 0.2:
                await self.read(client, entity, base.version if refused and base is not None else None)

    async def send(self, edit: Edit) -> None:
        """Send an edit once, or, if it has a key, until it is answered."""
        headers = {} if edit.key is None else {"Idempotency-Key": edit.key}
        if edit.base is not None:
            headers["If-Match"] = f'"{edit.base.version}"'
        path, value = f"/v1/annotations/{edit.entity}", {"attributes": edit.changes}
        while True:
            answer = await self.attempt("PATCH", path, self._tokens[edit.client], value, headers)
            if answer is not None and not _is_in_flight(answer):
                seen = self._seen(edit.entity, answer) if answer.status == DONE else None
                edit.answers.append(Told(answer.status, seen, answer.replayed))
                return
            if edit.key is None:
                return
            await self.pause()

    async def read(self, client: int, entity: str, refused: int | None = None) -> Seen:
        """Read an annotation, after an edit of the version `refused` was refused if there is one."""
        known = self._highest[entity]
        answer = await self.call("GET", f"/v1/annotations/{entity}", self._tokens[client])
        assert answer.status == DONE, answer
        seen = self._seen(entity, answer)
        self.history.reads.append(Read(entity, seen, known, refused))
        return seen

    async def read_all(self) -> list[Seen]:
        """Read all annotations."""
        return [await self.read(0, entity) for entity in self.history.firsts]

    async def send_all_again(self) -> int:
        """Send every edit that has a key once more, and return how many there are."""
        keyed = [edit for edit in self.history.edits if edit.key is not None]
        left = iter(keyed)

        async def some() -> None:
            for edit in left:
                await self.send(edit)

        await asyncio.gather(*(some() for _ in range(CLIENTS)))
        return len(keyed)

    async def compact(self) -> None:
        """Have a snapshot made, and return when it is there."""
        assert (await self.call("POST", "/v1/compactions", self.owner, {})).status == 202
        while not any((self.server.directory / "snapshots").glob("*.snap")):
            await self.pause()

    def _seen(self, entity: str, answer: Answer) -> Seen:
        seen = Seen(answer.value["version"], answer.value["attributes"])
        if answer.etag != f'"{seen.version}"':
            self.findings.append(f"{entity} in version {seen.version} has the entity tag {answer.etag}")
        self._highest[entity] = max(self._highest[entity], seen.version)
        return seen


def _is_in_flight(answer: Answer) -> bool:
    return answer.status == 409 and answer.value["type"] == _IN_FLIGHT


def canary(history: History) -> list[str]:
    """Return a finding if nothing is found wrong where an edit is forgotten, or another one was carried out twice."""
    done = next((edit for edit in history.edits if edit.done), None)
    if done is None:
        return ["THE CAMPAIGN IS BROKEN: no edit was carried out"]
    forgotten = History(history.firsts, [edit for edit in history.edits if edit is not done], history.reads)
    twice = copy.copy(history)
    seen = Seen(done.done[0].version + 1, done.done[0].attributes)
    other = copy.copy(done)
    other.answers = [*done.answers, Told(DONE, seen)]
    twice.edits = [other if edit is done else edit for edit in history.edits]
    if judge(forgotten).findings and judge(twice).findings:
        return []
    return ["THE CAMPAIGN IS BROKEN: a forgotten edit, or one that was carried out twice, was not found"]


async def edit_all(place: Path, task: Task, kills: int) -> tuple[Result, History]:
    """Let clients edit, kill the server so many times meanwhile and once at the end, and judge what they were told."""
    server = Process(place / "data")
    try:
        await server.start()
        connector = aiohttp.TCPConnector(limit=2 * CLIENTS)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(_ALL_SECONDS):
            editors = Editors(server, session, random.Random(task.seed), task.size)
            await editors.prepare()
            await _work(editors, kills, task)
            before = await editors.read_all()
            await server.restart()
            again = await editors.send_all_again()
            findings = editors.findings
            if await editors.read_all() != before:
                findings.append("the annotations are others after a restart, and after sending again what had keys")
    finally:
        server.close()
    history = editors.history
    verdict = judge(history)
    findings += [*verdict.findings, *canary(history)]
    return Result(
        len(history.edits), findings, _figures(history, verdict.versions, verdict.kept, again, kills)
    ), history


async def _work(editors: Editors, kills: int, task: Task) -> None:
    edits = editors.history.edits
    async with asyncio.TaskGroup() as workers:
        for client in range(CLIENTS):
            workers.create_task(editors.work(client))
        for number in range(kills):
            while len(edits) < (number + editors.chance.random()) / kills * task.size * 0.9:
                await asyncio.sleep(0.001)
            if number == 0:
                # So that what is known of keys comes from a snapshot too.
                await editors.compact()
            await editors.server.restart()
            task.on_progress(len(edits))
        editors.is_killed_enough = True


def _figures(history: History, versions: int, kept: int, again: int, kills: int) -> dict[str, Any]:
    refused = sum(any(told.status == REFUSED for told in edit.answers) for edit in history.edits)
    return {
        "kills": kills + 1,
        "versions": versions,
        "reads": len(history.reads),
        "edits refused with 412": refused,
        "edits sent again after the last restart": again,
        "edits without an answer": sum(edit.is_lost for edit in history.edits),
        "of these carried out": kept,
    }


def run(task: Task) -> Result:
    """Let so many edits be made."""
    with tempfile.TemporaryDirectory(prefix="editors-") as place:
        result, _ = asyncio.run(edit_all(Path(place), task, KILLS))
    return result


CAMPAIGN = Campaign(
    name="editors",
    claim="no edit that named a version lost, none under a key carried out twice, each version one of {states} edits",
    full=_FULL,
    run=run,
)
