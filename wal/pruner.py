"""What may go once a snapshot is believed: the snapshots before the two that are kept, and segments of the log.

Segments that the *older* of the kept snapshots covers are archived (`wal.archive`): durable and read back in the
archive before they go from the log. A failure loses nothing; what could not go yet is owed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from wal.archive import (
    ArchiveJob,
    ArchiveSettings,
    prune_archive,
    publish_archived,
    remove_unfinished,
    unfinished,
    write_archived,
)
from wal.errors import PruneError, WalError
from wal.file_system import FileSystem
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY, SNAPSHOT_DIRECTORY
from wal.segment import first_sequence, segment_path
from wal.snapshot import list_snapshots, snapshot_path

SNAPSHOTS_KEPT = 2

Archiver = Callable[[ArchiveJob], AsyncGenerator[int, None]]


class Pruner:
    """Removes and archives what no start reads any more.

    Args:
        file_system: Where.
        directory: The data directory.
        retention: How long archived segments are kept.
        archive_segments: Carries out a job; on threads of this process by default.

    Attributes:
        is_owed: There is something to prune, as far as is known: set it when a snapshot was made.
    """

    def __init__(
        self,
        file_system: FileSystem,
        directory: Path,
        retention: ArchiveSettings,
        archive_segments: Archiver | None = None,
    ) -> None:
        self.is_owed = False
        self._file_system = file_system
        self._retention = retention
        self._archive_segments = archive_segments or self._archive_on_threads
        self._segments = directory / LOG_DIRECTORY
        self._snapshots = directory / SNAPSHOT_DIRECTORY
        self._archive = directory / ARCHIVE_DIRECTORY

    def look(self) -> None:
        """Find out if an earlier process left something to prune. It blocks."""
        snapshots = list_snapshots(self._file_system, self._snapshots)
        self.is_owed = len(snapshots) > SNAPSHOTS_KEPT or (
            len(snapshots) == SNAPSHOTS_KEPT
            and bool(self._covered(snapshots) or unfinished(self._file_system, self._archive))
        )

    async def prune(self) -> None:
        """Remove what no start reads any more, and archive the segments that the older of the kept snapshots covers.

        Raises:
            PruneError: It failed; what is left is owed.
        """
        self.is_owed = True
        try:
            await self._prune()
        except (WalError, OSError) as error:
            raise PruneError(
                "The newest snapshot is in its place, but what no start needs any more could not all be archived or "
                "removed. It takes room until that works; nothing is lost. A server tries it again by itself, "
                f"`annolog compact` does too: {error}"
            ) from error
        self.is_owed = False

    async def _prune(self) -> None:
        snapshots = await asyncio.to_thread(list_snapshots, self._file_system, self._snapshots)
        if len(snapshots) < SNAPSHOTS_KEPT:
            return
        await asyncio.to_thread(self._file_system.make_directory, self._archive)
        # First: if a segment cannot be archived, for want of room perhaps, the disk must not fill up all the more.
        await asyncio.to_thread(self._remove_old, snapshots[:-SNAPSHOTS_KEPT])
        covered = await asyncio.to_thread(self._covered, snapshots)
        if not covered:
            return
        job = ArchiveJob([str(path) for path in covered], str(self._archive))
        try:
            async with contextlib.aclosing(self._archive_segments(job)) as written:
                async for first in written:
                    await _whole(asyncio.to_thread(self._let_go, first))
        except BaseException:
            # What was written of a segment takes room; the segment itself is still in the log.
            with contextlib.suppress(OSError):
                await asyncio.shield(asyncio.to_thread(remove_unfinished, self._file_system, self._archive))
            raise
        await asyncio.to_thread(self._file_system.sync_directory, self._segments)
        await asyncio.to_thread(self._prune_archive)

    def _covered(self, snapshots: Sequence[int]) -> list[Path]:
        """Return the segments that the older of the kept snapshots covers, in order."""
        firsts = [(first_sequence(name), self._segments / name) for name in self._file_system.list(self._segments)]
        return [path for first, path in firsts if first is not None and first <= snapshots[-SNAPSHOTS_KEPT]]

    def _let_go(self, first: int) -> None:
        """Put what was written of a segment into its place in the archive, then remove the segment."""
        # Durable and read back in the archive before it goes from the log; a crash between leaves both.
        publish_archived(self._file_system, self._archive, first)
        self._file_system.remove(segment_path(self._segments, first))

    def _remove_old(self, snapshots: Sequence[int]) -> None:
        for sequence in snapshots:
            self._file_system.remove(snapshot_path(self._snapshots, sequence))
        self._file_system.sync_directory(self._snapshots)
        self._prune_archive()

    def _prune_archive(self) -> None:
        prune_archive(self._file_system, self._archive, self._retention, time.time())

    async def _archive_on_threads(self, job: ArchiveJob) -> AsyncGenerator[int, None]:
        for path in job.segments:
            written = await asyncio.to_thread(write_archived, self._file_system, Path(path), Path(job.directory))
            yield written.first


async def _whole(step: Coroutine[Any, Any, None]) -> None:
    """Await a step of a thread, which goes on if this is cancelled: to its end then too, so that it meets no other."""
    running = asyncio.ensure_future(step)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
