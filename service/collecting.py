"""Collecting: blobs that nothing retained names are removed, and only those; what is missing of the others is told.

The rule: a file goes if nothing is known of the blob in the state, and nobody is about to name it. A blob is known from
the record that first names it on. When no document names it any more a record says so; when the oldest of the history
that is retained came after that one, another record forgets it, and once that is durable the file goes. A crash between
leaves a file of which nothing is known, like one between an upload and its record: the next look removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Protocol

import msgspec
import structlog

from service.commands import LOCAL_ADMIN, Command, Outcome
from service.contents import KnownBlob, KnownBlobs, SettleBlobs
from service.errors import DomainError
from service.kinds.blob import BLOB, Blob
from service.kinds.document import DOCUMENT
from service.state.state import State
from wal.errors import NoRoomError, WalError

_logger = structlog.get_logger(__name__)
_OPERATION = "collection"


class Engine(Protocol):
    """What a collection asks of the engine."""

    async def submit(self, command: Command) -> Outcome:
        """Carry out a command."""
        ...

    async def settled(self) -> None:
        """Return once everything that the state holds now is durable."""
        ...


class Files(Protocol):
    """What a collection asks of the blobs (`service.blobs`)."""

    def names(self) -> AsyncIterator[list[str]]:
        """Yield the names of all blobs, some at a time."""
        ...

    async def sizes(self, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of blobs, None for one that is not there."""
        ...

    async def remove(self, sha256: str, is_unknown: Callable[[str], Awaitable[bool]]) -> bool:
        """Remove a blob, unless it is about to be named; tell if it was removed."""
        ...


class CollectionStatus(msgspec.Struct):
    """What administrators may know.

    Attributes:
        blobs: That something retained names.
        bytes: Of them.
        removed: Files, since the start.
        damaged: Of those that a document names: missing, or of another size.
        looks: At all of them, since the start.
    """

    blobs: int = 0
    bytes: int = 0
    removed: int = 0
    damaged: int = 0
    looks: int = 0


class Register:
    """What the state knows of blobs; what is told of it is durable.

    Args:
        state: Read only.
        engine: Whose state it is.
        page: How many are looked at at a time.
    """

    def __init__(self, state: State, engine: Engine, page: int) -> None:
        self._blobs = state.tables[BLOB.name]
        self._documents = state.tables[DOCUMENT.name]
        self._engine = engine
        self._page = page

    async def page(self, after: int | None) -> KnownBlobs:
        """Return some of the blobs that are known, in the order in which they became so; `after`: the `next` before."""
        items: list[KnownBlob] = []
        for position, value in self._blobs.walk(self._blobs.select({}), after):
            if len(items) == self._page:
                break
            row = msgspec.json.decode(value, type=Blob)
            items.append(KnownBlob(row.id, row.size, held=bool(self._documents.select({"blob": (row.id,)}))))
            after = position
        else:
            after = None
        await self._engine.settled()
        return KnownBlobs(items, after)

    async def unknown(self, names: Collection[str]) -> list[str]:
        """Return those of some blobs that nothing is known of."""
        found = [name for name in names if self._blobs.value(name) is None]
        await self._engine.settled()
        return found


class Collector:
    """Looks at all blobs now and then.

    Args:
        engine: Decides.
        register: What is known of them.
        files: What is there of them.
        oldest: Tells the first sequence of the history that is retained; it blocks.

    Attributes:
        status: What came of it so far.
    """

    def __init__(self, engine: Engine, register: Register, files: Files, oldest: Callable[[], int]) -> None:
        self.status = CollectionStatus()
        self._engine = engine
        self._register = register
        self._files = files
        self._oldest = oldest
        self._told: set[str] = set()

    async def run(self, seconds: float, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Look at once, and then again and again, until the log ends or the task is cancelled."""
        while True:
            try:
                await self.look()
            except (NoRoomError, OSError, DomainError) as error:
                # What can be removed stays for a while, and the next look may go better.
                _logger.warning("blobs could not be collected", cause=str(error))
            except WalError:
                return
            await sleep(seconds)

    async def look(self) -> None:
        """Settle what is known of all blobs, tell which are damaged, and remove the files that nothing is known of.

        Raises:
            WalError: The log takes no more; `NoRoomError`: it is full.
            OSError: The disk refused.
        """
        oldest = await asyncio.to_thread(self._oldest)
        found = CollectionStatus(looks=self.status.looks + 1, removed=self.status.removed)
        after: int | None = None
        while True:
            page = await self._register.page(after)
            names = tuple(blob.id for blob in page.items)
            if names:
                await self._engine.submit(
                    SettleBlobs(actor=LOCAL_ADMIN, operation=_OPERATION, ids=names, oldest=oldest)
                )
            found.damaged += self._damaged(page.items, await self._files.sizes(names))
            found.blobs += len(names)
            found.bytes += sum(blob.size for blob in page.items)
            after = page.next
            if after is None:
                break
        self.status = found
        async for some in self._files.names():
            for name in await self._register.unknown(some):
                self.status.removed += await self._files.remove(name, self._is_unknown)

    async def _is_unknown(self, name: str) -> bool:
        return bool(await self._register.unknown([name]))

    def _damaged(self, blobs: Sequence[KnownBlob], sizes: Sequence[int | None]) -> int:
        """Return how many blobs that documents name are not there as they should be; each is told of once."""
        damaged = [(blob, size) for blob, size in zip(blobs, sizes, strict=True) if blob.held and size != blob.size]
        for blob, size in damaged:
            if blob.id not in self._told:
                self._told.add(blob.id)
                _logger.error("a content is damaged: restore its blob from a copy", blob=blob.id, found=size)
        return len(damaged)
