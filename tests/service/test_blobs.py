"""Blobs: whole and durable before they have their name, held until they are known, and nothing left of what failed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from service.blobs import Blobs, Stream, blob_path, open_stream
from service.errors import ContentFailedError
from wal.errors import NoRoomError
from wal.file_system import File, RealFileSystem
from wal.pacing import PIECE_BYTES

DATA = b"content"
NAME = hashlib.sha256(DATA).hexdigest()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """Yield what arrives."""
    for piece in data:
        yield piece


async def known(_name: str) -> bool:
    """Tell that something is known of a blob."""
    return False


async def unknown(_name: str) -> bool:
    """Tell that nothing is known of a blob."""
    return True


def left(directory: Path) -> list[Path]:
    """Return all files below a directory."""
    return [path for path in directory.rglob("*") if path.is_file()]


class Noting(RealFileSystem):
    """The file system of this machine, which notes what is made durable in which order, and fails as it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.failing = ""

    def _note(self, note: str) -> None:
        if self.failing and note.startswith(self.failing):
            raise OSError(errno.EIO, "by plan")
        self.notes.append(note)

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open a file whose syncs are noted."""
        file = super().open(path, create=create)
        sync = file.sync

        def noted() -> None:
            self._note("sync")
            sync()

        file.sync = noted  # type: ignore[method-assign]
        return file

    def rename(self, source: Path, target: Path) -> None:
        """Rename and note it."""
        self._note("rename")
        super().rename(source, target)

    def make_directory(self, directory: Path) -> None:
        """Make a directory, which is durable then."""
        super().make_directory(directory)
        self._note(f"made {directory.name}")

    def sync_directory(self, directory: Path) -> None:
        """Sync a directory and note it."""
        super().sync_directory(directory)
        self._note(f"synced {directory.name}")


async def store(blobs: Blobs, *data: bytes) -> str:
    """Store a blob and return its name."""
    async with blobs.receive(pieces(*data)) as incoming:
        await incoming.keep()
        return incoming.sha256


async def test_it_is_synced_then_named_and_its_directory_is_synced_last(tmp_path: Path) -> None:
    """The first one makes the directories, durably as well."""
    files = Noting()
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0, file_system=files)
    assert await store(blobs, DATA) == NAME
    order = [note for note in files.notes if note in ("sync", "rename") or note.startswith("made")]
    assert order == ["made blobs", "sync", f"made {NAME[:2]}", "rename"]
    assert files.notes[-1] == f"synced {NAME[:2]}"
    assert blob_path(tmp_path / "blobs", NAME).read_bytes() == DATA


async def test_a_large_one_is_synced_piece_by_piece(tmp_path: Path) -> None:
    """So that the log does not wait behind it."""
    files = Noting()
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0, file_system=files)
    await store(blobs, *[b"x" * (PIECE_BYTES // 2)] * 6)
    assert files.notes.count("sync") == 3 + 1


@pytest.mark.parametrize("failing", ["sync", "rename", "made blobs", f"made {NAME[:2]}", f"synced {NAME[:2]}"])
async def test_what_the_disk_does_not_store_is_refused(tmp_path: Path, failing: str) -> None:
    """Nothing has its name by an upload that was told to have failed, but for a directory that is not synced."""
    files = Noting()
    files.failing = failing
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0, file_system=files)
    with pytest.raises(ContentFailedError, match="by plan"):
        await store(blobs, DATA)
    assert left(tmp_path) == ([blob_path(tmp_path / "blobs", NAME)] if failing.startswith("synced") else [])
    files.failing = ""
    assert await store(blobs, DATA) == NAME


class FullStream:
    """A file that takes a few bytes at a time, and none after some."""

    def __init__(self, stream: Stream, room: int, error: int) -> None:
        self._stream = stream
        self._room = room
        self._error = error
        self.read, self.seek, self.close = stream.read, stream.seek, stream.close

    async def write(self, data: memoryview) -> int:
        """Write a few bytes."""
        if not self._room:
            raise OSError(self._error, "by plan")
        written = await self._stream.write(data[: min(3, self._room)])
        self._room -= written
        return written


def limited(room: int, error: int) -> Callable[..., Any]:
    """Return what opens files that take so many bytes."""

    async def opened(path: Path, mode: str, executor: ThreadPoolExecutor) -> Stream:
        return FullStream(await open_stream(path, mode, executor), room, error)

    return opened


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errno.ENOSPC, NoRoomError),
        (errno.EDQUOT, NoRoomError),
        (errno.EFBIG, NoRoomError),
        (errno.EIO, ContentFailedError),
    ],
)
async def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, error: int, kind: type[Exception]) -> None:
    """A write that takes less than it was given is none: with just enough room it is stored whole."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0, opened=limited(len(DATA) - 1, error))
    with pytest.raises(kind, match="by plan"):
        await store(blobs, DATA)
    assert left(tmp_path) == []
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0, opened=limited(len(DATA), error))
    assert await store(blobs, DATA) == NAME
    assert blob_path(tmp_path / "blobs", NAME).read_bytes() == DATA


