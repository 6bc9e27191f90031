"""Exports whose lines were changed at random: each line is stored or refused, and the server goes on."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from service.exporting import ORDER
from tests.fuzz.values import encode, mutated
from tests.harness import Member, open_app
from tests.http.story import opened, replayed, restore, tell_a_story
from tests.http.test_bulk import told

_TRIES = 60


async def test_no_line_is_a_failure_of_the_server(tmp_path: Path) -> None:
    """None is 5xx, the end is told, what was stored is read by every list and is there after a restart."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    async with open_app(tmp_path / "source") as client:
        admin = await Member(client).join("admin@example.org")
        await tell_a_story(admin)
        lines = [*map(msgspec.json.decode, (await admin.call("GET", "/v1/export")).data.splitlines())]
    async with opened(tmp_path / "target") as (_, admin):
        statuses = set()
        for _try in range(_TRIES):
            body = b""
            for line in lines:
                # Most are as they were, so that what follows has what it points to.
                changed = line if chance.random() < 0.7 else mutated(chance, line)
                body += encode(changed).replace(b"\n", b" ") + b"\n"
            results, last = told(await restore(admin, body))
            assert last.get("done") is True, (seed, last)
            assert all(400 <= one["status"] < 500 for one in results), (seed, results)
            statuses |= {one["status"] for one in results}
        assert statuses >= {400, 409, 422}, seed
        held = (await admin.call("GET", "/v1/export")).data
        for kind in ORDER:
            page = await admin.call("GET", f"/v1/{kind}s?limit=1000&created_at_ge=2020-01-01T00:00:00Z")
            assert page.status == 200, (seed, kind)
            for entity in page.json["items"]:
                assert (await admin.call("GET", f"/v1/{kind}s/{entity['id']}")).status == 200, (seed, entity)
                answer = await admin.call("PATCH", f"/v1/{kind}s/{entity['id']}", {})
                assert answer.status in {200, 409, 422}, (seed, entity, answer.data)
    state = await replayed(tmp_path / "target")
    assert sum(state.counts[kind] for kind in ORDER) == held.count(b"\n") - 1, seed
