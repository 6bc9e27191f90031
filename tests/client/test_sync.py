"""The client for those who wait, against a real server in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, assert_type

import pytest

from service.client import ConnectionLostError, EditConflictError, Operation, ProblemError, RetryPolicy, SyncClient
from service.client.edits import AnnotationEdit
from service.client.exports import Restored
from service.client.types import Annotation, AnnotationDraft, DocumentDraft, ProjectDraft
from tests.client.sync_stub import STUB, stub
from tests.harness import PASSWORD, Process

EMAIL = "anna@example.org"
# Each prints what was raised; the server never answers.
WAITING = """
import sys
from service.client import SyncClient
with SyncClient(sys.argv[1], token="t") as client:
    print("begun", flush=True)
    client.me()
"""
FORKED = """
import os, sys
from service.client import SyncClient
client = SyncClient(sys.argv[1], token="t")
if os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
try:
    client.me()
except RuntimeError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server, whose administrator is Anna."""
    server = Process(tmp_path_factory.mktemp("sync") / "data")
    asyncio.run(server.start())
    try:
        with SyncClient(server.url) as client:
            client.register(EMAIL, PASSWORD)
        yield server.url
    finally:
        server.close()


@pytest.fixture
def client(url: str) -> Iterator[SyncClient]:
    """Give a client who is logged in."""
    with SyncClient(url) as client:
        client.login(EMAIL, PASSWORD)
        yield client


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the address of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def document_id(client: SyncClient) -> str:
    """Return the id of a document with a text."""
    return client.documents.create(DocumentDraft(title="Letter", text="Marie Curie")).id


def draft(document_id: str, end: int = 5) -> AnnotationDraft:
    """Return an annotation to be made."""
    return AnnotationDraft(document_id=document_id, start=0, end=end, label="person")


def test_the_stub_is_what_the_async_client_makes_of_it() -> None:
    """What type checkers are told is not written by hand."""
    assert STUB.read_text(encoding="utf-8") == stub(), "python -m tests.client.sync_stub"


def test_the_types_are_those_that_the_stub_tells(client: SyncClient, document_id: str) -> None:
    """The type checker looks at this too."""
    mark = assert_type(client.annotations.create(draft(document_id)), Annotation)
    assert type(mark) is Annotation
    assert type(next(assert_type(client.annotations.list(document_id=document_id), Iterator[Annotation]))) is Annotation
    with client.annotations.edit(mark.id) as edited:
        assert type(assert_type(edited, AnnotationEdit)) is AnnotationEdit
    assert assert_type(client.annotations.count(document_id=document_id), int) == 1


def test_it_does_what_the_async_client_does(client: SyncClient, document_id: str) -> None:
    """Creates, lists, edits, revises, deletes; transactions and contents."""
    made = [client.annotations.create(draft(document_id, end)) for end in range(1, 6)]
    assert list(client.annotations.list(document_id=document_id, page_size=2)) == made
    editing = client.annotations.edit(made[0].id)
    with editing as annotation:
        annotation.label = "name"
    assert (editing.before, editing.after.label, editing.changes) == (made[0], "name", {"label": "name"})
    assert client.annotations.revise(made[0].id, lambda one: one.attributes.update(seen=1)).version == 3
    (done,) = client.transaction([Operation.delete("annotation", made[1].id)])
    assert done.status == 204
    assert client.documents.upload(document_id, iter([b"one ", b"two"]), "text/plain").content is not None
    assert b"".join(client.documents.download(document_id)) == b"one two"
    assert [client.token is None, client.statistics.requests > 10] == [False, True]


def test_a_restore_takes_the_export_of_another_client(client: SyncClient, tmp_path: Path) -> None:
    """Of another server, as it is; what is gone through there is waited for in a thread of its own."""
    project = client.projects.create(ProjectDraft(name="Letters"))
    document = client.documents.create(DocumentDraft(text="Marie Curie", project_id=project.id))
    client.annotations.create(draft(document.id))
    other = Process(tmp_path / "other")
    asyncio.run(other.start())
    try:
        with SyncClient(other.url) as target:
            target.register(EMAIL, PASSWORD)
            target.login(EMAIL, PASSWORD)
            export = client.exports.open(project_id=project.id)
            done = assert_type(target.exports.restore(export), Restored)
            assert (done.failures, done.is_equal) == ((), True)
            assert list(target.exports.read(project_id=project.id)) == list(export)
    finally:
        other.close()


def test_a_bulk_load_may_read_with_the_same_client(client: SyncClient, document_id: str) -> None:
    """Its operations are made in a thread of their own, so that they may wait."""

    def operations() -> Iterator[Operation]:
        for number in range(200):
            title = client.documents.get(document_id).title
            yield Operation.create(DocumentDraft(title=f"{title} {number}"))

    done = client.bulk(operations())
    assert (done.lines, done.failed) == (200, 0)
    told: list[int] = []
    again = client.bulk(
        [Operation.create(draft(document_id))] * 3, on_result=lambda one: told.append(one.index), tells_all=True
    )
    assert (again.lines, told) == (3, [0, 1, 2])


def test_errors_are_those_of_the_async_client(client: SyncClient, document_id: str) -> None:
    """With all that they tell."""
    with pytest.raises(ProblemError) as missing:
        client.documents.get("doc_00000000000000000000000000")
    assert missing.value.status == 404
    with pytest.raises(ProblemError, match="404"):
        list(client.documents.download(document_id))
    editing = client.documents.edit(document_id)
    editing.__enter__().title = "mine"
    client.documents.update(document_id, {"title": "theirs"})
    with pytest.raises(EditConflictError) as conflict:
        editing.__exit__(None, None, None)
    assert (conflict.value.theirs.title, conflict.value.mine.title) == ("theirs", "mine")
    with pytest.raises(TypeError, match="unexpected"):
        client.bulk([], wrong=1)  # type: ignore[call-arg]


def test_a_block_that_fails_sends_nothing(client: SyncClient, document_id: str) -> None:
    """Its error goes on."""
    editing = client.documents.edit(document_id)
    editing.__enter__().title = "mine"
    editing.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert client.documents.get(document_id).version == 1


def test_a_function_that_is_called_back_cannot_wait_for_the_client(client: SyncClient, document_id: str) -> None:
    """It is refused, and nothing of its edit is done; the client goes on."""
    with pytest.raises(RuntimeError, match="it would wait for itself"):
        client.documents.revise(document_id, lambda _: client.me())
    with pytest.raises(RuntimeError, match="it would wait for itself"):
        client.documents.revise(document_id, lambda _: client.close())
    assert client.documents.get(document_id).version == 1


def test_a_function_that_exits_does_not_end_the_client(client: SyncClient, document_id: str) -> None:
    """Whoever has asked is told, and others go on."""
    with pytest.raises(SystemExit):
        client.documents.revise(document_id, lambda _: sys.exit(3))
    assert client.documents.get(document_id).version == 1


def test_several_threads_use_one_client(client: SyncClient, document_id: str) -> None:
    """Each call is waited for by who has asked; one thread serves them all."""
    project = client.projects.create(ProjectDraft(name="Letters"))

    def work(number: int) -> set[str]:
        made = {client.annotations.create(draft(document_id, end)).id for end in range(1, 8)}
        client.projects.revise(project.id, lambda one: setattr(one, "description", f"{one.description}{number}"))
        return made

    with ThreadPoolExecutor(8) as threads:
        ids = set[str]().union(*threads.map(work, range(8)))
    assert {one.id for one in client.annotations.list(document_id=document_id)} == ids
    assert len(ids) == 56
    assert sorted(client.projects.get(project.id).description) == list("01234567")
    assert sum(thread.name == "annolog-client" for thread in threading.enumerate()) == 1


def test_an_iterator_that_is_left_lets_go(client: SyncClient, document_id: str) -> None:
    """Its connection is not held: more of them are left than there are connections."""
    client.documents.upload(document_id, bytes(4_000_000))
    with SyncClient(client._target._transport.url, token=client.token, connections_max=2) as few:  # type: ignore[attr-defined]
        for _ in range(5):
            pieces = few.documents.download(document_id)
            assert len(next(pieces)) < 4_000_000
            pieces.close()  # type: ignore[attr-defined]
        for _ in range(5):
            for _piece in few.documents.download(document_id):
                break
        assert few.documents.get(document_id).version == 2


def test_what_is_closed_is_refused_and_what_was_under_way_ends(silent: str) -> None:
    """Closing again does nothing."""
    client = SyncClient(silent, token="t")
    ended: list[BaseException] = []
    is_under_way = threading.Event()

    def operations() -> Iterator[Operation]:
        is_under_way.set()
        yield Operation.create(DocumentDraft())

    def ask() -> None:
        try:
            client.bulk(operations())
        except RuntimeError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert is_under_way.wait(30)
    client.close()
    asking.join(30)
    assert [str(error) for error in ended] == ["The client was closed while this call was under way."]
    with pytest.raises(RuntimeError, match="is closed"):
        client.me()
    client.close()


def test_a_call_that_is_interrupted_is_given_up() -> None:
    """Its connection is closed, though the client goes on."""
    received: list[bytes] = []

    def interrupt(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(65536)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            received.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=interrupt, args=(server,))
        thread.start()
        with SyncClient(url, token="t") as client:
            with pytest.raises(KeyboardInterrupt):
                client.me()
            thread.join(30)
    assert received == [b""]


def test_it_has_nothing_else_and_takes_nothing_else(client: SyncClient) -> None:
    """Names that there are not, and attributes that are set, are errors, as in the async client."""
    for of in (client, client.annotations, client.exports.open()):
        with pytest.raises(AttributeError):
            of.nothing  # type: ignore[union-attr] # noqa: B018
        with pytest.raises(AttributeError):
            of.token = "t"  # type: ignore[misc, union-attr]
    with pytest.raises(TypeError, match="not iterable"):
        list(client.annotations)  # type: ignore[call-overload]
    assert {"create", "edit", "list"} <= set(dir(client.annotations))
    assert "SyncClient" in repr(client)


@pytest.mark.filterwarnings("error")
def test_a_call_that_is_interrupted_before_it_begins_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No coroutine that was made and is never awaited, of which Python would warn."""
    with SyncClient("http://127.0.0.1:9", token="t") as client:
        loop = client._loop._loop  # type: ignore[attr-defined]

        def interrupted(*_: object) -> None:
            monkeypatch.undo()
            raise KeyboardInterrupt

        monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.me()
        gc.collect()


@pytest.mark.parametrize(("source", "number"), [(WAITING, signal.SIGINT), (FORKED, None)], ids=["Ctrl-C", "fork"])
def test_no_process_hangs(silent: str, source: str, number: signal.Signals | None) -> None:
    """Ctrl-C ends a call that waits; a child that was forked is told that its client has no thread."""
    with subprocess.Popen(
        [sys.executable, "-c", source, silent], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            if number is not None:
                assert process.stdout is not None
                assert process.stdout.readline() == "begun\n"
                process.send_signal(number)
            said, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    if number is None:
        assert (process.returncode, "this process was forked" in said) == (0, True), errors
    else:
        assert process.returncode == -number, errors
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert "Unclosed" not in errors


def test_it_is_made_as_the_async_client_is(silent: str) -> None:
    """The policy, the timeout and the pauses are its own."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    options: dict[str, Any] = {"policy": RetryPolicy(tries=3), "timeout_seconds": 0.05, "sleep": pause}
    with SyncClient(silent, token="t", **options) as client, pytest.raises(ConnectionLostError):
        client.me()
    assert len(pauses) == 2
