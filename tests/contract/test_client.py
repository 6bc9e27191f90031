"""A client that is made from the description creates, reads, lists, changes and deletes entities of every kind."""

from __future__ import annotations

import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.contract.document import make_document
from service.http import examples
from service.http.endpoint import ANY_TYPE, BYTES_TYPE, LINES_TYPE, Endpoint
from service.http.routes import ENDPOINTS
from service.settings import load
from tests.harness import Process

PACKAGE = "annolog_client"
AS_BYTES = [LINES_TYPE, "application/ndjson", "application/jsonl", ANY_TYPE]
"""What the maker of clients is told to pass on as it is."""
BIN = Path(sys.executable).parent
OPERATIONS = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
KINDS = [name.removeprefix("update") for name, endpoint in OPERATIONS.items() if endpoint.method == "PATCH"]
"""Of the entities that can be changed, in the order in which the table has them: users, projects, documents, marks."""


def snake(name: str) -> str:
    """Return the name that the client has for something."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("-", "_")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make the client, and put it into the path for the tests of this module."""
    place = tmp_path_factory.mktemp("client")
    document, config = place / "openapi.json", place / "config.json"
    document.write_bytes(msgspec.json.encode(make_document(ENDPOINTS, load().limits)))
    config.write_bytes(msgspec.json.encode({"content_type_overrides": dict.fromkeys(AS_BYTES, BYTES_TYPE)}))
    command = [str(BIN / "openapi-python-client"), "generate", "--path", str(document), "--meta", "none"]
    done = subprocess.run(
        [*command, "--output-path", str(place / PACKAGE), "--config", str(config)],
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    # Plain text as a body is what it cannot make, and it says so.
    warnings = re.findall(r"^WARNING parsing (.*)\.$", done.stdout + done.stderr, re.MULTILINE)
    assert warnings == ["POST /v1/documents within documents"], done.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class Made:
    """The client that was made.

    Attributes:
        ids: The id of an example → that which the server gave.
        client: Which holds address and token.
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.client: Any = None

    def connect(self, url: str) -> None:
        """Go on as anybody."""
        self.client = importlib.import_module(PACKAGE).Client(base_url=url)

    def close(self) -> None:
        """Close the connections."""
        self.client.get_httpx_client().close()

    def log_in(self, url: str) -> None:
        """Log in as the user of the examples, and go on as that one."""
        token = self.ask("logIn", 201).token
        self.close()
        self.client = importlib.import_module(PACKAGE).AuthenticatedClient(
            base_url=url, token=token, raise_on_unexpected_status=True
        )

    def ask(self, operation: str, status: int, body: Any = None, **parameters: Any) -> Any:
        """Call the function of an operation with the example of its body, and return what it makes of the answer."""
        endpoint = OPERATIONS[operation]
        module = importlib.import_module(f"{PACKAGE}.api.{snake(endpoint.tag)}.{snake(operation)}")
        if endpoint.body is not None:
            parameters["body"] = self._body(endpoint, body)
        response = module.sync_detailed(client=self.client, **parameters)
        assert response.status_code == status, response.content
        return response.parsed

    def _body(self, endpoint: Endpoint, example: Any) -> Any:
        assert endpoint.body is not None
        if endpoint.body.type is bytes:
            file = importlib.import_module(f"{PACKAGE}.types").File
            return file(payload=io.BytesIO(str(example or endpoint.body.example).encode()))
        name = endpoint.body.type.__name__ + ("Patch" if endpoint.body.is_patch else "")
        text = msgspec.json.encode(endpoint.body.example if example is None else example).decode()
        for one, real in self.ids.items():
            text = text.replace(one, real)
        model = getattr(importlib.import_module(f"{PACKAGE}.models"), name)
        return model.from_dict(msgspec.json.decode(text))


@pytest.fixture
def made(package: None) -> Iterator[Made]:
    """Give the client."""
    made = Made()
    yield made
    made.close()


def test_there_are_kinds_to_try() -> None:
    """None is forgotten because the list was empty."""
    assert KINDS[:3] == ["User", "Project", "Document"]
    assert {"Extraction", "Annotation", "Assignment"} < set(KINDS)


async def test_the_client_creates_reads_changes_and_deletes_every_kind(made: Made, server: Process) -> None:
    """With the examples of the description; what it reads is what it created."""
    await server.start()
    made.connect(server.url)
    made.ask("createUser", 201, {**examples.REGISTRATION, "email": "root@example.org"})
    made.ids[examples.USER_ID] = made.ask("createUser", 201).id
    made.log_in(server.url)
    for kind in KINDS[1:]:
        created = made.ask(f"create{kind}", 201, idempotency_key=f"{kind}-key")
        made.ids[examples.PATH_IDS[OPERATIONS[f"create{kind}"].tag]] = created.id
    for kind in KINDS:
        key = made.ids[examples.PATH_IDS[OPERATIONS[f"update{kind}"].tag]]
        read = made.ask(f"get{kind}", 200, id=key)
        assert (read.id, read.version) == (key, 1)
        page = made.ask(f"list{kind}s", 200, limit=10)
        assert [one.id for one in page.items] == [key]
        changed = made.ask(f"update{kind}", 200, id=key, if_match='"1"')
        assert changed.version == 2
        refused = made.ask(f"update{kind}", 412, id=key, if_match='"1"')
        assert refused.type_ == "/problems/precondition-failed"
    for kind in reversed(KINDS):
        key = made.ids[examples.PATH_IDS[OPERATIONS[f"update{kind}"].tag]]
        made.ask(f"delete{kind}", 204, id=key)
        made.ask(f"get{kind}", 401 if kind == "User" else 410, id=key)


async def test_the_client_makes_and_revokes_keys_and_closes_sessions(made: Made, server: Process) -> None:
    """What is no entity, and has no versions."""
    await server.start()
    made.connect(server.url)
    made.ask("createUser", 201)
    made.log_in(server.url)
    key = made.ask("createApiKey", 201)
    assert [one.id for one in made.ask("listApiKeys", 200).items] == [key.id]
    made.ask("revokeApiKey", 204, id=key.id)
    assert made.ask("listApiKeys", 200).items == []
    sessions = made.ask("listSessions", 200).items
    made.ask("closeSession", 204, id=sessions[0].id)
    made.ask("getMe", 401)


@pytest.fixture
async def team(made: Made, server: Process) -> Made:
    """Give the client, logged in as the owner of the project and the document of the examples."""
    await server.start()
    made.connect(server.url)
    made.ask("createUser", 201, {**examples.REGISTRATION, "email": "root@example.org"})
    made.ids[examples.USER_ID] = made.ask("createUser", 201).id
    made.ids[examples.OTHER_ID] = made.ask("createUser", 201, {**examples.REGISTRATION, "email": "bert@example.org"}).id
    made.log_in(server.url)
    made.ids[examples.PROJECT_ID] = made.ask("createProject", 201).id
    made.ids[examples.DOCUMENT_ID] = made.ask("createDocument", 201).id
    return made


async def test_the_client_makes_changes_and_removes_members_and_labels(team: Made) -> None:
    """Members have a path of their own; labels are the project's, and are renamed and merged by paths of theirs."""
    key = team.ids[examples.PROJECT_ID]
    other = team.ids[examples.OTHER_ID]
    for role in ("annotator", "reviewer"):
        project = team.ask("setMember", 200, {"role": role}, id=key, user_id=other)
        assert project.members.additional_properties[other] == role
    team.ask("removeMember", 204, id=key, user_id=other)
    project = team.ask("getProject", 200, id=key)
    assert list(project.members.additional_properties) == [team.ids[examples.USER_ID]]
    assert [label.name for label in project.labels] == ["person", "place"]
    renamed = team.ask("renameLabel", 200, id=key)
    assert [label.name for label in renamed.labels] == ["person", "location"]
    merged = team.ask("mergeLabels", 200, {"from": ["person"], "into": "location"}, id=key)
    assert [label.name for label in merged.labels] == ["location"]
    changed = team.ask("updateProject", 200, {"labels": [{"name": "date"}]}, id=key)
    assert [label.name for label in changed.labels] == ["date"]
    assert team.ask("updateProject", 200, {"labels": []}, id=key).labels == []


async def test_the_client_makes_reads_changes_and_deletes_marks_of_every_type(team: Made) -> None:
    """What it reads is what it made, by both collections of marks, below their document too."""
    team.ask("updateProject", 200, {"label_policy": "open"}, id=team.ids[examples.PROJECT_ID])
    document = team.ids[examples.DOCUMENT_ID]
    made: list[tuple[str, str]] = []
    for kind, members in (("Annotation", {}), ("Extraction", {"source": {"name": "finder"}})):
        span = team.ask(f"create{kind}", 201, {"document_id": document, "start": 0, "end": 5, **members}).id
        arguments = [{"role": "agent", "target": span}, {"role": "trigger", "target": span}]
        for value in (
            {"type": "span", "start": 24, "end": 30},
            {"type": "span", "start": 0, "end": 11, "fragments": [{"start": 0, "end": 5}, {"start": 6, "end": 11}]},
            {"type": "document", "label": "biography"},
            {"type": "region", "regions": [{"page": 1, "x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2}]},
            {"type": "relation", "label": "knows", "arguments": arguments},
            {"type": "event", "label": "birth", "arguments": arguments},
            {"type": "group", "label": "same", "arguments": arguments},
        ):
            mark = team.ask(f"createDocument{kind}", 201, {**value, **members}, id=document)
            read = team.ask(f"get{kind}", 200, id=mark.id)
            assert (read.type_, read.version) == (value["type"], 1)
            assert team.ask(f"update{kind}", 200, {"status": "accepted"}, id=mark.id).version == 2
            made.append((kind, mark.id))
        assert len(team.ask(f"listDocument{kind}s", 200, id=document).items) == 8
    for kind, key in made:
        team.ask(f"delete{kind}", 204, id=key)
        team.ask(f"get{kind}", 410, id=key)


async def test_the_client_takes_the_next_document_and_says_that_it_is_done(team: Made) -> None:
    """The assignment that it is given is one that it can read, change and delete."""
    key = team.ids[examples.PROJECT_ID]
    given = team.ask("takeNext", 201, id=key)
    assert (given.document_id, given.state) == (team.ids[examples.DOCUMENT_ID], "in_progress")
    assert team.ask("takeNext", 200, id=key).id == given.id
    assert team.ask("measureProgress", 200, id=key).annotate.in_progress == 1
    assert team.ask("updateAssignment", 200, {"state": "done"}, id=given.id).state == "done"
    assert [one.annotated for one in team.ask("listDocumentProgress", 200, id=key).items] == [1]
    team.ask("takeNext", 204, id=key)
    team.ask("deleteAssignment", 204, id=given.id)
    team.ask("getAssignment", 410, id=given.id)


async def test_the_client_puts_reads_and_takes_away_a_content(team: Made) -> None:
    """And a part of it; a transaction and an export are read too."""
    key = team.ids[examples.DOCUMENT_ID]
    assert team.ask("putContent", 201, id=key).content.size == len(examples.CONTENT)
    assert team.ask("getContent", 200, id=key).payload.read() == examples.CONTENT.encode()
    assert team.ask("getContent", 206, id=key, range_="bytes=0-4").payload.read() == b"Marie"
    assert team.ask("getContent", 416, id=key, range_="bytes=999-").type_ == "/problems/range-not-satisfiable"
    team.ask("deleteContent", 204, id=key)
    team.ask("getContent", 404, id=key)
    done = team.ask("transact", 200, {"operations": examples.OPERATIONS[:1]})
    assert [one.status for one in done.results] == [201]
    lines = [msgspec.json.decode(line) for line in team.ask("export", 200).splitlines()]
    assert [line.get("kind") for line in lines] == ["project", "document", "document", None]
    assert lines[-1]["done"] is True
