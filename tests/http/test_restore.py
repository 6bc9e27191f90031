"""Exports that are put back: into an empty server they give the same state, whatever is cut in between."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.covered import COVERED, covered_digest
from service.exporting import ORDER
from service.kinds.document import TEXT
from service.operations import OPERABLE
from service.restoring import ENTITIES
from service.slices import in_slices
from tests.harness import Member, open_app
from tests.http.story import CHUNKS, opened, replayed, restore, tell_a_story
from tests.http.test_bulk import NDJSON, told


async def digest_of(directory: Path) -> int:
    """Return the digest of what exports tell, as recovery finds it in a data directory."""
    return await in_slices(covered_digest(await replayed(directory)))


@dataclass
class Source:
    """What was exported.

    Attributes:
        export: All lines, with the last one.
        directory: Of the server that it is of.
    """

    export: bytes
    directory: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All lines, decoded."""
        return [msgspec.json.decode(line) for line in self.export.splitlines()]


async def exported(who: Member) -> bytes:
    """Return all that an administrator sees, with the last line."""
    answer = await who.call("GET", "/v1/export")
    assert answer.status == 200
    return answer.data


@pytest.fixture
async def source(tmp_path: Path) -> Source:
    """Give a story, and its export."""
    directory = tmp_path / "source"
    async with open_app(directory, CHUNKS) as client:
        admin = await Member(client).join("admin@example.org")
        await tell_a_story(admin)
        return Source(await exported(admin), directory)


def test_what_is_exported_can_be_restored() -> None:
    """Kind by kind; a new one that joins exports needs a row."""
    assert set(ENTITIES) == set(ORDER) == set(OPERABLE)
    assert set(COVERED) == {*ORDER, TEXT.name}


async def test_an_empty_server_becomes_equal(source: Source, tmp_path: Path) -> None:
    """By the bytes of its export, and by the digest of its state, also after a restart."""
    async with opened(tmp_path / "target") as (_, admin):
        results, last = told(await restore(admin, source.export))
        assert results == []
        lines = len(source.lines)
        assert last == {
            "done": True, "lines": lines, "failed": 0, "sequence": last["sequence"], "whole": True, "missing": 0
        }  # fmt: skip
        again = await exported(admin)
    assert again.splitlines()[:-1] == source.export.splitlines()[:-1]
    assert await digest_of(tmp_path / "target") == await digest_of(source.directory)


async def test_what_is_there_is_passed_over(source: Source, tmp_path: Path) -> None:
    """A file that was cut anywhere, and sent again without any key, as often as need be."""
    chance = random.Random(5)
    async with opened(tmp_path / "target") as (_, admin):
        for cut in sorted(chance.sample(range(len(source.export)), 12)):
            results, last = told(await restore(admin, source.export[:cut]))
            assert last["whole"] is False
            assert [one["index"] for one in results] in ([], [last["lines"] - 1])
        results, last = told(await restore(admin, source.export))
        assert (results, last["whole"], last["missing"]) == ([], True, 0)
        before = last["sequence"]
        results, last = told(await restore(admin, source.export))
        assert (results, last["sequence"]) == ([], before)
    assert await digest_of(tmp_path / "target") == await digest_of(source.directory)


async def test_a_lost_connection_goes_on_under_its_key(source: Source, tmp_path: Path) -> None:
    """Cut at any byte, and sent again whole: lines whose chunk is durable are answered as they were."""
    chance = random.Random(7)
    key = {"Idempotency-Key": "k"}
    async with opened(tmp_path / "target") as (client, admin):
        head = (
            f"POST /v1/bulk?restore=true HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {admin.token}\r\n"
            f"Content-Type: {NDJSON}\r\nIdempotency-Key: k\r\nContent-Length: {len(source.export)}\r\n\r\n"
        ).encode()
        for cut in sorted(chance.sample(range(len(source.export)), 12)):
            _, writer = await asyncio.open_connection(client.server.host, client.server.port)
            writer.write(head + source.export[:cut])
            await writer.drain()
            # What has arrived by then, or none of it, is stored.
            await asyncio.sleep(chance.choice((0, 0.01)))
            writer.transport.abort()
        while (answer := await restore(admin, source.export, headers=key)).status == 409:
            await asyncio.sleep(0.02)
        results, last = told(answer)
        assert (results, last["lines"], last["whole"]) == ([], len(source.lines), True)
    assert await digest_of(tmp_path / "target") == await digest_of(source.directory)


async def test_a_line_may_be_written_otherwise(source: Source, tmp_path: Path) -> None:
    """White space and escapes are not stored: what is equal is stored as it was exported."""
    lines = [json.dumps(line, ensure_ascii=True, indent=None) for line in source.lines]
    async with opened(tmp_path / "target") as (_, admin):
        results, last = told(await restore(admin, "\r\n".join(lines).encode()))
        assert (results, last["whole"]) == ([], True)
    assert await digest_of(tmp_path / "target") == await digest_of(source.directory)


async def test_what_is_in_progress_is_in_the_order_of_its_beginning(source: Source, tmp_path: Path) -> None:
    """Though it was given out in another one: so that what is past its time is found, as after a start."""
    async with opened(tmp_path / "target") as (_, admin):
        told(await restore(admin, source.export))
    state = await replayed(tmp_path / "target")
    begun = [one["value"] for one in source.lines[:-1] if one["value"].get("state") == "in_progress"]
    assert begun[0]["started_at"] > begun[1]["started_at"]
    found = [*state.supply.started_until(begun[0]["project_id"], "9")]
    assert found == [one["id"] for one in reversed(begun)]


async def test_what_is_restored_goes_on(source: Source, tmp_path: Path) -> None:
    """Versions, lists by time, conditions and what points to what are those of entities that were made here."""
    async with opened(tmp_path / "target") as (_, admin):
        told(await restore(admin, source.export))
        documents = [line["value"] for line in source.lines[:-1] if line["kind"] == "document"]
        since = documents[2]["created_at"]
        page = (await admin.call("GET", f"/v1/documents?created_at_ge={since}")).json["items"]
        assert [one["id"] for one in page] == [one["id"] for one in documents[2:]]
        path = f"/v1/documents/{documents[1]['id']}"
        tag = {"If-Match": f'"{documents[1]["version"]}"'}
        changed = await admin.call("PATCH", path, {"title": "Changed"}, headers=tag)
        assert changed.json["version"] == documents[1]["version"] + 1
        marks = [line["value"] for line in source.lines[:-1] if line["kind"] == "annotation"]
        target = next(one for one in marks if one.get("rests_on"))["rests_on"][0]
        assert (await admin.call("DELETE", f"/v1/annotations/{target}")).problem == "in-use"
        later = await admin.create("/v1/documents", title="later")
        assert (await admin.call("GET", "/v1/documents?sort=-created_at&limit=1")).json["items"][0]["id"] == later["id"]
