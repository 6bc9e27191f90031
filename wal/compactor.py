"""The server's side of compaction: when it starts, whether to believe it, and what may go afterwards.

The order makes it safe: the new snapshot is synced, read back and verified by the child; its state digest equals the
one that this server wrote into the seal; only then is it renamed into place, and the directory synced; only after
that are the segments archived that the *older* of the two kept snapshots covers (`wal.archive`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from wal.archive import ArchiveJob, ArchiveSettings, prune_archive, publish_archived, write_archived
from wal.child import archive_in_child, compact_in_child
from wal.columns import IndexFields
from wal.compaction import Compacted, Job
from wal.errors import ClosedError, CompactionError, NoRoomError, PoisonedError
from wal.file_system import FileSystem
from wal.layout import ARCHIVE_DIRECTORY, COMPACTION_PREFIX, LOG_DIRECTORY, SNAPSHOT_DIRECTORY, TEMPORARY_SUFFIX
from wal.log import Log, Sealed
from wal.pacing import PacedRemovals
from wal.segment import first_sequence, segment_path
from wal.settings import CompactionSettings
from wal.snapshot import list_snapshots, snapshot_path

SNAPSHOTS_KEPT = 2
_DOUBLINGS_MAX = 64
"""Beyond that every pause is the longest one; and a power of the failures would one day be no number any more."""

Runner = Callable[[Job], Awaitable[Compacted]]
Archiver = Callable[[ArchiveJob], AsyncGenerator[int, None]]


class CompactionStatus(msgspec.Struct):
    """What administrators may know.

    Attributes:
        requested: One was asked for and has not begun.
        running: One is under way.
        runs: That succeeded since the start.
        failures: Since the last success.
        last_error: Of the last failure, empty after a success.
        last_seconds: How long the last success took.
        snapshot: The sequence of the newest snapshot, 0 if there is none.
        snapshot_bytes: Its size.
    """

    requested: bool = False
    running: bool = False
    runs: int = 0
    failures: int = 0
    last_error: str = ""
    last_seconds: float = 0.0
    snapshot: int = 0
    snapshot_bytes: int = 0


class _Work(NamedTuple):
    """What is to fold.

    Attributes:
        job: What the child is asked to do.
        sealed: The seal that the snapshot must reach.
        covered: Of the log, in bytes, up to there.
    """

    job: Job
    sealed: Sealed
    covered: int


class Compactor:
    """Makes snapshots of a log.

    Args:
        log: Ready.
        directory: The data directory.
        settings: When.
        fields: The indexed fields by kind.
        epoch: Of this opening.
        file_system: Where; this machine's by default.
        run: Carries out a job; in a process of its own by default.
        retention: How long archived segments are kept.
        on_failure: Called with the error of a failed compaction.

    Attributes:
        status: What has come of it so far.
    """

    def __init__(
        self,
        log: Log,
        directory: Path,
        settings: CompactionSettings,
        fields: IndexFields,
        *,
        epoch: int,
        file_system: FileSystem | None = None,
        run: Runner | None = None,
        retention: ArchiveSettings | None = None,
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.status = CompactionStatus()
        self._log = log
        self._settings = settings
        self._fields = {kind: list(paths) for kind, paths in fields.items()}
        self._epoch = epoch
        self._file_system = file_system or PacedRemovals()
        self._run_job = run or compact_in_child
        # Another process can read the files of this machine, and no others.
        self._archive_segments: Archiver = self._archive_in_thread if file_system else archive_in_child
        self._retention = retention or ArchiveSettings()
        self._on_failure = on_failure
        self._segments = directory / LOG_DIRECTORY
        self._snapshots = directory / SNAPSHOT_DIRECTORY
        self._archive = directory / ARCHIVE_DIRECTORY
        self._compacted_bytes = 0
        self._compacted_at = time.monotonic()
        self._is_retry = False
        self._one = asyncio.Lock()

    async def run(self, *, check_seconds: float = 1.0) -> None:
        """Compact whenever it is due, until cancelled or the log ends; failures are retried, ever more rarely."""
        known = False
        while True:
            try:
                if not known:
                    with self._counting():
                        self.status.snapshot, self.status.snapshot_bytes = await asyncio.to_thread(self._newest)
                    known = True
                await asyncio.sleep(check_seconds)
                if self.is_due():
                    await self.compact()
            except (PoisonedError, ClosedError):
                return
            except Exception as error:  # noqa: BLE001 - without compactions the log would grow for ever
                self._on_failure(error)
                await asyncio.sleep(self._delay())

    def request(self) -> None:
        """Have a snapshot made soon, if anything has changed since the last one."""
        self.status.requested = True

    def is_due(self) -> bool:
        """Tell if the log has outgrown its share, a time has passed since the last snapshot, or it was asked for."""
        if self.status.requested:
            return True
        growth = self._log.bytes - self._compacted_bytes
        wanted = max(self._settings.growth_bytes_min, self._settings.growth_share * self.status.snapshot_bytes)
        aged = time.monotonic() - self._compacted_at >= self._settings.age_seconds
        return growth >= wanted or (aged and growth > 0)

    async def compact(self) -> Compacted | None:
        """Make a snapshot now; returns None if nothing has changed since the last one.

        After a failure it is of what was sealed by then, without the tail; one that was asked for is still due then.

        Raises:
            CompactionError: It failed or does not verify; nothing was renamed or pruned.
            NoRoomError: There is no room for a segment behind the tail, and nothing new was sealed before.
            WalError: The log takes no more.
            OSError: The disk refused.
        """
        async with self._one:
            self.status.running = True
            requested, self.status.requested = self.status.requested, False
            try:
                with self._counting():
                    return await self._compact(requested=requested)
            finally:
                self.status.running = False

    async def _compact(self, *, requested: bool) -> Compacted | None:
        # A sealed segment keeps its whole size: one for each try would fill the disk, however little was written.
        left = await self._unfolded() if self._is_retry else None
        work = left or await self._seal()
        if work is None:
            return None
        self._is_retry = True
        try:
            compacted = await self._take_over(work)
        except BaseException:
            # What is there of it fills the disk, perhaps with the very room that the log waits for.
            with contextlib.suppress(OSError):
                await asyncio.shield(asyncio.to_thread(self._discard, Path(work.job.target)))
            raise
        if left is not None and requested:
            # Who asked for a snapshot wants the tail in it.
            self.request()
        return compacted

    async def _seal(self) -> _Work | None:
        """Seal the tail and return what is to fold, None if there is nothing."""
        refused: NoRoomError | None = None
        await self._log.prepared()
        try:
            await self._log.rotate()
        except NoRoomError as error:
            # A busy log rotates by itself: what it has sealed can be folded all the same.
            refused = error
        work = await self._unfolded()
        if work is None and refused is not None:
            raise refused
        return work

    async def _unfolded(self) -> _Work | None:
        """Return what is sealed and in no snapshot, None if there is nothing."""
        sealed, covered = self._log.sealed, self._log.bytes - self._log.tail_bytes
        job = None if sealed is None else await asyncio.to_thread(self._job, sealed)
        return None if sealed is None or job is None else _Work(job, sealed, covered)

    async def _take_over(self, work: _Work) -> Compacted:
        sealed = work.sealed
        compacted = await self._run_job(work.job)
        if (compacted.sequence, compacted.state_digest) != sealed or compacted.sealed_digest != sealed.state_digest:
            raise CompactionError(
                f"The compaction reached sequence {compacted.sequence} with the state digest "
                f"{compacted.state_digest.hex()}; the server had {sealed.state_digest.hex()} at {sealed.sequence}."
            )
        await asyncio.to_thread(self._publish, Path(work.job.target), compacted.sequence)
        self._is_retry = False
        self._compacted_bytes, self._compacted_at = work.covered, time.monotonic()
        self._note(compacted)
        # A failure from here on loses nothing; what could not be archived is archived the next time.
        await self._prune()
        return compacted

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        """Let the status tell of a failure."""
        try:
            yield
        except Exception as error:
            self.status.failures += 1
            self.status.last_error = str(error) or type(error).__name__
            raise

    def _note(self, compacted: Compacted) -> None:
        status = self.status
        status.runs, status.failures, status.last_error = status.runs + 1, 0, ""
        status.snapshot, status.snapshot_bytes = compacted.sequence, compacted.size_bytes
        status.last_seconds = compacted.seconds

    def _delay(self) -> float:
        doubled = self._settings.retry_seconds * 2.0 ** min(self.status.failures - 1, _DOUBLINGS_MAX)
        return min(doubled, self._settings.retry_seconds_max)

    def _newest(self) -> tuple[int, int]:
        sequences = list_snapshots(self._file_system, self._snapshots)
        if not sequences:
            return 0, 0
        file = self._file_system.open(snapshot_path(self._snapshots, sequences[-1]))
        try:
            return sequences[-1], file.size()
        finally:
            file.close()

    def _job(self, sealed: Sealed) -> Job | None:
        newest = max(list_snapshots(self._file_system, self._snapshots), default=0)
        segments = self._segments_between(newest, sealed.sequence)
        if not segments:
            return None
        previous = str(snapshot_path(self._snapshots, newest)) if newest else None
        target = self._snapshots / f"{COMPACTION_PREFIX}{self._epoch}{TEMPORARY_SUFFIX}"
        return Job(previous, [str(path) for path in segments], str(target), self._epoch, self._fields)

    def _segments_between(self, after: int, last: int) -> list[Path]:
        """Return the segments that begin after one sequence and not after another, in order."""
        names = self._file_system.list(self._segments)
        firsts = [(first_sequence(name), self._segments / name) for name in names]
        return [path for first, path in firsts if first is not None and after < first <= last]

    def _discard(self, target: Path) -> None:
        if target.name in self._file_system.list(target.parent):
            self._file_system.remove(target)

    def _publish(self, target: Path, sequence: int) -> None:
        self._file_system.rename(target, snapshot_path(self._snapshots, sequence))
        self._file_system.sync_directory(self._snapshots)

    async def _prune(self) -> None:
        """Remove what no start reads any more, and archive the segments that the older of the kept snapshots covers."""
        sequences = await asyncio.to_thread(list_snapshots, self._file_system, self._snapshots)
        if len(sequences) < SNAPSHOTS_KEPT:
            return
        await asyncio.to_thread(self._file_system.make_directory, self._archive)
        # First: if a segment cannot be archived, for want of room perhaps, the disk must not fill up all the more.
        await asyncio.to_thread(self._remove_old, sequences[:-SNAPSHOTS_KEPT])
        covered = await asyncio.to_thread(self._segments_between, 0, sequences[-SNAPSHOTS_KEPT])
        if not covered:
            return
        job = ArchiveJob([str(path) for path in covered], str(self._archive))
        async with contextlib.aclosing(self._archive_segments(job)) as written:
            async for first in written:
                await asyncio.to_thread(self._let_go, first)
        await asyncio.to_thread(self._file_system.sync_directory, self._segments)
        await asyncio.to_thread(self._prune_archive)

    def _let_go(self, first: int) -> None:
        """Put what was written of a segment into its place in the archive, then remove the segment."""
        # Durable and read back in the archive before it goes from the log; a crash between leaves both.
        publish_archived(self._file_system, self._archive, first)
        self._file_system.remove(segment_path(self._segments, first))

    def _remove_old(self, snapshots: Sequence[int]) -> None:
        self._prune_archive()
        for sequence in snapshots:
            self._file_system.remove(snapshot_path(self._snapshots, sequence))
        self._file_system.sync_directory(self._snapshots)

    def _prune_archive(self) -> None:
        prune_archive(self._file_system, self._archive, self._retention, time.time())

    async def _archive_in_thread(self, job: ArchiveJob) -> AsyncGenerator[int, None]:
        for path in job.segments:
            written = await asyncio.to_thread(write_archived, self._file_system, Path(path), Path(job.directory))
            yield written.first