async def test_room_is_looked_for_while_it_arrives(tmp_path: Path) -> None:
    """What is reserved for the log stays free, however much comes."""

    class Shrinking(RealFileSystem):
        free = 3

        def free_bytes(self, directory: Path) -> int:
            assert directory == tmp_path / "blobs"
            self.free -= 1
            return self.free

    blobs = Blobs(tmp_path / "blobs", reserve_bytes=1, file_system=Shrinking())
    with pytest.raises(NoRoomError, match="0 bytes left, and 1 are kept"):
        await store(blobs, *[b"x" * PIECE_BYTES] * 3)
    assert left(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """By an error of who sends, also one that looks like the disk's; by a cancellation."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError(errno.ENOSPC, "gone")

    async def hanging() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    with pytest.raises(ConnectionResetError):
        async with blobs.receive(broken()):
            pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), blobs.receive(hanging()):
            pass
    with pytest.raises(KeyError):
        async with blobs.receive(pieces(DATA)):
            raise KeyError
    assert left(tmp_path) == []


async def test_what_uploads_left_is_removed_at_the_start_and_nothing_else(tmp_path: Path) -> None:
    """Blobs stay, and so does what somebody put there."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)
    assert await blobs.prepare() == 0
    await store(blobs, DATA)
    directory = tmp_path / "blobs"
    for name in ("upload-1.tmp", "upload-2.tmp", "upload-", "x.tmp"):
        (directory / name).touch()
    assert await Blobs(directory, reserve_bytes=0).prepare() == 2
    assert sorted(path.name for path in left(directory)) == sorted(["upload-", "x.tmp", NAME[2:]])


async def test_names_are_those_of_blobs_alone(tmp_path: Path) -> None:
    """In whichever folder; what is no blob is no business of a collection."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)
    assert [names async for names in blobs.names()] == []
    stored = {await store(blobs, bytes([number])) for number in range(9)}
    for path in ("readme", f"{NAME[:2]}/x", f"xy/{NAME[2:]}", f"{NAME[:2]}/{NAME}"):
        (tmp_path / "blobs" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "blobs" / path).touch()
    assert {name async for names in blobs.names() for name in names} == stored


async def test_a_blob_goes_if_it_is_unknown_and_nobody_holds_it(tmp_path: Path) -> None:
    """Two uploads of the same hold it until the last one is done."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)
    path = blob_path(tmp_path / "blobs", NAME)
    async with blobs.receive(pieces(DATA)) as first:
        await first.keep()
        async with blobs.receive(pieces(DATA)) as second:
            await second.keep()
            assert not await blobs.remove(NAME, unknown)
        assert not await blobs.remove(NAME, unknown)
    assert not await blobs.remove(NAME, known)
    assert path.exists()
    assert await blobs.remove(NAME, unknown)
    assert not path.exists()


async def test_an_upload_waits_while_the_same_blob_is_removed(tmp_path: Path) -> None:
    """Its file is there afterwards: the name is not given before the old one is gone."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)
    await store(blobs, DATA)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly(_name: str) -> bool:
        asked.set()
        await answer.wait()
        return True

    removing = asyncio.create_task(blobs.remove(NAME, slowly))
    await asked.wait()
    storing = asyncio.create_task(store(blobs, DATA))
    done, _ = await asyncio.wait([storing], timeout=0.2)
    assert not done
    answer.set()
    assert await removing
    assert await storing == NAME
    assert blob_path(tmp_path / "blobs", NAME).read_bytes() == DATA


async def test_a_whole_blob_is_verified_before_its_last_piece(tmp_path: Path) -> None:
    """A range of it is not: the digest that is told lets the client do it."""
    blobs = Blobs(tmp_path / "blobs", reserve_bytes=0)
    data = os.urandom(700_000)
    name = await store(blobs, data)
    async with blobs.reading(name, len(data)) as reading:
        assert b"".join([piece async for piece in reading.pieces(0, len(data))]) == data
    path = blob_path(tmp_path / "blobs", name)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    async with blobs.reading(name, len(data)) as reading:
        sent = reading.pieces(0, len(data))
        got = await anext(sent) + await anext(sent)
        with pytest.raises(ContentFailedError, match="something else"):
            await anext(sent)
    assert len(got) < len(data)
    async with blobs.reading(name, len(data)) as reading:
        assert b"".join([piece async for piece in reading.pieces(1, len(data))]) == data[1:]
    async with blobs.reading(name, len(data)) as reading:
        os.truncate(path, 600_000)
        with pytest.raises(ContentFailedError, match="ended 100000 bytes early"):
            [piece async for piece in reading.pieces(1, len(data))]
    for size in (len(data), 600_001):
        with pytest.raises(ContentFailedError, match="600000 bytes"):
            async with blobs.reading(name, size):
                pass
    path.unlink()
    with pytest.raises(ContentFailedError, match="None bytes"):
        async with blobs.reading(name, 600_000):
            pass
    assert await blobs.sizes([name]) == [None]
