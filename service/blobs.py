"""Blobs: contents of documents, each a file by the SHA-256 of what is in it, whole and durable before it has its name.

A blob is written under a temporary name, synced piece by piece, renamed, and its directory is synced; only then may a
record name it. So a crash leaves a temporary file, which the next start removes, or a blob that no record names,
which is collected (`service.collecting`). One that is there already is replaced by what was just received: it is the
same, and what the disk has spoilt of it is whole again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiofiles

from service.errors import ContentFailedError
from wal.errors import NoRoomError
from wal.file_system import FILE_MODE, File, FileSystem
from wal.layout import TEMPORARY_SUFFIX
from wal.pacing import PIECE_BYTES, PacedRemovals

READ_BYTES = 256 * 1024
_UPLOAD_PREFIX = "upload-"
_NAME = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"[0-9a-f]{2}")
_FOLDER_DIGITS = 2
_THREADS = 4
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_T = TypeVar("_T")


class Stream(Protocol):
    """What a blob is written to or read from; aiofiles' files are such."""

    async def write(self, data: memoryview, /) -> int:
        """Write some of `data`, and return how much."""
        ...

    async def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        ...

    async def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go on at an offset."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


class Opener(Protocol):
    """Opens a file: `mode` is "xb" for a new one, "rb" for one that is there."""

    def __call__(self, path: Path, mode: str, executor: ThreadPoolExecutor) -> Awaitable[Stream]:
        """Open it, unbuffered."""
        ...


async def open_stream(path: Path, mode: str, executor: ThreadPoolExecutor) -> Stream:
    """Open a file of this machine by aiofiles."""
    stream: Any = await aiofiles.open(path, mode, buffering=0, opener=_descriptor, executor=executor)  # type: ignore[call-overload]
    return stream  # type: ignore[no-any-return]


def _descriptor(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)


def blob_path(directory: Path, sha256: str) -> Path:
    """Return where a blob lies below the directory of all blobs."""
    return directory / sha256[:_FOLDER_DIGITS] / sha256[_FOLDER_DIGITS:]


def list_blobs(files: FileSystem, directory: Path) -> Iterator[list[str]]:
    """Yield the names of all blobs that are there, folder by folder; what is none is passed over."""
    for folder in files.list(directory):
        if _FOLDER.fullmatch(folder):
            names = [folder + name for name in files.list(directory / folder)]
            yield [name for name in names if _NAME.fullmatch(name)]


