"""Every example of the description is accepted by the server, and every endpoint answers as it is described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from service.contract.headers import SENT, sent
from service.http import examples
from service.http.endpoint import TEXT_TYPE, Body, Endpoint
from service.http.examples import OTHER_ID, PATH_IDS, PROJECT_ID, USER_ID
from service.http.routes import ENDPOINTS
from tests.harness import Answer, Member

SCOPES = ["read", "write", "projects", "admin"]
FOR_ADMINISTRATORS = ("getStatus", "compact")
LATER = "2027-05-25T09:30:00Z"
PUT: dict[str, dict[str, Any]] = {
    "projects": examples.PROJECT,
    "documents": examples.DOCUMENT,
    "extractions": examples.EXTRACTION,
    "annotations": examples.ANNOTATION,
    "assignments": examples.ASSIGNMENT,
}
CASES = [
    (endpoint, media_type)
    for endpoint in ENDPOINTS
    for media_type in (("",) if endpoint.body is None else endpoint.body.media_types)
]


class Story:
    """The users and entities that the examples are about.

    Attributes:
        root: An administrator.
        anna: Who the examples are of.
        bert: The other user.
        ids: The id of an example → that which the server gave.
    """

    def __init__(self, root: Member) -> None:
        self.root = root
        self.anna = self.bert = root
        self.ids: dict[str, str] = {}

    async def begin(self, endpoint: Endpoint | None = None) -> None:
        """Make all of it, under the ids of the examples where they can be chosen.

        Nobody has a document twice, so what is made by POST of an assignment must not be there.
        """
        user = await self.root.create("/v1/users", examples.REGISTRATION)
        login = {"email": examples.USER["email"], "password": examples.PASSWORD}
        opened = [await self.root.create("/v1/sessions", login) for _ in range(2)]
        self.anna = Member(self.root.client, opened[0]["token"], user["id"])
        self.bert = await Member(self.root.client).join("bert@example.org")
        sessions = (await self.anna.call("GET", "/v1/sessions")).json["items"]
        key = await self.key(self.anna, ["read"])
        assigns = endpoint is None or endpoint.operation != "createAssignment"
        for collection, draft in PUT.items() if assigns else list(PUT.items())[:-1]:
            known = draft if collection != "assignments" else {**draft, "user_id": user["id"]}
            answer = await self.anna.call("PUT", f"/v1/{collection}/{PATH_IDS[collection]}", known)
            assert answer.status == 201, answer.data
        path = f"/v1/documents/{examples.DOCUMENT_ID}/content"
        assert (await self.anna.call("PUT", path, data=examples.CONTENT.encode())).status == 201
        role = {"role": "owner"}
        assert (await self.anna.call("PUT", f"/v1/projects/{PROJECT_ID}/members/{self.bert.id}", role)).status == 200
        self.ids = {
            USER_ID: user["id"],
            OTHER_ID: self.bert.id,
            PATH_IDS["sessions"]: next(one["id"] for one in sessions if not one["current"]),
            PATH_IDS["api-keys"]: key["id"],
        }

    async def key(self, member: Member, scopes: Sequence[str]) -> dict[str, Any]:
        """Make an API key."""
        return await member.create("/v1/api-keys", name="one", scopes=scopes, expires_at=LATER)

    def path(self, endpoint: Endpoint) -> str:
        """Return the path of an endpoint, about the example."""
        path = endpoint.path.replace("{id}", PATH_IDS.get(endpoint.tag, "")).replace("{user_id}", OTHER_ID)
        for example, real in self.ids.items():
            path = path.replace(example, real)
        return path.replace("{name}", "taken")

    async def ask(
        self, who: Member, endpoint: Endpoint, media_type: str = "", method: str = "", *, without: Sequence[str] = ()
    ) -> Answer:
        """Send the example of an endpoint, without some of its header fields."""
        path = self.path(endpoint)
        headers = {
            SENT[name]["name"]: SENT[name].get("example", "a-key")
            for name in sent(endpoint)
            if name not in ("CreateOnly", "IfRange", *without)
        }
        data = None
        if endpoint.body is not None:
            headers["Content-Type"] = media_type or endpoint.body.media_types[0]
            data = sent_as(endpoint.body, media_type)
        for example, real in self.ids.items():
            data = None if data is None else data.replace(example.encode(), real.encode())
        return await who.call(method or endpoint.method, path, data=data, headers=headers)


def sent_as(body: Body, media_type: str) -> bytes:
    """Return the example of a body as it is sent."""
    if body.type is bytes:
        return str(body.example).encode()
    if body.is_lines:
        return b"\n".join(msgspec.json.encode(line) for line in body.example)
    return body.example["text"].encode() if media_type == TEXT_TYPE else msgspec.json.encode(body.example)


@pytest.fixture
async def story(admin: Member) -> Story:
    """Give the story before it begins."""
    return Story(admin)


@pytest.mark.parametrize(("endpoint", "media_type"), CASES, ids=[f"{one.operation} {name}" for one, name in CASES])
async def test_an_example_is_accepted(story: Story, endpoint: Endpoint, media_type: str) -> None:
    """With one of the statuses that its replies have."""
    if endpoint.operation != "createUser":
        await story.begin(endpoint)
    who = story.root if endpoint.operation in FOR_ADMINISTRATORS else story.anna
    answer = await story.ask(who, endpoint, media_type)
    assert answer.status in [reply.status for reply in endpoint.replies], answer.data
    assert answer.status != 304


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.access == "caller"], ids=lambda one: one.operation
)
async def test_an_api_key_needs_the_scope_that_is_told(story: Story, endpoint: Endpoint) -> None:
    """With all scopes but that one it is refused, with it and nothing else it is not."""
    await story.begin(endpoint)
    who = story.root if endpoint.operation in FOR_ADMINISTRATORS else story.anna
    without = [one for one in SCOPES if one != endpoint.scope and (one != "admin" or who is story.root)]
    answer = await ask_by_key(story, who, without, endpoint)
    if endpoint.scope is not None:
        assert (answer.status, answer.problem in {"forbidden", "insufficient-scope"}) == (403, True), answer.data
    if endpoint.scope == "session":
        return
    alone = [endpoint.scope or "read"]
    who = story.root if alone == ["admin"] else who
    answer = await ask_by_key(story, who, alone, endpoint)
    assert answer.status in [200, 201, 202, 204, 206] or endpoint.operation == "getCurrentSession", answer.data


async def ask_by_key(story: Story, who: Member, scopes: Sequence[str], endpoint: Endpoint) -> Answer:
    """Send the example of an endpoint by an API key with some scopes."""
    key = await story.key(who, scopes)
    return await story.ask(Member(who.client, key["token"], who.id), endpoint)
