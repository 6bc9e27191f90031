"""Who loses a right while the body of their request still arrives is refused: it is looked up when it is decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.kinds.project import ProjectRole
from tests.harness import PASSWORD, Answer, Member, open_app
from tests.http.test_access import SPAN, Scene

LABELS = {"labels": [{"name": "name"}, {"name": "place"}]}
ROLES: dict[str, ProjectRole] = {
    "POST DOCUMENT/annotations": "annotator",
    "POST DOCUMENT/extractions": "editor",
    "POST /v1/annotations": "annotator",
    "POST /v1/documents": "editor",
    "PATCH DOCUMENT": "editor",
    "PUT DOCUMENT": "editor",
    "PATCH EXTRACTION": "reviewer",
    "PATCH ANNOTATION": "reviewer",
    "PATCH OWN": "annotator",
    "PUT OWN": "annotator",
    "POST DOCUMENT/adjudication": "reviewer",
    "PATCH PROJECT": "editor",
    "POST PROJECT/labels/rename": "editor",
    "POST PROJECT/labels/merge": "editor",
    "PUT PROJECT/members/BERT": "owner",
    "POST PROJECT/next": "annotator",
    "POST /v1/assignments": "editor",
}
"""What is asked, and by whom it is allowed."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a project; its owner is no administrator."""
    async with open_app(tmp_path) as client:
        anybody = Member(client)
        await anybody.join("admin@example.org")
        scene = Scene(anybody, await anybody.join("owner@example.org"))
        await scene.prepare()
        # One that nobody has annotated, to be given out.
        await scene.owner.create("/v1/documents", text="Curie", project_id=scene.project.rpartition("/")[2])
        assert (await scene.owner.call("PATCH", scene.project, LABELS)).status == 200
        yield scene


async def slowly(who: Member, method: str, path: str, value: Any, meanwhile: Callable[[], Awaitable[object]]) -> Answer:
    """Send a request, let something happen when half of its body has been sent, and return the answer."""
    body = msgspec.json.encode(value)
    begun, happened = asyncio.Event(), asyncio.Event()

    async def halves() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        begun.set()
        await happened.wait()
        yield body[len(body) // 2 :]

    async def send() -> Answer:
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
        async with who.client.request(method, path, data=halves(), headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    sending = asyncio.create_task(send())
    await begun.wait()
    await meanwhile()
    happened.set()
    return await sending


async def request_of(scene: Scene, who: Member, asked: str) -> tuple[str, str, Any]:
    """Return method, path and body of what is asked."""
    method, _, place = asked.partition(" ")
    own = ""
    if "OWN" in place:
        own = f"/v1/annotations/{(await who.create(f'{scene.document}/annotations', SPAN))['id']}"
    bert = await scene.anybody.join("bert@example.org")
    for name, path in (("DOCUMENT", scene.document), ("PROJECT", scene.project), ("EXTRACTION", scene.extraction),
                       ("ANNOTATION", scene.annotation), ("OWN", own), ("BERT", bert.id)):  # fmt: skip
        place = place.replace(name, path)
    ids = {"document_id": scene.document.rpartition("/")[2], "project_id": scene.project.rpartition("/")[2]}
    body: Any = {
        "POST DOCUMENT/extractions": {**SPAN, "source": {"name": "m"}},
        "POST /v1/annotations": {**SPAN, "document_id": ids["document_id"]},
        "POST /v1/documents": {"text": "new", "project_id": ids["project_id"]},
        "PATCH DOCUMENT": {"title": "other"},
        "PUT DOCUMENT": {"title": "other", "text": "Marie", "project_id": ids["project_id"]},
        "PATCH EXTRACTION": {"status": "accepted"},
        "PATCH ANNOTATION": {"status": "accepted"},
        "PATCH OWN": {"label": "name"},
        "PUT OWN": {"document_id": ids["document_id"], "start": 1, "end": 2},
        "POST DOCUMENT/adjudication": {"decided": [{"value": SPAN}]},
        "PATCH PROJECT": {"name": "other"},
        "POST PROJECT/labels/rename": {"from": "name", "to": "person"},
        "POST PROJECT/labels/merge": {"from": ["name"], "into": "place"},
        "PUT PROJECT/members/BERT": {"role": "viewer"},
        "POST PROJECT/next": {"task": "annotate"},
        "POST /v1/assignments": {"document_id": ids["document_id"], "user_id": who.id},
    }.get(asked, SPAN)
    return method, place, body


async def everything(scene: Scene) -> list[Any]:
    """Return the project without its members, and all that is in it, as its owner sees it."""
    project = (await scene.owner.call("GET", scene.project)).json
    paths = (
        "/v1/documents",
        "/v1/assignments",
        scene.document,
        f"{scene.document}/extractions",
        f"{scene.document}/annotations",
    )
    changing = {"members", "version", "updated_at"}
    told = [(await scene.owner.call("GET", path)).json for path in paths]
    return [{key: project[key] for key in project if key not in changing}, *told]


@pytest.mark.parametrize("asked", ROLES)
async def test_it_is_done_when_nothing_is_lost_meanwhile(scene: Scene, asked: str) -> None:
    """Or the other tests would show nothing."""
    who = await scene.join("who", ROLES[asked])
    method, path, body = await request_of(scene, who, asked)

    async def nothing() -> None:
        """Let nothing happen."""

    assert (await slowly(who, method, path, body, nothing)).status in {200, 201}


@pytest.mark.parametrize("asked", ROLES)
async def test_who_is_removed_meanwhile_is_told_that_there_is_nothing(scene: Scene, asked: str) -> None:
    """And nothing is changed."""
    who = await scene.join("who", ROLES[asked])
    method, path, body = await request_of(scene, who, asked)
    before = await everything(scene)
    membership = f"{scene.project}/members/{who.id}"
    answer = await slowly(who, method, path, body, lambda: scene.owner.call("DELETE", membership))
    # A document or project that a body names and that is not there is a place in the body.
    names_it = asked in {"POST /v1/annotations", "POST /v1/documents", "POST /v1/assignments"}
    assert answer.problem in ({"not-found", "invalid"} if names_it else {"not-found"}), answer.data
    assert await everything(scene) == before
    assert len((await scene.owner.call("GET", scene.project)).json["members"]) == 1


@pytest.mark.parametrize("asked", ROLES)
async def test_who_may_only_look_from_now_on_is_forbidden(scene: Scene, asked: str) -> None:
    """And nothing is changed."""
    who = await scene.join("who", ROLES[asked])
    method, path, body = await request_of(scene, who, asked)
    before = await everything(scene)
    membership = f"{scene.project}/members/{who.id}"
    viewer = {"role": "viewer"}
    answer = await slowly(who, method, path, body, lambda: scene.owner.call("PUT", membership, viewer))
    assert answer.problem == "forbidden", answer.data
    assert await everything(scene) == before


@pytest.mark.parametrize("asked", ROLES)
async def test_whose_session_ends_meanwhile_is_not_logged_in(scene: Scene, asked: str) -> None:
    """From elsewhere; and nothing is changed."""
    who = await scene.join("who", ROLES[asked])
    method, path, body = await request_of(scene, who, asked)
    before = await everything(scene)
    other = await scene.anybody.create("/v1/sessions", email="who@example.org", password=PASSWORD)
    session = (await who.call("GET", "/v1/sessions/current")).json["id"]
    elsewhere = Member(who.client, other["token"])
    answer = await slowly(who, method, path, body, lambda: elsewhere.call("DELETE", f"/v1/sessions/{session}"))
    assert answer.problem == "unauthenticated", answer.data
    assert await everything(scene) == before
