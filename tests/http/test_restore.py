"""Exports that are put back: into an empty server they give the same state, whatever is cut in between."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.covered import covered_digest
from service.kinds import KINDS
from service.slices import in_slices
from service.state.state import State
from tests.harness import Answer, Client, Member, open_app, quick_settings
from tests.http.test_bulk import NDJSON, told
from wal.opening import open_log

TEXT = "Marie Curie met Albert Einstein in Geneva \N{MUSICAL SYMBOL G CLEF}."
CHUNKS: dict[str, dict[str, Any]] = {"limits": {"bulk_chunk_lines": 4}}


async def digest_of(directory: Path) -> int:
    """Return the digest of what exports tell, as recovery finds it in a data directory."""
    state = State(KINDS)
    log, _ = await open_log(directory, quick_settings().log, state)
    await log.close()
    return await in_slices(covered_digest(state))


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


async def tell_a_story(admin: Member) -> None:
    """Make something of every kind, and of all that changes in time."""
    owner, anna, bert = [await admin.join(f"{name}@example.org") for name in ("owner", "anna", "bert")]
    labels = [{"name": "person", "attributes": {"sure": {"type": "boolean"}}}, {"name": "meets", "color": "#00ff00"}]
    project = await owner.create(
        "/v1/projects", name="Letters", labels=labels, label_policy="closed", annotators="independent"
    )
    path = f"/v1/projects/{project['id']}"
    for member, role in ((anna, "annotator"), (bert, "reviewer")):
        assert (await owner.call("PUT", f"{path}/members/{member.id}", {"role": role})).status == 200
    await owner.create("/v1/projects", name="Empty")
    documents = []
    for number in range(3):
        document = await owner.create(
            "/v1/documents",
            title=f"Letter {number}",
            text=TEXT,
            project_id=project["id"],
            external_id=f"letter-{number}",
            language="en",
            metadata={"pages": 2, "ratio": 0.1, "large": 1e22, "deep": [{"none": None}], "text": "\N{SNOWMAN}\u2028"},
            pages=[{"number": 1, "width": 210, "height": 297.0, "start": 0, "end": 5}],
        )
        documents.append(document["id"])
    await owner.create("/v1/documents", title="No text", project_id=project["id"], derived_from=documents[0])
    await owner.create("/v1/documents", text="", project_id=project["id"])
    first = f"/v1/documents/{documents[0]}"
    source = {"name": "model", "version": "1"}
    found = await owner.create(f"{first}/extractions", start=0, end=11, label="person", source=source, confidence=1)
    await owner.create(f"{first}/extractions", label="person", source=source, quote="?", alignment="none")
    await anna.create(f"{first}/annotations", extraction_id=found["id"], verdict="accepted")
    region = {"page": 1, "x": 0, "y": 0.5, "width": 1, "height": 0.25}
    await anna.create(f"{first}/annotations", type="region", regions=[region], label="person")
    pieces = [{"start": 0, "end": 5}, {"start": 16, "end": 22}]
    group = await anna.create(f"{first}/annotations", type="group", label="person")
    span = await anna.create(f"{first}/annotations", fragments=pieces, label="person", attributes={"sure": True})
    # The older one points to the newer.
    arguments = [{"role": "who", "target": span["id"]}, {"role": "whom", "target": found["id"]}]
    assert (await anna.call("PATCH", f"/v1/annotations/{group['id']}", {"arguments": arguments})).status == 200
    # One that is gone leaves no trace, and one that came again goes on with its version.
    gone = await anna.create(f"{first}/annotations", label="person")
    for _ in range(2):
        assert (await anna.call("DELETE", f"/v1/annotations/{gone['id']}")).status == 204
        value = {"document_id": documents[0], "label": "person"}
        assert (await anna.call("PUT", f"/v1/annotations/{gone['id']}", value)).status == 201
    given = [
        await owner.create("/v1/assignments", document_id=document, user_id=anna.id) for document in documents[:2]
    ]
    for assignment in reversed(given):
        answer = await anna.call("PATCH", f"/v1/assignments/{assignment['id']}", {"state": "in_progress"})
        assert answer.status == 200
    await owner.create("/v1/assignments", document_id=documents[2], user_id=bert.id, task="review", state="done")
    decided = {"decided": [{"take": span["id"]}, {"value": {"start": 0, "end": 5, "label": "person"}}]}
    answer = await bert.call("POST", f"{first}/adjudication", decided)
    assert answer.status == 200, answer.data


async def exported(who: Member) -> bytes:
    """Return all that an administrator sees, with the last line."""
    answer = await who.call("GET", "/v1/export")
    assert answer.status == 200
    return answer.data


async def restore(who: Member, body: bytes, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Send lines at once."""
    headers = {"Content-Type": NDJSON, **(headers or {})}
    return await who.call("POST", f"/v1/bulk?restore=true{query}", data=body, headers=headers)


@pytest.fixture
async def source(tmp_path: Path) -> Source:
    """Give a story, and its export."""
    directory = tmp_path / "source"
    async with open_app(directory, CHUNKS) as client:
        admin = await Member(client).join("admin@example.org")
        await tell_a_story(admin)
        return Source(await exported(admin), directory)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[Client, Member]]:
    """Give another server, and its administrator."""
    async with open_app(directory, CHUNKS) as client:
        yield client, await Member(client).join("other@example.org")


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


async def test_it_can_be_cut_anywhere_and_sent_again(source: Source, tmp_path: Path) -> None:
    """With a key or without, as often as need be: what is there is passed over, and the end is the same."""
    chance = random.Random(5)
    for place, headers in enumerate(({}, {"Idempotency-Key": "k"})):
        directory = tmp_path / f"target{place}"
        async with opened(directory) as (_, admin):
            for cut in sorted(chance.sample(range(len(source.export)), 8)):
                # Of a line that is cut only a part comes; as a line it is wrong, so it is left out with a key.
                until = cut if not headers else source.export.rfind(b"\n", 0, cut) + 1
                results, last = told(await restore(admin, source.export[:until], headers=dict(headers)))
                assert last["whole"] is False
                assert len(results) <= 1
                if headers:
                    headers = {"Idempotency-Key": f"k{cut}"}
            results, last = told(await restore(admin, source.export))
            assert (results, last["whole"], last["missing"]) == ([], True, 0)
        assert await digest_of(directory) == await digest_of(source.directory)
