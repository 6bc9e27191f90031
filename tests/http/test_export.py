"""Exports: everything that somebody may see, as of one sequence, whole or resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from aiohttp import ClientPayloadError

from service.commands import Actor, Authenticate
from service.engine import Engine
from service.errors import DomainError, ExportGoneError, ForbiddenError, TooManyExportsError, UnauthenticatedError
from service.exporting import CHUNK_BYTES
from service.exports import OpenExport, ResumeExport, Stream
from service.http.tokens import hash_token
from tests.harness import Client, Member, open_engine, serve
from tests.http.fake_engine import FakeEngine

DOCUMENTS = 6
_numbers = count()
LONG = "Marie Curie met him. " * (CHUNK_BYTES // 20)


@dataclass
class Scene:
    """A project of some documents, each with an extraction and two annotations, of which one points to the other.

    Attributes:
        engine: Below the API.
        owner: Of the project.
        stranger: Who is no member.
        project: Its id.
        documents: Their ids. A text is larger than a chunk.
    """

    engine: Engine
    owner: Member
    stranger: Member
    project: str
    documents: list[str]

    async def actor(self, who: Member) -> Actor:
        """Return who somebody is to the engine."""
        return await self.engine.authenticate(Authenticate(actor=None, token_hash=hash_token(who.token)))

    async def open(self, **members: Any) -> Stream:
        """Begin an export of the owner's."""
        query = OpenExport(actor=await self.actor(self.owner), export_id=f"export_{next(_numbers)}", **members)
        return await self.engine.export(query)


async def make(engine: Engine, client: Client) -> Scene:
    """Make everything."""
    anybody = Member(client)
    await anybody.join("admin@example.org")
    owner, stranger = await anybody.join("owner@example.org"), await anybody.join("stranger@example.org")
    project = (await owner.create("/v1/projects", name="Letters"))["id"]
    documents = []
    for number in range(DOCUMENTS):
        document = await owner.create("/v1/documents", title=f"Letter {number}", text=LONG, project_id=project)
        documents.append(document["id"])
        path = f"/v1/documents/{document['id']}"
        await owner.create(f"{path}/extractions", start=0, end=5, source={"name": "model"})
        span = await owner.create(f"{path}/annotations", start=0, end=11, label="person")
        await owner.create(f"{path}/annotations", type="group", arguments=[{"role": "who", "target": span["id"]}])
    await owner.create("/v1/assignments", document_id=documents[2], user_id=owner.id)
    await owner.create("/v1/documents", title="Private", text="Mine.")
    return Scene(engine, owner, stranger, project, documents)


@pytest.fixture
def limits() -> dict[str, Any]:
    """Give settings of the limits; a test may take others."""
    return {}


@pytest.fixture
async def scene(tmp_path: Path, limits: dict[str, Any]) -> AsyncIterator[Scene]:
    """Give the project."""
    flags = {"limits": limits}
    async with open_engine(tmp_path, flags) as engine, serve(engine, flags) as client:
        yield await make(engine, client)


def lines_of(data: bytes) -> list[dict[str, Any]]:
    """Return the lines of an export that was read to its end, without the last one, which must say so."""
    *lines, last = map(msgspec.json.decode, data.splitlines())
    assert last["done"] is True
    assert last["lines"] == len(lines)
    return lines


async def exported(who: Member, query: str = "") -> list[dict[str, Any]]:
    """Return the lines of an export."""
    answer = await who.call("GET", f"/v1/export{query}")
    assert answer.status == 200, answer.data
    return lines_of(answer.data)


async def rest_of(stream: Stream) -> bytes:
    """Return what is left of a stream."""
    return b"".join([chunk async for chunk in stream.chunks])


async def test_a_project_is_told_kind_by_kind_as_get_tells_it(scene: Scene) -> None:
    """Each after what it points to, with the document's text, and nothing of anything else."""
    lines = await exported(scene.owner, f"?project_id={scene.project}")
    kinds = [line["kind"] for line in lines]
    assert kinds == [
        "project",
        *["document"] * DOCUMENTS,
        *["extraction"] * DOCUMENTS,
        *["annotation"] * 2 * DOCUMENTS,
        "assignment",
    ]
    for line in lines:
        assert line["op"] == "create"
        assert line["id"] == line["value"]["id"]
        assert line["value"] == (await scene.owner.call("GET", f"/v1/{line['kind']}s/{line['id']}")).json
    assert [line["id"] for line in lines if line["kind"] == "document"] == scene.documents


