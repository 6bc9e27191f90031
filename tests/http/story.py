"""What a team does with documents, from which exports are made that have something of everything; and restores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from service.kinds import KINDS
from service.state.state import State
from tests.harness import Answer, Client, Member, open_app, quick_settings
from tests.http.test_bulk import NDJSON
from wal.opening import open_log

TEXT = "Marie Curie met Albert Einstein in Geneva \N{MUSICAL SYMBOL G CLEF}."
CHUNKS: dict[str, dict[str, Any]] = {"limits": {"bulk_chunk_lines": 4}}


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
    given = [await owner.create("/v1/assignments", document_id=document, user_id=anna.id) for document in documents[:2]]
    for assignment in reversed(given):
        answer = await anna.call("PATCH", f"/v1/assignments/{assignment['id']}", {"state": "in_progress"})
        assert answer.status == 200
    await owner.create("/v1/assignments", document_id=documents[2], user_id=bert.id, task="review", state="done")
    decided = {"decided": [{"take": span["id"]}, {"value": {"start": 0, "end": 5, "label": "person"}}]}
    answer = await bert.call("POST", f"{first}/adjudication", decided)
    assert answer.status == 200, answer.data


async def restore(who: Member, body: bytes, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Send lines at once."""
    headers = {"Content-Type": NDJSON, **(headers or {})}
    return await who.call("POST", f"/v1/bulk?restore=true{query}", data=body, headers=headers)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[Client, Member]]:
    """Give another server, and its administrator."""
    async with open_app(directory, CHUNKS) as client:
        yield client, await Member(client).join("other@example.org")


async def replayed(directory: Path) -> State:
    """Return the state that recovery makes of a data directory."""
    state = State(KINDS)
    log, _ = await open_log(directory, quick_settings().log, state)
    await log.close()
    return state
