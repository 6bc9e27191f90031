"""Collecting: a blob goes when nothing retained names it and nobody is about to, and never before."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.blobs import Blobs, blob_path
from service.clock import now
from service.collecting import Collector, Register
from service.commands import Actor, Create, CredentialOf, Delete, LogIn
from service.commands import Register as SignUp
from service.contents import SettleBlobs, StoreContent
from service.engine import Engine
from service.errors import ForbiddenError
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import UserDraft
from service.kinds.document import Content, DocumentDraft
from service.state.state import State, index_fields
from tests.harness import quick_settings
from wal.archive import ArchiveSettings
from wal.compactor import Compactor
from wal.errors import NoRoomError, PoisonedError
from wal.file_system import RealFileSystem
from wal.opening import open_log
from wal.retention import oldest_retained
from wal.settings import CompactionSettings

FOREVER = ArchiveSettings()
NOTHING = ArchiveSettings(keep_days=0)


class Service:
    """A service over a real directory, with its blobs, its compactions and its collections."""

    def __init__(self, directory: Path, retention: ArchiveSettings, page: int = 500) -> None:
        self.directory = directory
        self.retention = retention
        self.page = page
        self.ids = IdSource(now)
        self.actor = Actor(user_id=None, session_id=None)

    async def open(self) -> None:
        """Open it, or open it again."""
        self.state = State(KINDS)
        settings = quick_settings()
        self.log, report = await open_log(self.directory, settings.log, self.state)
        self.engine = Engine(self.state, self.log, now, settings.limits)
        self.blobs = Blobs(self.directory / "blobs", reserve_bytes=0)
        await self.blobs.prepare()
        register = Register(self.state, self.engine, self.page)
        oldest = partial(oldest_retained, RealFileSystem(), self.directory)
        self.collector = Collector(self.engine, register, self.blobs, oldest)
        self.compactor = Compactor(
            self.log,
            self.directory,
            CompactionSettings(),
            index_fields(KINDS),
            epoch=report.epoch,
            retention=self.retention,
        )

    async def join(self) -> None:
        """Register and log in."""
        draft, operation = UserDraft(email="a@b.org"), "t"
        sign_up = SignUp(
            actor=None, operation=operation, new_id=self.ids.new("user"), draft=draft, password_hash="h",
            loopback=True, open=True,
        )  # fmt: skip
        user_id = (await self.engine.submit(sign_up)).id
        credential = await self.engine.credential(CredentialOf(actor=None, user_id=user_id))
        assert credential is not None
        login = LogIn(
            actor=None, operation=operation, user_id=user_id, credential_generation=credential.generation,
            session_id=self.ids.new("sess"), token_hash="t", lifetime_us=10**12, sessions_max=9,
        )  # fmt: skip
        await self.engine.submit(login)
        self.actor = Actor(user_id=user_id, session_id=login.session_id)

    async def document(self, data: bytes | None = None) -> str:
        """Create a document, with a content."""
        key = self.ids.new("doc")
        draft = DocumentDraft()
        await self.engine.submit(Create(actor=self.actor, operation="t", kind="document", new_id=key, draft=draft))
        if data is not None:
            await self.store(key, data)
        return key

    async def store(self, key: str, data: bytes) -> None:
        """Give a document a content."""
        async with self.blobs.receive(pieces(data)) as incoming:
            await incoming.keep()
            content = Content(media_type="a/b", size=incoming.size, sha256=incoming.sha256)
            await self.engine.submit(StoreContent(actor=self.actor, operation="t", id=key, content=content))

    async def delete(self, key: str) -> None:
        """Delete a document."""
        await self.engine.submit(Delete(actor=self.actor, operation="t", kind="document", id=key))

    async def compact(self) -> None:
        """Make a snapshot; there is something new, always."""
        await self.document()
        assert await self.compactor.compact() is not None

    def has(self, data: bytes) -> bool:
        """Tell if a blob is there."""
        return blob_path(self.directory / "blobs", hashlib.sha256(data).hexdigest()).exists()

    def known(self) -> int:
        """Return how many blobs the state knows of."""
        return len(self.state.tables["blob"])

    async def close(self) -> None:
        """Close it."""
        self.blobs.close()
        await self.log.close()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield what arrives."""
    yield data