async def test_a_document_alone_and_everything(scene: Scene) -> None:
    """Without a parameter it is everything that one may see; a stranger sees nothing, and of a project 404."""
    lines = await exported(scene.owner, f"?document_id={scene.documents[2]}")
    assert [line["kind"] for line in lines] == ["document", "extraction", "annotation", "annotation", "assignment"]
    assert len(await exported(scene.owner)) == 1 + DOCUMENTS + 1 + 3 * DOCUMENTS + 1
    assert await exported(scene.stranger) == []
    for query in (f"?project_id={scene.project}", f"?document_id={scene.documents[0]}", "?project_id=proj_none"):
        answer = await scene.stranger.call("GET", f"/v1/export{query}")
        assert (answer.status, answer.problem) == (404, "not-found")


async def test_the_answer_tells_what_it_is_as_of(scene: Scene) -> None:
    """By header fields that come before the first line; HEAD tells them alone."""
    answer = await scene.owner.call("GET", "/v1/export")
    last = msgspec.json.decode(answer.data.splitlines()[-1])
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Export-Sequence"] == str(last["sequence"])
    assert answer.headers["Export-Lines"] == str(last["lines"])
    assert answer.headers["X-Request-ID"]
    head = await scene.owner.call("HEAD", "/v1/export")
    assert (head.status, head.data, head.headers["Export-Lines"]) == (200, b"", answer.headers["Export-Lines"])


