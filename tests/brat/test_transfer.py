"""What was imported and exported again equals its source, up to ids and order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.brat.canonical import canonical
from service.brat.entries import StandoffError
from service.brat.transfer import export_corpus, import_corpus, paths_of
from service.client import Client
from service.client.types import AnnotationDraft, DocumentDraft
from tests.harness import PASSWORD, Process

FIXTURES = Path(__file__).parent / "fixtures"
EMAIL = "ada@example.org"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Process]:
    """Return a server on an empty directory, with a user."""
    process = Process(tmp_path / "data")
    await process.start()
    async with Client(process.url) as client:
        await client.register(EMAIL, PASSWORD)
    yield process
    process.close()


@pytest.fixture
async def client(server: Process) -> AsyncIterator[Client]:
    """Return a client that is logged in."""
    async with Client(server.url) as client:
        await client.login(EMAIL, PASSWORD)
        yield client


def assert_equal_corpora(one: Path, other: Path) -> None:
    """The same files, the same texts byte for byte, the same lines up to ids and order."""
    assert paths_of(one) == paths_of(other)
    for path in paths_of(one):
        assert (one / f"{path}.txt").read_bytes() == (other / f"{path}.txt").read_bytes()
        lines = [canonical((place / f"{path}.ann").read_bytes().decode()) for place in (one, other)]
        assert lines[0] == lines[1]


async def test_what_comes_out_is_what_went_in(client: Client, tmp_path: Path) -> None:
    """Discontinuous spans, CR LF, characters beyond the BMP, shared triggers, notes on everything, a comment."""
    await import_corpus(client, FIXTURES)
    exported = await export_corpus(client, tmp_path / "out")
    assert (exported.paths, exported.refused) == (["letter", "nested/empty"], [])
    assert_equal_corpora(FIXTURES, tmp_path / "out")


async def test_an_import_that_is_run_again_creates_nothing_twice(client: Client) -> None:
    """Also when the first one was cut off in the middle."""
    first = await import_corpus(client, FIXTURES)
    marks = await client.annotations.count()
    again = await import_corpus(client, FIXTURES)
    assert [document.id for document in again] == [document.id for document in first]
    assert await client.annotations.count() == marks == 12


async def test_an_import_is_completed_whenever_it_is_run_again(client: Client) -> None:
    """No idempotency key is needed for that: what is missing is created under the id that it had."""
    documents = await import_corpus(client, FIXTURES)
    marks = {mark.id: mark async for mark in client.annotations.list()}
    pointed = {one.target for mark in marks.values() for one in mark.arguments or ()}
    gone = next(mark for mark in marks.values() if mark.id not in pointed)
    await client.annotations.delete(gone.id)
    assert [document.id for document in await import_corpus(client, FIXTURES)] == [one.id for one in documents]
    assert {mark.id async for mark in client.annotations.list()} == set(marks)


async def test_the_same_corpus_of_two_users_is_two_corpora(server: Process, client: Client) -> None:
    """Ids follow from the user too."""
    first = await import_corpus(client, FIXTURES)
    async with Client(server.url) as other:
        await other.register("bob@example.org", PASSWORD)
        await other.login("bob@example.org", PASSWORD)
        second = await import_corpus(other, FIXTURES)
        assert await other.annotations.count() == await client.annotations.count() == 12
    assert not {document.id for document in first} & {document.id for document in second}


async def test_marks_are_what_the_lines_mean(client: Client) -> None:
    """Types, targets and what hangs on them."""
    await import_corpus(client, FIXTURES)
    marks = [mark async for mark in client.annotations.list()]
    by_origin = {mark.origin.id: mark for mark in marks if mark.origin}
    first = by_origin["T1"]
    assert (first.text, first.fragments is not None and len(first.fragments)) == ("Marie Curie", 2)
    event = by_origin["E1"]
    assert [(one.role, one.target) for one in event.arguments or ()][:2] == [
        ("trigger", by_origin["T4"].id),
        ("Who", first.id),
    ]
    assert event.attributes == {"Negated": True}
    assert by_origin["E2"].attributes == {"Certainty": ["low", "high"]}
    assert [(one.resource, one.id) for one in by_origin["T2"].references or ()] == [("Wikidata", "Q937")]


async def test_an_external_id_does_not_lead_out_of_the_directory(client: Client, tmp_path: Path) -> None:
    """Whoever wrote it."""
    await client.documents.create(DocumentDraft(title="T", text="abc", external_id="../outside"))
    with pytest.raises(StandoffError, match="leads out of the directory"):
        await export_corpus(client, tmp_path / "out")
    assert not (tmp_path / "outside.txt").exists()


async def test_a_document_that_cannot_be_exported_is_named_and_the_others_are_written(
    client: Client, tmp_path: Path
) -> None:
    """The first of them, so that the others come after it; odd metadata is no obstacle."""
    odd = await client.documents.create(DocumentDraft(title="T", text="abc", external_id="odd"))
    label = await client.annotations.create(AnnotationDraft(document_id=odd.id, label="letter"))
    await client.documents.create(DocumentDraft(title="T", text="abc", external_id="even", metadata={"brat": "yes"}))
    exported = await export_corpus(client, tmp_path / "out")
    assert exported.paths == ["even"]
    assert [refused.ids for refused in exported.refused] == [[label.id]]
    assert paths_of(tmp_path / "out") == ["even"]


async def test_documents_of_one_external_id_are_two_pairs(client: Client, tmp_path: Path) -> None:
    """The later one is named by its id too; nothing is overwritten."""
    drafts = [DocumentDraft(title="T", text=text, external_id="a") for text in ("first", "second")]
    documents = [await client.documents.create(draft) for draft in drafts]
    exported = await export_corpus(client, tmp_path / "out")
    assert exported.paths == ["a", f"a-{documents[1].id}"]
    assert [(tmp_path / "out" / f"{path}.txt").read_text() for path in exported.paths] == ["first", "second"]


@pytest.mark.parametrize(
    ("ann", "message"),
    [
        ("T1\tPerson 0 3\tabd\n", r"a.ann:1: found 'abd', expected 'abc'"),
        ("T1\tPerson 0 9\tabc\n", r"a.ann:1: found a span up to 9"),
        ("R1\tKnows Arg1:T1 Arg2:T2\n", r"a.ann:1: found T1"),
        ("garbage\n", r"a.ann:1: found"),
        (f"T1\t{'x' * 501} 0 3\tabc\n", r"a.ann:1: found a name of 501 characters, expected at most 500"),
    ],
)
async def test_a_fault_in_a_file_is_named_before_anything_is_created(
    client: Client, tmp_path: Path, ann: str, message: str
) -> None:
    """With file and line."""
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "a.ann").write_text(ann)
    with pytest.raises(StandoffError, match=message):
        await import_corpus(client, tmp_path)
    assert await client.documents.count() == 0


def test_the_commands_import_and_export(server: Process, tmp_path: Path) -> None:
    """With the password from the environment; a fault ends with exit code 6."""
    environment = {**os.environ, "ANNOLOG_PASSWORD": PASSWORD}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service.cli", *arguments, "--url", server.url, "--email", EMAIL]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    done = run("import", "brat", str(FIXTURES))
    assert (done.returncode, done.stdout) == (0, f"2 documents are in {server.url}.\n"), done.stderr
    done = run("export", "brat", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert_equal_corpora(FIXTURES, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    done = run("import", "brat", str(tmp_path / "empty"))
    assert done.returncode == 6
    assert "found no .ann file" in done.stderr
