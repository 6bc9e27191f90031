"""The client against a real server: typed results, pages, problems, and retries over a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.client import Client, ConnectionLostError, ProblemError, RetryPolicy, UnexpectedAnswerError
from service.client.assignments import AssignmentDraft, States
from service.client.reviews import Decided
from service.client.types import AnnotationDraft, AssignmentRule, DocumentDraft, ProjectDraft
from service.clock import format_time, now
from tests.harness import PASSWORD, Process

EMAIL = "ada@example.org"
EACH = 60


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Process]:
    """Return a server on an empty directory."""
    process = Process(tmp_path / "data")
    await process.start()
    yield process
    process.close()


@pytest.fixture
async def client(server: Process) -> AsyncIterator[Client]:
    """Return a client that is logged in."""
    async with Client(server.url) as client:
        await client.register(EMAIL, PASSWORD, name="Ada")
        await client.login(EMAIL, PASSWORD)
        yield client


async def test_every_call_gives_what_the_server_holds(client: Client) -> None:
    """Create, read, change, replace, list, count and delete."""
    assert (await client.me()).email == EMAIL
    document = await client.documents.create(DocumentDraft(title="T", text="Marie Curie"))
    drafts = [AnnotationDraft(document_id=document.id, start=0, end=end, label=f"L{end % 2}") for end in range(1, 8)]
    marks = [await client.annotations.create(draft) for draft in drafts]
    assert (await client.annotations.get(marks[4].id)).text == "Marie"
    listed = [mark.id async for mark in client.annotations.list(page_size=2, document_id=document.id)]
    assert listed == [mark.id for mark in marks]
    odd = [mark.id async for mark in client.annotations.list(page_size=3, label=["L1"])]
    assert odd == [mark.id for mark in marks[::2]]
    assert await client.annotations.count(label="L0") == 3
    changed = await client.annotations.update(marks[0].id, {"end": 11}, version=1)
    assert (changed.version, changed.text) == (2, "Marie Curie")
    with pytest.raises(ProblemError) as caught:
        await client.annotations.update(marks[0].id, {"end": 3}, version=1)
    assert (caught.value.status, caught.value.name) == (412, "precondition-failed")
    replaced = await client.annotations.replace(marks[1].id, drafts[0], version=1)
    assert replaced.text == "M"
    await client.annotations.delete(marks[2].id)
    with pytest.raises(ProblemError, match="410 gone"):
        await client.annotations.get(marks[2].id)


async def test_a_problem_tells_each_fault(client: Client) -> None:
    """With its place in what was sent."""
    document = await client.documents.create(DocumentDraft(title="T", text="abc"))
    with pytest.raises(ProblemError) as caught:
        await client.annotations.create(AnnotationDraft(document_id=document.id, start=1, end=9))
    assert caught.value.status == 422
    assert [fault.pointer for fault in caught.value.errors] == ["/end"]
    assert "/end" in str(caught.value)


async def test_a_key_that_was_used_gives_the_first_entity_again(client: Client) -> None:
    """And the statistics count it."""
    draft = DocumentDraft(title="T", text="abc")
    first = await client.documents.create(draft, idempotency_key="once")
    assert (await client.documents.create(draft, idempotency_key="once")).id == first.id
    assert client.statistics.replayed == 1


async def test_a_server_that_is_killed_and_started_again_is_waited_for(server: Process, client: Client) -> None:
    """Each document is there once, although requests were cut off."""
    policy = RetryPolicy(tries=60, pause_seconds=0.05, pause_seconds_max=0.3)
    port = server.url.rpartition(":")[2]
    async with Client(server.url, token=client.token, policy=policy) as patient:

        async def create(number: int) -> None:
            for place in range(EACH):
                await patient.documents.create(DocumentDraft(title=f"{number}-{place}"))

        creating = [asyncio.create_task(create(number)) for number in range(8)]
        for answered in (100, 300):
            while patient.statistics.requests < answered:
                await asyncio.sleep(0.001)
            server.kill()
            again = Process(server.directory, "--port", port)
            await again.start()
            server._process = again._process
        await asyncio.gather(*creating)
        titles = [document.title async for document in patient.documents.list()]
        assert sorted(titles) == sorted(f"{number}-{place}" for number in range(8) for place in range(EACH))
        assert patient.statistics.retries > 0


async def test_a_server_that_is_not_there_is_told(server: Process) -> None:
    """After the last try, with the key under which the call can be repeated."""
    server.kill()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    policy = RetryPolicy(tries=4, pause_seconds=1.0, pause_seconds_max=3.0, chance=lambda: 1.0)
    async with Client(server.url, policy=policy, sleep=sleep) as client:
        with pytest.raises(ConnectionLostError, match="no answer after 4 tries") as caught:
            await client.documents.create(DocumentDraft(title="T"), idempotency_key="mine")
    assert caught.value.idempotency_key == "mine"
    assert pauses == [1.0, 2.0, 3.0]


async def test_what_is_no_annolog_server_is_told() -> None:
    """Something that answers, but not in this API's form."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with other, Client(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}") as client:
        with pytest.raises(UnexpectedAnswerError, match="Is this the address"):
            await client.me()