class Blobs:
    """The blobs of a data directory, which this process holds.

    Args:
        directory: Of the blobs; it is made when the first one comes.
        reserve_bytes: That uploads leave free on the disk, for the log.
        file_system: Where names are given, synced and removed; this machine's by default.
        opened: Opens what is written and read.
    """

    def __init__(
        self,
        directory: Path,
        *,
        reserve_bytes: int,
        file_system: FileSystem | None = None,
        opened: Opener = open_stream,
    ) -> None:
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._files = file_system or PacedRemovals()
        self._opened = opened
        self._threads = ThreadPoolExecutor(_THREADS, "blobs")
        # Between a blob's name and the record that names it, it is held here; and while it is removed nobody begins to.
        self._naming = asyncio.Lock()
        self._held: Counter[str] = Counter()

    async def prepare(self) -> int:
        """Remove what uploads have left unfinished, and return how many; before the first upload alone."""
        return await self._run(self._prepare)

    @contextlib.asynccontextmanager
    async def receive(self, pieces: AsyncIterable[bytes], digests: Sequence[str] = ()) -> AsyncIterator[Incoming]:
        """Give what is being uploaded, written whole and with its digests; `Incoming.keep` makes a blob of it.

        Until the end of this it is not collected, whether a record names it or not.

        Args:
            pieces: What arrives.
            digests: Further ones to compute, by the names of `hashlib`.

        Raises:
            NoRoomError: The disk has no room for it.
            ContentFailedError: The disk failed.
        """
        path = self._directory / f"{_UPLOAD_PREFIX}{secrets.token_hex(16)}{TEMPORARY_SUFFIX}"
        hashes = {name: hashlib.new(name) for name in {"sha256", *digests}}
        incoming = Incoming(self, path, hashes)
        try:
            incoming.size = await self._write(path, pieces, list(hashes.values()))
            yield incoming
        finally:
            if incoming.is_kept:
                self._release(incoming.sha256)
            else:
                await self._run(self._remove_if_there, path)

    async def keep(self, path: Path, sha256: str) -> None:
        """Give an upload its name, durably, and hold it; as `Incoming.keep`."""
        target = blob_path(self._directory, sha256)
        async with self._naming:
            with _disk(path):
                await self._run(self._name, path, target)
            self._held[sha256] += 1

    @contextlib.asynccontextmanager
    async def reading(self, sha256: str, size: int) -> AsyncIterator[Reading]:
        """Give a blob to be read.

        Raises:
            ContentFailedError: It is missing, or of another size.
        """
        path = blob_path(self._directory, sha256)
        with _disk(path):
            found = await self._run(self._size, path)
            if found != size:
                raise ContentFailedError(f"The blob {sha256} has {found} bytes, {size} were stored.")
            stream = await self._opened(path, "rb", self._threads)
        try:
            yield Reading(stream, sha256, size, self._run)
        finally:
            await stream.close()

    async def sizes(self, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of blobs, None for one that is not there."""
        return await self._run(lambda: [self._size(blob_path(self._directory, name)) for name in names])

    async def names(self) -> AsyncIterator[list[str]]:
        """Yield the names of all blobs, some at a time."""
        found = list_blobs(self._files, self._directory)
        while (names := await self._run(next, found, None)) is not None:
            yield names

    async def remove(self, sha256: str, is_unknown: Callable[[str], Awaitable[bool]]) -> bool:
        """Remove a blob if nobody is about to name it and nothing is known of it; tell if it was removed."""
        async with self._naming:
            # In this order: whose upload has ended meanwhile is known.
            if self._held[sha256] or not await is_unknown(sha256):
                return False
            await self._run(self._remove_if_there, blob_path(self._directory, sha256))
            return True

    def close(self) -> None:
        """End the threads; nothing is under way any more."""
        self._threads.shutdown()

    def _release(self, sha256: str) -> None:
        self._held[sha256] -= 1
        self._held += Counter()  # without those that nobody holds

    async def _write(self, path: Path, pieces: AsyncIterable[bytes], hashes: Sequence[hashlib._Hash]) -> int:
        with _disk(path):
            await self._run(self._require_room)
            await self._run(self._files.make_directory, self._directory)
            stream = await self._opened(path, "xb", self._threads)
            file = await self._run(self._files.open, path)
        size = unsynced = 0
        try:
            async for piece in pieces:
                with _disk(path):
                    view = memoryview(piece)
                    while view:
                        view = view[await stream.write(view) :]
                    await self._run(_update, hashes, piece)
                    size, unsynced = size + len(piece), unsynced + len(piece)
                    if unsynced >= PIECE_BYTES:
                        # A write-back in one go would hold the syncs of the log up (`wal.pacing`).
                        unsynced = 0
                        await self._run(self._settle, file)
            with _disk(path):
                await self._run(file.sync)
        finally:
            await stream.close()
            await self._run(file.close)
        return size

    def _settle(self, file: File) -> None:
        file.sync()
        self._require_room()

    def _require_room(self) -> None:
        free = self._files.free_bytes(self._directory)
        if free < self._reserve_bytes:
            raise NoRoomError(f"The disk has {free} bytes left, and {self._reserve_bytes} are kept for the log.")

    def _name(self, path: Path, target: Path) -> None:
        self._files.make_directory(target.parent)
        self._files.rename(path, target)
        self._files.sync_directory(target.parent)

    def _prepare(self) -> int:
        names = self._files.list(self._directory)
        left = [name for name in names if name.startswith(_UPLOAD_PREFIX) and name.endswith(TEMPORARY_SUFFIX)]
        for name in left:
            self._files.remove(self._directory / name)
        return len(left)

    def _remove_if_there(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.remove(path)

    def _size(self, path: Path) -> int | None:
        try:
            file = self._files.open(path)
        except FileNotFoundError:
            return None
        try:
            return file.size()
        finally:
            file.close()

    async def _run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


class Incoming:
    """What was uploaded and is no blob yet.

    Args:
        blobs: Which it may become one of.
        path: Its temporary name.
        hashes: Of all that arrived, by the names of `hashlib`.

    Attributes:
        size: In bytes.
        is_kept: It is a blob.
    """

    def __init__(self, blobs: Blobs, path: Path, hashes: Mapping[str, hashlib._Hash]) -> None:
        self.size = 0
        self.is_kept = False
        self._blobs = blobs
        self._path = path
        self._hashes = hashes

    @property
    def sha256(self) -> str:
        """What it will be called."""
        return self._hashes["sha256"].hexdigest()

    def digest(self, name: str) -> bytes:
        """Return a digest of it that was asked for."""
        return self._hashes[name].digest()

    async def keep(self) -> None:
        """Make a blob of it, durably: a record may name it after that.

        Raises:
            NoRoomError: The disk has no room for its name.
            ContentFailedError: The disk failed.
        """
        await self._blobs.keep(self._path, self.sha256)
        self.is_kept = True


class Reading:
    """A blob that is open.

    Args:
        stream: At its beginning.
        sha256: Its name.
        size: In bytes.
        run: Calls on a thread.
    """

    def __init__(self, stream: Stream, sha256: str, size: int, run: Callable[..., Awaitable[Any]]) -> None:
        self._stream = stream
        self._sha256 = sha256
        self._size = size
        self._run = run

    async def pieces(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from one to before another. The last piece of a whole blob comes only if all of it is right.

        Raises:
            ContentFailedError: It is not what was stored, or the disk failed.
        """
        whole = hashlib.sha256() if (first, end) == (0, self._size) else None
        path = Path(self._sha256)
        with _disk(path):
            await self._stream.seek(first)
        while first < end:
            with _disk(path):
                piece = await self._stream.read(min(READ_BYTES, end - first))
            first += len(piece)
            if not piece:
                raise ContentFailedError(f"The blob {self._sha256} ended {end - first} bytes early.")
            if whole is not None:
                await self._run(whole.update, piece)
                if first == end and whole.hexdigest() != self._sha256:
                    raise ContentFailedError(f"The blob {self._sha256} holds something else.")
            yield piece


def _update(hashes: Sequence[hashlib._Hash], piece: bytes) -> None:
    for one in hashes:
        one.update(piece)


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Tell of what the disk refuses; only what asks the disk goes in here."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoomError(f"The disk has no room for the content: {error.strerror}.") from error
        raise ContentFailedError(f"The disk failed at the content {path.name}: {error.strerror}.") from error
