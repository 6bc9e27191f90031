"""The log above its store: sequences, admission, group commit, waiting, and the end of all that when a sync fails.

Everything here runs on the event loop and never blocks it. Records queue while a batch is on the writer thread;
when it is durable its callers are woken and all that has queued becomes the next batch. So there is no timer,
no delay for a lone client, and one sync for many clients. Nothing is acknowledged before `wait` returns.
"""

from __future__ import annotations

import asyncio
import os
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import msgspec

from wal.change import Change, Record, least_bytes
from wal.errors import ClosedError, NoRoomError, OutcomeUnknownError, PoisonedError, RecordTooLargeError
from wal.file_store import FileStore
from wal.record import Entry, RecordType, Seal, decode_seal, frame_bytes, seal, transaction
from wal.segment import SEGMENT_HEADER_BYTES
from wal.settings import SEAL_BYTES_MAX, LogSettings
from wal.state import State

SALT_BYTES = 16
_SALTS_AHEAD = 256
_LONE_BATCHES = 8
"""After so many batches of a single record the next one does not wait for others."""


class Sealed(NamedTuple):
    """A rotation seal that is durable: up to here the log never changes any more.

    Attributes:
        sequence: Of the seal.
        state_digest: Of the state there, 16 bytes, big endian.
    """

    sequence: int
    state_digest: bytes


class Batches(msgspec.Struct):
    """What was made durable since the opening.

    Attributes:
        count: Of the batches, each one write and one sync.
        records: In them.
        seconds: From the moment that a batch was handed to the writer until it was known to be durable, of all batches.
    """

    count: int = 0
    records: int = 0
    seconds: float = 0.0