async def test_reviews_are_typed_too(client: Client) -> None:
    """From a comparison over an adjudication to figures, and labels with new names."""
    project = await client.projects.create(ProjectDraft(name="P", annotators="independent"))
    document = await client.documents.create(DocumentDraft(title="T", text="Marie Curie", project_id=project.id))
    mark = await client.annotations.create(AnnotationDraft(document_id=document.id, start=0, end=5, label="person"))
    comparison = await client.reviews.compare(document.id, attributes=False)
    assert [(item.kind, item.annotations[0].id) for item in comparison.items] == [("only_one", mark.id)]
    decided = [Decided(take=mark.id), Decided(value={"start": 6, "end": 11}, ref="curie")]
    done = await client.reviews.adjudicate(document.id, decided, reject=[], version=1)
    assert (done.document.version, done.document.reviewed_by) == (2, mark.author_id)
    assert [one.rests_on for one in done.decided] == [(mark.id,), ()]
    figures = await client.reviews.agreement(project.id, labels=["person"])
    assert (figures.documents, figures.overall.kappa) == (0, None)
    await client.rename_label(project.id, "person", "name")
    with pytest.raises(ProblemError, match="label-unknown"):
        await client.merge_labels(project.id, ["person"], "name")
    assert await client.annotations.count(label="name") == 2


async def test_a_program_asks_by_a_key(client: Client, server: Process) -> None:
    """Its token goes where that of a session does."""
    expires_at = format_time(now() + 3_600_000_000)
    made = await client.make_api_key("model", ["read"], expires_at)
    assert [(key.id, key.token_end) for key in await client.api_keys()] == [(made.id, made.token[-4:])]
    async with Client(server.url, token=made.token) as program:
        assert (await program.me()).email == EMAIL
        with pytest.raises(ProblemError, match="403 insufficient-scope"):
            await program.documents.create(DocumentDraft(title="T"))
        await client.revoke_api_key(made.id)
        with pytest.raises(ProblemError, match="401 unauthenticated"):
            await program.me()
    assert await client.api_keys() == []


async def test_documents_are_given_out_by_hand_and_one_after_the_other(client: Client) -> None:
    """Until there is none left; and progress tells it."""
    rule = AssignmentRule(annotators_per_document=2, release_after=60, order="begun")
    project = await client.projects.create(ProjectDraft(name="P", assignment=rule))
    assert project.assignment == rule
    made = [await client.documents.create(DocumentDraft(title=f"{n}", project_id=project.id)) for n in range(3)]
    me = await client.me()
    by_hand = await client.assignments.create(AssignmentDraft(document_id=made[2].id, user_id=me.id))
    taken: list[str] = []
    while (one := await client.assignments.next(project.id)) is not None:
        again = await client.assignments.next(project.id)
        assert again == one
        taken.append((await client.assignments.finish(one.id, "done" if taken else "skipped")).document_id)
    assert taken == [made[2].id, made[0].id, made[1].id]
    assert [one.id async for one in client.assignments.list(state="skipped")] == [by_hand.id]
    progress = await client.assignments.progress(project.id)
    assert progress.members[0].annotate == progress.annotate == States(done=2, skipped=1)
    assert (progress.documents.total, progress.documents.waiting) == (3, 3)
    counts = [
        (one.document_id, one.annotated) async for one in client.assignments.document_progress(project.id, page_size=2)
    ]
    assert counts == [(made[0].id, 1), (made[1].id, 1), (made[2].id, 0)]