@asynccontextmanager
async def opened(directory: Path, retention: ArchiveSettings = NOTHING, page: int = 500) -> AsyncIterator[Service]:
    """Give a service with somebody who is logged in."""
    service = Service(directory, retention, page)
    await service.open()
    await service.join()
    yield service
    await service.close()


async def test_a_blob_stays_until_neither_log_nor_snapshot_names_it(tmp_path: Path) -> None:
    """Deleted, it is named by the log; two snapshots later by nothing, where no archive is kept."""
    async with opened(tmp_path) as service:
        key, kept = await service.document(b"gone"), await service.document(b"kept")
        await service.compact()
        await service.delete(key)
        for _ in range(3):
            await service.collector.look()
            assert service.has(b"gone")
        await service.compact()
        await service.collector.look()
        assert service.has(b"gone"), "the older snapshot names it"
        await service.compact()
        await service.collector.look()
        assert not service.has(b"gone")
        assert service.has(b"kept")
        assert (service.known(), service.collector.status.removed) == (1, 1)
        await service.delete(kept)


async def test_a_blob_stays_as_long_as_the_archive_names_it(tmp_path: Path) -> None:
    """However many snapshots there are; when retention lets that go, so does the blob."""
    async with opened(tmp_path, FOREVER) as service:
        await service.delete(await service.document(b"gone"))
        await service.collector.look()
        for _ in range(4):
            await service.compact()
            await service.collector.look()
            assert service.has(b"gone")
        service.retention = NOTHING
        await service.close()
        await service.open()
        await service.compact()
        await service.collector.look()
        assert not service.has(b"gone")


async def test_what_was_replaced_is_like_what_was_deleted(tmp_path: Path) -> None:
    """And two documents name a blob until the second one is gone."""
    async with opened(tmp_path) as service:
        one, two = await service.document(b"shared"), await service.document(b"shared")
        assert service.known() == 1
        await service.store(one, b"new")
        for _ in range(3):
            await service.compact()
            await service.collector.look()
        assert service.has(b"shared")
        await service.delete(two)
        await service.collector.look()
        for _ in range(2):
            await service.compact()
        await service.collector.look()
        assert (service.has(b"shared"), service.has(b"new"), service.known()) == (False, True, 1)


async def test_a_blob_that_is_uploaded_again_is_named_again(tmp_path: Path) -> None:
    """Its time begins anew, also if it had been released before."""
    async with opened(tmp_path) as service:
        await service.delete(await service.document(b"back"))
        await service.collector.look()
        await service.compact()
        key = await service.document(b"back")
        for _ in range(3):
            await service.compact()
            await service.collector.look()
        assert service.has(b"back")
        await service.delete(key)
        await service.compact()
        await service.collector.look()
        assert service.has(b"back"), "the deletion is not covered yet"


async def test_a_blob_that_came_and_went_between_two_looks_is_named_by_history(tmp_path: Path) -> None:
    """The release of long ago is taken back in the upload's own record, not by a look that may come too late."""
    async with opened(tmp_path) as service:
        await service.delete(await service.document(b"back"))
        await service.collector.look()
        await service.compact()
        await service.delete(await service.document(b"back"))
        await service.compact()
        await service.collector.look()
        assert service.has(b"back")


async def test_a_document_that_names_a_released_blob_holds_it(tmp_path: Path) -> None:
    """Whoever let it: a look finds it and takes the release back."""
    async with opened(tmp_path) as service:
        key = await service.document(b"held")
        await service.collector.look()
        (row,) = [service.state.tables["blob"].row(name) for name, _ in service.state.tables["blob"].items()]
        assert not row.released
        await service.delete(key)
        await service.collector.look()
        assert service.state.tables["blob"].row(row.id).released
        # As an undeletion would, that forgets the blob.
        table = service.state.tables["document"]
        value = b'{"id":"doc_x","version":1,"owner_id":"u","content":{"media_type":"a/b","size":4,"sha256":"%b"}}'
        table.put("doc_x", value % row.id.encode(), service.state.sequence, 2**62)
        await service.collector.look()
        assert not service.state.tables["blob"].row(row.id).released


async def test_an_upload_that_came_to_nothing_is_removed(tmp_path: Path) -> None:
    """Not while it may still be named; after that at the next look, and what is known stays."""
    async with opened(tmp_path) as service:
        await service.document(b"kept")
        async with service.blobs.receive(pieces(b"orphan")) as incoming:
            await incoming.keep()
            await service.collector.look()
            assert service.has(b"orphan")
        await service.collector.look()
        assert (service.has(b"orphan"), service.has(b"kept")) == (False, True)


