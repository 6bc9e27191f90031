"""What is somebody else's is answered as what never was, whatever is asked of it, and stays as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from service.clock import format_time, now
from service.http.routes import ENDPOINTS, routes
from tests.harness import PASSWORD, Answer, Member

SPAN = {"start": 0, "end": 5}
RENAMING = {"from": "symptom", "to": "sign"}
MERGING = {"from": ["symptom"], "into": "sign"}
# What is asked of an id, and of which kind that is; PUT of an entity creates one under an id that is free.
ASKED: list[tuple[str, str, str, Any]] = [
    *[
        (method, f"/v1/{kind}s/{{}}", kind, {} if method == "PATCH" else None)
        for kind in ("user", "project", "document", "extraction", "annotation", "assignment")
        for method in ("GET", "PATCH", "DELETE")
    ],
    ("POST", "/v1/projects/{}/next", "project", {}),
    ("GET", "/v1/projects/{}/progress", "project", None),
    ("GET", "/v1/projects/{}/progress/documents", "project", None),
    ("GET", "/v1/export?project_id={}", "project", None),
    ("GET", "/v1/export?document_id={}", "document", None),
    ("GET", "/v1/extractions?document_id={}", "document", None),
    ("GET", "/v1/annotations?document_id={}", "document", None),
    ("PUT", "/v1/users/{}/password", "user", {"password": "staple battery horse"}),
    ("DELETE", "/v1/sessions/{}", "session", None),
    ("DELETE", "/v1/api-keys/{}", "key", None),
    ("PUT", "/v1/projects/{}/members/BERT", "project", {"role": "owner"}),
    ("DELETE", "/v1/projects/{}/members/ANNA", "project", None),
    ("POST", "/v1/projects/{}/labels/rename", "project", RENAMING),
    ("POST", "/v1/projects/{}/labels/merge", "project", MERGING),
    ("GET", "/v1/projects/{}/agreement", "project", None),
    ("GET", "/v1/documents/{}/comparison", "document", None),
    ("POST", "/v1/documents/{}/adjudication", "document", {"decided": []}),
    ("PUT", "/v1/documents/{}/content", "document", {}),
    ("GET", "/v1/documents/{}/content", "document", None),
    ("DELETE", "/v1/documents/{}/content", "document", None),
    ("GET", "/v1/documents/{}/extractions", "document", None),
    ("GET", "/v1/documents/{}/annotations", "document", None),
    ("POST", "/v1/documents/{}/extractions", "document", {**SPAN, "source": {"name": "m"}}),
    ("POST", "/v1/documents/{}/annotations", "document", SPAN),
]


@pytest.fixture
async def owned(anna: Member) -> dict[str, str]:
    """Give the ids of one of everything that is hers."""
    project = await anna.create("/v1/projects", name="Secret")
    document = await anna.create("/v1/documents", title="Notes", text="Fever and cough.", project_id=project["id"])
    mark = {"document_id": document["id"], "start": 0, "end": 5, "label": "symptom"}
    expires_at = format_time(now() + 3_600_000_000)
    made = {
        "project": project,
        "document": document,
        "extraction": await anna.create("/v1/extractions", {**mark, "source": {"name": "model"}}),
        "annotation": await anna.create("/v1/annotations", mark),
        "assignment": await anna.create("/v1/assignments", document_id=document["id"], user_id=anna.id),
        "session": (await anna.call("GET", "/v1/sessions/current")).json,
        "key": await anna.create("/v1/api-keys", name="k", scopes=["read"], expires_at=expires_at),
    }
    assert (await anna.call("PUT", f"/v1/documents/{document['id']}/content", {"a": 1})).status == 201
    return {"user": anna.id, **{kind: entity["id"] for kind, entity in made.items()}}


async def everything(member: Member, ids: dict[str, str]) -> list[bytes]:
    """Return all that a member has, as they see it."""
    paths = ["/v1/me", "/v1/sessions", "/v1/api-keys", "/v1/extractions", "/v1/annotations", "/v1/assignments"]
    paths += [f"/v1/documents/{ids['document']}", f"/v1/projects/{ids['project']}"]
    answers = [await member.call("GET", path) for path in paths]
    assert {answer.status for answer in answers} == {200}
    return [answer.data for answer in answers]


def without(answer: Answer, key: str) -> tuple[int, str]:
    """Return what an answer tells but for the id that its request named."""
    return answer.status, answer.data.decode().replace(key, "ID")


@pytest.mark.parametrize(("method", "path", "kind", "value"), ASKED, ids=[f"{one[0]} {one[1]}" for one in ASKED])
async def test_an_id_of_another_is_told_from_no_id(
    owned: dict[str, str], anna: Member, bert: Member, method: str, path: str, kind: str, value: Any
) -> None:
    """Word for word."""
    path = path.replace("BERT", bert.id).replace("ANNA", anna.id)
    before = await everything(anna, owned)
    nothing = f"{owned[kind][:-1]}{'0' if owned[kind][-1] != '0' else '1'}"
    answer = await bert.call(method, path.format(owned[kind]), value)
    unknown = await bert.call(method, path.format(nothing), value)
    assert (answer.status, answer.problem) == (404, "not-found")
    assert without(answer, owned[kind]) == without(unknown, nothing)
    assert await everything(anna, owned) == before


def test_every_path_with_an_id_is_asked() -> None:
    """Of each of its methods; PUT of entities is told of in the attacks."""
    asked = {(method, re.sub(r"BERT|ANNA", "{}", path)) for method, path, _, _ in ASKED}
    found = {(route.method, re.sub(r"\{\w+\}", "{}", route.path)) for route in routes()}
    entity = re.compile(r"/v1/(projects|documents|extractions|annotations|assignments)/\{\}")
    wanted = {(m, p) for m, p in found if p.startswith("/v1/") and "{}" in p}
    wanted = {(m, p) for m, p in wanted if not (m == "PUT" and entity.fullmatch(p))}
    assert wanted - asked == set()


async def test_a_token_that_has_ended_or_is_in_the_url_opens_no_path(owned: dict[str, str], anna: Member) -> None:
    """Of all that there are but registration and login."""
    session = await anna.create("/v1/sessions", email="anna@example.org", password=PASSWORD)
    ended = Member(anna.client, session["token"])
    assert (await ended.call("DELETE", "/v1/sessions/current")).status == 204
    before, asked = await everything(anna, owned), 0
    for route in ENDPOINTS:
        if not route.path.startswith("/v1/") or route.is_public:
            continue
        path = re.sub(r"\{\w+\}", owned["document"], route.path)
        value: Any = {} if route.method in {"POST", "PUT", "PATCH"} else None
        assert (await ended.call(route.method, path, value)).problem == "unauthenticated", route
        by_url = await Member(anna.client).call(route.method, f"{path}?token={anna.token}", value)
        assert by_url.problem == "unauthenticated", route
        assert by_url.data.decode().count(anna.token) == 0
        asked += 1
    assert asked > 40
    assert await everything(anna, owned) == before
