"""The server's side of compaction: when it starts, whether to believe it, and what follows.

The order makes it safe: the new snapshot is synced, read back and verified by the child; its state digest equals the
one that this server wrote into the seal; only then is it renamed into place, and the directory synced; only after
that is anything removed or archived (`wal.pruner`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from wal.archive import ArchiveSettings
from wal.child import archive_in_child, compact_in_child
from wal.columns import IndexFields
from wal.compaction import Compacted, Job
from wal.errors import ClosedError, CompactionError, DamagedError, NoRoomError, PoisonedError, PruneError
from wal.file_system import FileSystem
from wal.layout import COMPACTION_PREFIX, LOG_DIRECTORY, SNAPSHOT_DIRECTORY, TEMPORARY_SUFFIX
from wal.log import Log, Sealed
from wal.pacing import PacedRemovals
from wal.pruner import Pruner
from wal.segment import first_sequence
from wal.settings import CompactionSettings
from wal.snapshot import list_snapshots, snapshot_path

_DOUBLINGS_MAX = 64
"""Beyond that every pause is the longest one; and a power of the failures would one day be no number any more."""

Runner = Callable[[Job], Awaitable[Compacted]]


class CompactionStatus(msgspec.Struct):
    """What administrators may know.

    Attributes:
        requested: One was asked for and has not begun.
        running: One is under way, or the archiving after it.
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
        on_failure: Called with the error of a failed compaction or pruning.

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
        archiver = None if file_system else archive_in_child
        self._pruner = Pruner(self._file_system, directory, retention or ArchiveSettings(), archiver)
        self._on_failure = on_failure
        self._segments = directory / LOG_DIRECTORY
        self._snapshots = directory / SNAPSHOT_DIRECTORY
        self._compacted_bytes = 0
        self._compacted_at = time.monotonic()
        self._is_retry = False
        self._is_known = False
        self._prune_at = 0.0
        self._one = asyncio.Lock()

    async def run(self, *, check_seconds: float = 1.0) -> None:
        """Compact whenever it is due, until cancelled or the log ends; failures are retried, ever more rarely."""
        while True:
            try:
                with self._counting():
                    await self._look()
                await asyncio.sleep(check_seconds)
                if self.is_due():
                    await self.compact()
                elif self._pruner.is_owed and time.monotonic() >= self._prune_at:
                    await self.prune()
            except (PoisonedError, ClosedError):
                return
            except PruneError as error:
                self._on_failure(error)
                # No sleep: what cannot be archived must not hold up the next snapshot.
                self._prune_at = time.monotonic() + self._delay()
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

        After a failure it is of what was sealed by then, without the tail. One that was asked for is due until there is
        one of all that was there.

        Raises:
            CompactionError: It failed or does not verify; no snapshot was published.
            PruneError: If anything had changed there is a snapshot; what no start needs any more is still there.
            DamagedError: A file that was to be folded does not verify; no snapshot was published.
            NoRoomError: There is none for the snapshot, or for a segment behind the tail and nothing was sealed before.
            WalError: The log takes no more.
            OSError: The disk refused.
        """
        async with self._working():
            requested, self.status.requested = self.status.requested, False
            await self._look()
            try:
                compacted = await self._compact(requested=requested)
            except (CompactionError, DamagedError, NoRoomError, OSError) as error:
                self._is_retry = True
                self.status.requested |= requested
                # It may give the very room that was lacking.
                await self._prune_besides(error)
                raise
            if self._pruner.is_owed:
                await self._prune()
            return compacted

    async def prune(self) -> None:
        """Archive and remove what no start needs any more.

        Raises:
            PruneError: It failed; nothing is lost, it is still owed.
        """
        async with self._working():
            await self._prune()

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """Be the only one at work, and let the status tell of it and of a failure."""
        async with self._one:
            self.status.running = True
            try:
                with self._counting():
                    yield
            finally:
                self.status.running = False

    async def _look(self) -> None:
        """Find out, once, what earlier processes left."""
        if self._is_known:
            return
        self.status.snapshot, self.status.snapshot_bytes = await asyncio.to_thread(self._newest)
        await asyncio.to_thread(self._pruner.look)
        self._is_known = True

    async def _prune(self) -> None:
        await self._pruner.prune()
        if not self._is_retry:
            self.status.failures, self.status.last_error = 0, ""

    async def _prune_besides(self, failed: Exception) -> None:
        """Prune what is owed after a compaction has failed; if that fails too, tell of both."""
        if not self._pruner.is_owed:
            return
        try:
            await self._prune()
        except PruneError as error:
            raise CompactionError(f"{str(failed).rstrip('.')}. Besides: {error}") from failed

    async def _compact(self, *, requested: bool) -> Compacted | None:
        # A sealed segment keeps its whole size: one for each try would fill the disk, however little was written.
        left = await self._unfolded() if self._is_retry else None
        work = left or await self._seal()
        if work is None:
            if self._is_retry:
                await self._take_over_published()
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
        self._is_retry, self._pruner.is_owed = False, True
        self._compacted_bytes, self._compacted_at = work.covered, time.monotonic()
        self._note(compacted)
        return compacted

    async def _take_over_published(self) -> None:
        """Take over a snapshot of all that there is, of which a failed try may have left no more than the name."""
        await asyncio.to_thread(self._file_system.sync_directory, self._snapshots)
        self._is_retry, self._pruner.is_owed = False, True
        self._compacted_bytes, self._compacted_at = self._log.bytes - self._log.tail_bytes, time.monotonic()
        status = self.status
        status.snapshot, status.snapshot_bytes = await asyncio.to_thread(self._newest)
        status.failures, status.last_error = 0, ""

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