async def test_uploads_and_collections_at_once_lose_nothing(tmp_path: Path) -> None:
    """Whatever a document names is there, though looks and uploads of the same few contents go on side by side.

    No history is retained here, so that each look lets go of what the one before it has found released.
    """
    async with opened(tmp_path) as service:
        register = Register(service.state, service.engine, 2)
        service.collector = Collector(service.engine, register, service.blobs, lambda: 2**62)
        keys = [await service.document() for _ in range(3)]

        async def upload(key: str, seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(60):
                await service.store(key, b"%d" % chance.randrange(9))

        uploading = asyncio.gather(*(upload(key, seed) for seed, key in enumerate(keys, 1)))
        while not uploading.done():
            await service.collector.look()
            for key in keys:
                row = service.state.tables["document"].row(key)
                assert row.blob is None or blob_path(tmp_path / "blobs", row.blob).exists()
        await uploading
        assert service.collector.status.damaged == 0
        assert service.collector.status.removed > 0


async def test_many_blobs_are_looked_at_page_by_page(tmp_path: Path) -> None:
    """All of them, each once; nothing is written when nothing has changed."""
    async with opened(tmp_path, page=3) as service:
        keys = [await service.document(b"%d" % number) for number in range(7)]
        before = service.state.sequence
        await service.collector.look()
        status = service.collector.status
        assert (status.blobs, status.bytes, status.damaged, status.looks) == (7, 7, 0, 1)
        assert service.state.sequence == before
        for key in keys[1:]:
            await service.delete(key)
        await service.collector.look()
        for _ in range(2):
            await service.compact()
        await service.collector.look()
        assert (service.known(), service.collector.status.removed) == (1, 6)


async def test_what_is_missing_is_told_once(tmp_path: Path) -> None:
    """And counted at each look; a blob of another size too."""
    async with opened(tmp_path) as service:
        for data in (b"missing", b"short", b"right"):
            await service.document(data)
        for data in (b"missing", b"short"):
            path = blob_path(tmp_path / "blobs", hashlib.sha256(data).hexdigest())
            path.write_bytes(b"s")
            if data == b"missing":
                path.unlink()
        with capture_logs() as logs:
            await service.collector.look()
            await service.collector.look()
        told = [(entry["log_level"], entry["found"]) for entry in logs]
        assert told == [("error", None), ("error", 1)]
        assert service.collector.status.damaged == 2


async def test_what_is_known_of_blobs_outlasts_snapshots_and_starts(tmp_path: Path) -> None:
    """The index of who holds them is made anew at a start."""
    async with opened(tmp_path) as service:
        key = await service.document(b"kept")
        await service.compact()
        await service.close()
        await service.open()
        await service.collector.look()
        assert (service.has(b"kept"), service.known()) == (True, 1)
        await service.delete(key)
        await service.collector.look()
        await service.close()
        await service.open()
        for _ in range(2):
            await service.compact()
        await service.collector.look()
        assert (service.has(b"kept"), service.known()) == (False, 0)


async def test_nobody_but_maintenance_settles_blobs(tmp_path: Path) -> None:
    """Not even an administrator, who is a user."""
    async with opened(tmp_path) as service:
        with pytest.raises(ForbiddenError):
            await service.engine.submit(SettleBlobs(actor=service.actor, operation="t", ids=(), oldest=1))


class Script:
    """Answers of a history's beginning, one a look."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []

    def oldest(self) -> int:
        """Answer."""
        raise self.answers.pop(0)

    async def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(seconds)


async def test_it_goes_on_after_what_may_pass_and_ends_with_the_log(tmp_path: Path) -> None:
    """A full or failing disk is told of, and tried again after the same time."""
    script = Script(NoRoomError("full"), OSError(5, "by plan"), PoisonedError("gone"))
    async with opened(tmp_path) as service:
        register = Register(service.state, service.engine, 10)
        collector = Collector(service.engine, register, service.blobs, script.oldest)
        with capture_logs() as logs:
            await asyncio.wait_for(collector.run(7.0, script.sleep), 5)
        assert script.pauses == [7.0, 7.0]
        assert [entry["cause"] for entry in logs] == ["full", "[Errno 5] by plan"]