class Log:
    """A log that is ready. `wal.opening.open_log` makes one.

    Args:
        store: Where batches go.
        settings: Sizes.
        state: What the records are applied to; asked for its digest when a segment is sealed.
        sequence: Of the last record.
        time: Of the last record, in microseconds since 1970 UTC.
        release: Lets the directory go, called at the end of `close`.
        sealed: The last rotation seal, None if there is none.
        replayed_bytes: Of the records behind the newest snapshot.

    Attributes:
        sequence: Of the last record that was appended.
        durable: Of the last record that is known to be synced.
        time: Of the last record that was appended, in microseconds since 1970 UTC.
        sealed: The last rotation seal that is durable, None if there is none.
        bytes: Of the records behind the snapshot that recovery began with.
        batches: Counts and times of what was made durable.
        poisoned: Done with the cause as its result, once a write or sync of the log has failed.
    """

    def __init__(
        self,
        store: FileStore,
        settings: LogSettings,
        state: State,
        *,
        sequence: int,
        time: int,
        release: Callable[[], None],
        sealed: Sealed | None = None,
        replayed_bytes: int = 0,
    ) -> None:
        self.sequence = sequence
        self.sealed = sealed
        self.bytes = replayed_bytes
        self.durable = sequence
        self.batches = Batches()
        self.time = time
        self._loop = asyncio.get_running_loop()
        self.poisoned: asyncio.Future[BaseException] = self._loop.create_future()
        self._store = store
        self._settings = settings
        self._state = state
        self._release = release
        self._position = store.position
        self._usable = store.segment_bytes - SEAL_BYTES_MAX
        self._closing: asyncio.Future[None] | None = None
        self._prepared = False
        self._prepare_error: Exception | None = None
        self._prepare_wanted = asyncio.Event()
        self._prepare_wanted.set()
        self._prepare_tried = asyncio.Event()
        self._filling: asyncio.Future[None] | None = None
        self._preparing = asyncio.create_task(self._keep_prepared())
        self._queue: deque[Entry] = deque()
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._busy = False
        self._batch_began = 0.0
        self._lone = 0
        self._closed = False
        self._salts: list[bytes] = []
        store.on_end(self._poison_once)

    @property
    def tail_bytes(self) -> int:
        """Of the records behind the last rotation."""
        return self._position - SEGMENT_HEADER_BYTES

    @property
    def is_filling(self) -> bool:
        """There is no room yet for a record of the largest size, but a segment is being prepared: `room` waits."""
        return (
            self._prepare_error is None
            and not self._prepared
            and not self._fits(self._settings.frame_bytes_max)
            and not self.poisoned.done()
            and not self._closed
        )

    async def prepared(self) -> None:
        """Return when the next segment was prepared, or it is known that it cannot be now.

        In a busy log it may have been used again by then: whoever waited longer would wait for ever.
        """
        if not (self._prepared or self._prepare_error or self._closed or self.poisoned.done()):
            await self._prepare_tried.wait()

    async def room(self) -> None:
        """Return when there is room, or it is known that there is none."""
        while self.is_filling:
            await self._prepare_tried.wait()

    def admit(self) -> None:
        """Make sure that a record of any allowed size can be appended now. Call it before deciding anything.

        Raises:
            NoRoomError: There is no room, or none yet; reads go on, and it comes back by itself.
            PoisonedError: A sync failed.
            ClosedError: The log is closing.
        """
        if self.poisoned.done():
            raise PoisonedError("The log failed to sync and takes no more. Restart the server: recovery decides.")
        if self._closed:
            raise ClosedError("The log is closing and takes no more.")
        if not self._prepared and not self._fits(self._settings.frame_bytes_max):
            raise self._no_room()

    def append(self, changes: Sequence[Change], *, time: int, actor: str | None, operation: str) -> int:
        """Queue one transaction; the caller applies it right after, and acknowledges it after `wait`.

        Args:
            changes: What changes; salts are filled in.
            time: Microseconds since 1970 UTC; what is stored is never less than the record before.
            actor: Who asks.
            operation: The request's id.

        Returns:
            Its sequence.

        Raises:
            RecordTooLargeError: Nothing has happened.
        """
        self.admit()
        stamp = max(time, self.time)
        if (least := least_bytes(changes)) > self._settings.record_bytes_max:
            # Encoding and digesting gigabytes, to refuse them, would hold everybody up.
            raise RecordTooLargeError(least, self._settings.record_bytes_max)
        salted = [self._salted(change) for change in changes]
        sequence = self.sequence + 1
        entry = transaction(sequence, Record(stamp, actor, operation, salted))
        size = frame_bytes(len(entry.payload))
        if len(entry.payload) > self._settings.record_bytes_max:
            raise RecordTooLargeError(len(entry.payload), self._settings.record_bytes_max)
        if not self._fits(size):
            self._seal_tail()
            entry = msgspec.structs.replace(entry, sequence=self.sequence + 1)
        self.time = stamp
        self._enqueue(entry, size)
        return entry.sequence

    async def wait(self, sequence: int) -> None:
        """Return once the record is durable.

        Raises:
            OutcomeUnknownError: The log is poisoned: the record may be durable or not.
        """
        if sequence <= self.durable:
            return
        if self.poisoned.done():
            raise OutcomeUnknownError("The log failed to sync: whether this is stored is known after a restart.")
        waiting = self._waiting
        waiter = self._loop.create_future()
        if waiting and sequence < waiting[-1][0]:
            # A reader waits for a mark that is older than what the last writer waits for.
            insort(waiting, (sequence, waiter), key=itemgetter(0))
        else:
            waiting.append((sequence, waiter))
        await waiter

    async def rotate(self) -> int | None:
        """Seal the tail and go on in a new segment.

        Returns:
            The sequence of the seal, None if the tail holds no record.

        Raises:
            NoRoomError: No segment is prepared.
        """
        self.admit()
        if not self.tail_bytes:
            return None
        if not self._prepared:
            raise self._no_room()
        sequence = self._seal_tail()
        await self.wait(sequence)
        return sequence

    async def close(self) -> None:
        """Make everything durable, seal the log and let the directory go; the second time, wait for the first.

        It goes on when who waits for it is cancelled.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._closed = True
        self._prepare_tried.set()
        await self._stop_preparing()
        try:
            if not self.poisoned.done():
                self._seal_end()
                await self.wait(self.sequence)
        finally:
            await self._store.close()
            self._release()

    def _seal_end(self) -> None:
        seal = self._make_seal(successor=None)
        size = frame_bytes(len(seal.payload))
        if not self._fits(size) and self._prepared:
            self._seal_tail()
            seal = self._make_seal(successor=None)
        # Without room, for example after many restarts without a write, there is no seal: what is kept free is the
        # rotation's. The next start copies the segment, as after a crash.
        if self._fits(size):
            self._enqueue(seal, size)

    def _no_room(self) -> NoRoomError:
        cause = "it is being prepared" if self._prepare_error is None else str(self._prepare_error)
        return NoRoomError(f"There is no room for another segment of the log: {cause}.")

    def _fits(self, size: int) -> bool:
        return self._position + size <= self._usable

    def _salted(self, change: Change) -> Change:
        if not self._salts:
            random = os.urandom(SALT_BYTES * _SALTS_AHEAD)
            self._salts = [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]
        return Change(
            self._salts.pop(),
            change.event,
            change.kind,
            change.id,
            change.schema,
            change.previous,
            change.value,
            change.before,
        )

    def _seal_tail(self) -> int:
        entry = self._make_seal(successor=self.sequence + 2)
        self._prepared = False
        self._prepare_error = None
        self._prepare_tried.clear()
        self._enqueue(entry, 0)
        self._position = SEGMENT_HEADER_BYTES
        self._usable = self._settings.usable_bytes
        return entry.sequence

    def _make_seal(self, successor: int | None) -> Entry:
        # The state holds just the records before the seal: every append is applied before the next one.
        counts: Mapping[str, int] = self._state.counts
        content = Seal(self.time, self._state.digest.to_bytes(16), dict(counts), successor)
        return seal(self.sequence + 1, content)

    def _enqueue(self, entry: Entry, size: int) -> None:
        self.sequence = entry.sequence
        self._position += size
        self.bytes += size
        self._queue.append(entry)
        if not self._busy:
            self._busy = True
            if self._lone >= _LONE_BATCHES:
                # A client alone, as it seems: nobody else's record is on its way.
                self._start_batch()
            else:
                # Not at once: what else is ready in this turn of the loop shares the sync.
                self._loop.call_soon(self._start_batch)

    def _start_batch(self) -> None:
        if self.poisoned.done():
            # The writer has ended since this was scheduled: the queue is empty, and who waited knows.
            return
        self._batch_began = self._loop.time()
        batch = [self._queue.popleft()]
        if batch[0].type == RecordType.ROTATION_SEAL:
            self._store.rotate(batch[0], partial(self._done, batch))
            return
        while self._queue and self._queue[0].type == RecordType.TRANSACTION:
            batch.append(self._queue.popleft())
        self._lone = self._lone + 1 if len(batch) == 1 else 0
        try:
            self._store.append(batch, partial(self._done, batch))
        except Exception as error:  # noqa: BLE001 - a lack of memory perhaps: nobody knows how far it came
            self._loop.call_soon(self._poison_once, error)

    def _done(self, batch: Sequence[Entry], error: BaseException | None) -> None:
        if error is not None:
            self._poison_once(error)
            return
        self.durable = batch[-1].sequence
        self.batches.count += 1
        self.batches.records += len(batch)
        self.batches.seconds += self._loop.time() - self._batch_began
        if batch[-1].type == RecordType.ROTATION_SEAL:
            self.sealed = Sealed(batch[-1].sequence, decode_seal(batch[-1].payload).state_digest)
            self._prepare_wanted.set()
        while self._waiting and self._waiting[0][0] <= self.durable:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._queue:
            self._start_batch()
        else:
            self._busy = False

    def _poison_once(self, error: BaseException | None) -> None:
        if error is not None and not self.poisoned.done():
            self._poison(error)

    def _poison(self, error: BaseException) -> None:
        # Nothing is retried: after a failed sync the page cache may show what the disk never got.
        self.poisoned.set_result(error)
        self._prepare_tried.set()
        self._queue.clear()
        for _, waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(OutcomeUnknownError(f"The log failed to sync: {error}."))
        self._waiting.clear()

    async def _stop_preparing(self) -> None:
        self._preparing.cancel()
        self._store.stop_preparing()
        # The thread must be done with the directory before the next process may have it.
        running = [self._preparing] if self._filling is None else [self._preparing, self._filling]
        await asyncio.gather(*running, return_exceptions=True)

    async def _keep_prepared(self) -> None:
        while True:
            await self._prepare_wanted.wait()
            self._filling = asyncio.ensure_future(asyncio.to_thread(self._store.prepare))
            try:
                await asyncio.shield(self._filling)
            except Exception as error:  # noqa: BLE001 - a lack of memory or threads passes too
                # Tried again until there is room; until then `admit` refuses what would not fit.
                self._prepare_error = error
                self._prepare_tried.set()
                await asyncio.sleep(self._settings.retry_seconds)
            else:
                self._prepare_wanted.clear()
                self._prepared = True
                self._prepare_error = None
                self._prepare_tried.set()
