"""What REDbot finds at each GET: nothing that is wrong, by HTTP itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.http import examples
from service.http.routes import ENDPOINTS
from tests.contract.test_examples import FOR_ADMINISTRATORS, Story
from tests.harness import Member

DROID = Path(__file__).with_name("red_droid.py")
WARNINGS = {
    # What was asked for with a token is kept by no shared cache; a client's own would guess by `Last-Modified`, which
    # nothing has here.
    "This response allows caches to assign their own freshness lifetimes to it.",
    # All that is older than `filename*` is gone.
    "The Content-Disposition header doesn't have a 'filename' parameter.",
    # The page is small and comes with the server.
    "This response cannot be served from cache without validation, and doesn't have a validator.",
}
"""What it warns of, and why that stays."""


@pytest.fixture
async def wrong() -> AsyncIterator[str]:
    """Give the address of an application that answers with a header field that cannot be read."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="x", headers={"Last-Modified": "yesterday"})

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def looked_at(asked: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
    """Return what REDbot says of resources: each a URL, and header fields to ask for it with."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(DROID)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


async def test_it_finds_nothing_wrong_at_any_get(admin: Member) -> None:
    """Of all that there are, with the ranges, conditions and codings that it asks for besides; nor new warnings."""
    story = Story(admin)
    await story.begin()
    # Larger than the parts of it that are asked for.
    path = f"/v1/documents/{examples.DOCUMENT_ID}/content"
    assert (await story.anna.call("PUT", path, data=b"x" * 5000)).status == 200
    asked = []
    for endpoint in ENDPOINTS:
        if endpoint.is_read:
            who = story.root if endpoint.operation in FOR_ADMINISTRATORS else story.anna
            path = story.path(endpoint)
            asked.append((str(admin.client.make_url(path)), {"Authorization": f"Bearer {who.token}"}))
    found = await looked_at(asked)
    assert len(found) == len(asked) > 20
    for one in found:
        assert (one["status"], one["complete"]) == (200, True), one
        assert [note for note in one["notes"] if note["level"] == "good"], one
        bad = [note for note in one["notes"] if note["level"] not in {"good", "info"}]
        assert [note for note in bad if note["level"] != "warning" or note["summary"] not in WARNINGS] == [], one["url"]


async def test_it_would_find_what_is_wrong(wrong: str) -> None:
    """Such as a date that is none."""
    found = await looked_at([(wrong, {})])
    assert ("field-last-modified", "bad") in {(note["about"], note["level"]) for note in found[0]["notes"]}
