"""Several operations in one request, over a real process that is killed meanwhile: all of them, or none."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import PASSWORD, Process

ROUNDS = 4
OPERATIONS = 5


class Caller:
    """Somebody who is logged in to a process.

    Attributes:
        token: Of their session, which outlives the process.
    """

    def __init__(self, process: Process, session: aiohttp.ClientSession) -> None:
        self.token = ""
        self._process = process
        self._session = session

    async def call(self, method: str, path: str, value: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Return status and body of an answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self._session.request(method, self._process.url + path, json=value, headers=headers) as response:
            return response.status, await response.json()

    async def join(self) -> None:
        """Register and log in."""
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        assert (await self.call("POST", "/v1/users", credentials))[0] == 201
        self.token = (await self.call("POST", "/v1/sessions", credentials))[1]["token"]

    async def titles(self) -> Counter[str]:
        """Return how many documents have each title."""
        found: Counter[str] = Counter()
        path = "/v1/documents?limit=1000"
        cursor: str | None = ""
        while cursor is not None:
            _, page = await self.call("GET", path + (f"&cursor={cursor}" if cursor else ""))
            found.update(item["title"] for item in page["items"])
            cursor = page["next"]
        return found


def body_of(name: str) -> dict[str, Any]:
    """Return a transaction whose documents all have one title, each derived from the one behind it."""
    operations = [
        {"op": "create", "kind": "document", "ref": f"d{place}", "value": {"title": name}}
        | ({"value": {"title": name, "derived_from": f"@d{place + 1}"}} if place < OPERATIONS - 1 else {})
        for place in range(OPERATIONS)
    ]
    return {"operations": operations}


async def load(caller: Caller, client: str, answered: dict[str, Any], sent: set[str], enough: asyncio.Event) -> None:
    """Send one transaction after the other until the server is gone."""
    for number in range(10_000):
        name = f"{client} {number}"
        sent.add(name)
        try:
            status, body = await caller.call("POST", "/v1/transactions", body_of(name), key=name.replace(" ", "-"))
        except aiohttp.ClientError:
            return
        assert status == 200, body
        answered[name] = body
        if len(answered) > 40:
            enough.set()


@pytest.mark.timeout(120)
async def test_a_transaction_is_whole_or_never_was_also_across_kill_9(tmp_path: Path) -> None:
    """What was answered is whole; what was not is whole or not there; sent again under its key it is there once."""
    chance = random.Random(3)
    process = Process(tmp_path / "data")
    try:
        await process.start()
        async with aiohttp.ClientSession() as session:
            caller = Caller(process, session)
            await caller.join()
            for number in range(ROUNDS):
                answered: dict[str, Any] = {}
                sent: set[str] = set()
                enough = asyncio.Event()
                clients = [
                    asyncio.create_task(load(caller, f"{number}-{client}", answered, sent, enough))
                    for client in range(8)
                ]
                await enough.wait()
                await asyncio.sleep(chance.random() / 50)
                await process.restart()
                await asyncio.gather(*clients)
                titles = await caller.titles()
                assert all(titles[name] == OPERATIONS for name in answered)
                assert all(titles[name] in {0, OPERATIONS} for name in sent)
                for name in sent:
                    status, body = await caller.call(
                        "POST", "/v1/transactions", body_of(name), key=name.replace(" ", "-")
                    )
                    assert status == 200
                    assert body == answered.get(name, body)
                titles = await caller.titles()
                assert {name: titles[name] for name in sent} == dict.fromkeys(sent, OPERATIONS)
    finally:
        process.close()