@pytest.mark.parametrize(
    "query",
    [
        "?project_id=proj_1&document_id=doc_1",
        "?lines=3",
        "?resume=export_1&project_id=proj_1",
        "?resume=export_1&lines=-1",
        "?resume=export_1&lines=%C2%B2",
        f"?resume=export_1&lines={'9' * 19}",
        "?resume=export_1&resume=export_2",
        "?cursor=1",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(scene: Scene, query: str) -> None:
    """With 400, before anything is opened."""
    answer = await scene.owner.call("GET", f"/v1/export{query}")
    assert (answer.status, answer.problem) == (400, "malformed")


async def test_writes_that_go_on_do_not_show(scene: Scene) -> None:
    """Changes, deletions and what is new: the stream tells what was there when it began."""
    before = await exported(scene.owner, f"?project_id={scene.project}")
    stream = await scene.open(project_id=scene.project)
    first = await anext(stream.chunks)
    await scene.owner.call("DELETE", f"/v1/documents/{scene.documents[3]}?cascade=true")
    await scene.owner.call("PATCH", f"/v1/documents/{scene.documents[4]}", {"title": "Another"})
    await scene.owner.call("PATCH", f"/v1/projects/{scene.project}", {"description": "Another"})
    await scene.owner.create("/v1/documents", title="New", text="New.", project_id=scene.project)
    assert lines_of(first + await rest_of(stream)) == before
    assert len(await exported(scene.owner, f"?project_id={scene.project}")) == len(before) - 4 + 1


async def test_the_rest_is_told_again_from_any_line(scene: Scene) -> None:
    """As of the same sequence, though much has changed since."""
    stream = await scene.open(project_id=scene.project)
    whole = await rest_of(stream)
    for document_id in scene.documents:
        await scene.owner.call("DELETE", f"/v1/documents/{document_id}?cascade=true")
    pieces = whole.splitlines(keepends=True)
    for have in range(stream.lines + 1):
        answer = await scene.owner.call("GET", f"/v1/export?resume={stream.export_id}&lines={have}")
        assert answer.status == 200
        assert answer.data == b"".join(pieces[have:])
        assert answer.headers["Export-Sequence"] == str(stream.sequence)


async def test_an_export_is_resumed_by_whose_it_is_alone(scene: Scene) -> None:
    """Others are told what they are told of one that is not there; so is who claims more lines than there are."""
    stream = await scene.open()
    query = f"/v1/export?resume={stream.export_id}&lines="
    for who, lines in ((scene.stranger, 0), (scene.owner, stream.lines + 1)):
        answer = await who.call("GET", f"{query}{lines}")
        assert (answer.status, answer.problem) == (410, "export-gone")
    assert (await scene.owner.call("GET", f"{query}{stream.lines}")).status == 200


@pytest.mark.parametrize("limits", [{"export_keep_seconds": 0.05}])
async def test_an_export_that_nobody_reads_is_let_go(scene: Scene) -> None:
    """After a time, and not while it is read, however long that takes."""
    stream = await scene.open()
    await anext(stream.chunks)
    await asyncio.sleep(0.2)
    await rest_of(stream)
    await asyncio.sleep(0.2)
    answer = await scene.owner.call("GET", f"/v1/export?resume={stream.export_id}")
    assert (answer.status, answer.problem) == (410, "export-gone")


@pytest.mark.parametrize("limits", [{"exports_max": 2}])
async def test_exports_are_limited(scene: Scene) -> None:
    """One more takes the place of one that nobody reads; if all are under way it is refused."""
    idle = await scene.open()
    await idle.chunks.aclose()
    streams = [await scene.open(project_id=scene.project)]
    streams.append(await scene.open(document_id=scene.documents[0]))
    actor = await scene.actor(scene.owner)
    with pytest.raises(ExportGoneError):
        await scene.engine.export(ResumeExport(actor=actor, export_id=idle.export_id))
    with pytest.raises(TooManyExportsError):
        await scene.open()
    answer = await scene.owner.call("GET", "/v1/export")
    assert (answer.status, answer.problem) == (429, "too-many-exports")
    assert answer.headers["Retry-After"]
    await rest_of(streams[0])
    assert (await scene.owner.call("GET", "/v1/export")).status == 200


@pytest.mark.parametrize("limits", [{"exports_of_user_max": 1}])
async def test_exports_of_a_user_are_limited(scene: Scene) -> None:
    """Others still have theirs; HEAD takes a place of one's own."""
    stream = await scene.open()
    for method in ("GET", "HEAD"):
        answer = await scene.owner.call(method, "/v1/export")
        assert answer.status == 429
        assert answer.headers["Retry-After"]
    assert (await scene.owner.call("GET", "/v1/export")).problem == "too-many-exports"
    assert (await scene.stranger.call("GET", "/v1/export")).status == 200
    await stream.chunks.aclose()
    assert (await scene.owner.call("HEAD", "/v1/export")).status == 200
    assert (await scene.owner.call("GET", "/v1/export")).status == 200


@pytest.mark.parametrize("limits", [{"export_kept_bytes": 3 * CHUNK_BYTES}])
async def test_what_changes_meanwhile_is_kept_up_to_a_limit(scene: Scene) -> None:
    """Beyond it the export ends, and says why."""
    kept, lost = await scene.open(), await scene.open()
    await anext(kept.chunks)
    await anext(lost.chunks)
    await scene.owner.call("DELETE", f"/v1/documents/{scene.documents[0]}?cascade=true")
    assert (await rest_of(kept)).endswith(b"}\n")
    for document_id in scene.documents[1:]:
        await scene.owner.call("DELETE", f"/v1/documents/{document_id}?cascade=true")
    with pytest.raises(ExportGoneError, match="export_kept_bytes"):
        await rest_of(lost)


async def leave(scene: Scene) -> None:
    """Take the owner out of the project; an administrator does."""
    admin = await log_in(scene, "admin@example.org")
    await admin.call("PUT", f"/v1/projects/{scene.project}/members/{admin.id}", {"role": "owner"})
    answer = await admin.call("DELETE", f"/v1/projects/{scene.project}/members/{scene.owner.id}")
    assert answer.status == 204, answer.data


async def log_out(scene: Scene) -> None:
    """End the owner's session."""
    assert (await scene.owner.call("DELETE", "/v1/sessions/current")).status == 204


async def log_in(scene: Scene, email: str) -> Member:
    """Return somebody with a session of their own."""
    session = await Member(scene.owner.client).create(
        "/v1/sessions", email=email, password="correct horse battery staple"
    )
    return Member(scene.owner.client, session["token"], session["user"]["id"])


@pytest.mark.parametrize(("happens", "error"), [(leave, ForbiddenError), (log_out, UnauthenticatedError)])
async def test_who_may_not_see_it_any_more_gets_nothing_more(
    scene: Scene, happens: Any, error: type[DomainError]
) -> None:
    """Membership and session are looked at again at each piece."""
    stream = await scene.open(project_id=scene.project)
    await anext(stream.chunks)
    await happens(scene)
    with pytest.raises(error):
        await anext(stream.chunks)


async def cut(error: Exception) -> AsyncGenerator[bytes, None]:
    """Yield a line, and end as an export does that cannot go on."""
    yield b"{}\n"
    raise error


@pytest.mark.parametrize(
    ("error", "problem"), [(ForbiddenError("No."), "forbidden"), (OSError("of the server's own"), "internal")]
)
async def test_a_client_learns_that_a_stream_was_cut(
    engine: FakeEngine, caller: Member, error: Exception, problem: str
) -> None:
    """The last line says why, and the body does not end as it should."""
    engine.stream = Stream("export_1", 7, 2, cut(error))
    async with caller.client.get("/v1/export", headers={"Authorization": f"Bearer {caller.token}"}) as response:
        assert await response.content.readline() == b"{}\n"
        last = msgspec.json.decode(await response.content.readline())
        with pytest.raises(ClientPayloadError):
            await response.content.readline()
    assert last["done"] is False
    assert last["problem"]["type"] == f"/problems/{problem}"


async def endless(ended: asyncio.Event) -> AsyncGenerator[bytes, None]:
    """Yield more than any buffer holds."""
    try:
        while True:
            yield bytes(CHUNK_BYTES)
            await asyncio.sleep(0)
    finally:
        ended.set()


async def test_a_client_that_does_not_read_is_left(engine: FakeEngine) -> None:
    """After the time that it is given for a piece the connection ends, whatever was still to be sent."""
    ended = asyncio.Event()
    engine.stream = Stream("export_1", 7, 2, endless(ended))
    async with serve(engine, {"limits": {"export_stall_seconds": 0.1}}) as client:
        reader, writer = await asyncio.open_connection(client.host, client.port, limit=1)
        writer.write(b"GET /v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer any\r\n\r\n")
        await asyncio.wait_for(ended.wait(), 10)
        assert not (await asyncio.wait_for(reader.read(), 10)).endswith(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()


async def test_what_is_hidden_is_not_exported(scene: Scene) -> None:
    """An annotator of independent ones exports their own annotations alone."""
    annotator = scene.stranger
    path = f"/v1/projects/{scene.project}"
    await scene.owner.call("PUT", f"{path}/members/{annotator.id}", {"role": "annotator"})
    await scene.owner.call("PATCH", path, {"annotators": "independent"})
    own = await annotator.create(f"/v1/documents/{scene.documents[0]}/annotations", start=0, end=5)
    for query in ("", f"?project_id={scene.project}", f"?document_id={scene.documents[0]}"):
        lines = await exported(annotator, query)
        assert [line["id"] for line in lines if line["kind"] == "annotation"] == [own["id"]]
    assert len([1 for line in await exported(scene.owner) if line["kind"] == "annotation"]) == 2 * DOCUMENTS + 1


class Closing:
    """Pieces that tell when they are closed; there are none."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Note it."""
        self.closed.set()


async def test_a_stream_is_closed_after_head(engine: FakeEngine, caller: Member) -> None:
    """Nothing of it is read, and it does not count as under way for that."""
    chunks = Closing()
    engine.stream = Stream("export_1", 7, 2, chunks)
    assert (await caller.call("HEAD", "/v1/export")).status == 200
    await asyncio.wait_for(chunks.closed.wait(), 10)


class Late(FakeEngine):
    """An engine whose exports wait.

    Attributes:
        asked: Somebody waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def export(self, query: OpenExport | ResumeExport) -> Stream:
        """Answer once mutations do."""
        self.asked.set()
        await self.hold.wait()
        return await super().export(query)


async def test_a_stream_is_closed_whose_client_has_gone_before_it_began() -> None:
    """While the sync was under way, say."""
    engine, chunks = Late(), Closing()
    engine.stream = Stream("export_1", 7, 2, chunks)
    engine.hold.clear()
    async with serve(engine) as client:
        _, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(b"GET /v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer any\r\n\r\n")
        await asyncio.wait_for(engine.asked.wait(), 10)
        writer.transport.abort()
        # The server learns of it before it goes on.
        assert (await client.get("/livez")).status == 200
        engine.hold.set()
        await asyncio.wait_for(chunks.closed.wait(), 10)


def test_the_answer_is_checked() -> None:
    """The check of these tests finds a stream that was cut."""
    with pytest.raises((AssertionError, KeyError)):
        lines_of(b'{"op":"create"}\n')
    with pytest.raises(AssertionError):
        lines_of(b'{"op":"create"}\n{"done":true,"lines":2,"sequence":1}\n')
