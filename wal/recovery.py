"""Recovery: from a directory, whatever state a crash left it in, to a log that is ready, or a refusal.

It makes what it reads durable before it reads it, so that nothing is built on bytes that only the page cache
holds; it judges each segment by `wal.decision`; and it is idempotent, so that a crash within it changes nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from wal.base import Base, base_facts, find_base, load_base
from wal.change import decode_record
from wal.decision import BaseVerdict, Last, Verdict, decide, decide_base
from wal.errors import DamagedError
from wal.file_store import PREPARED_NAME, Tail, write_segment
from wal.file_system import FileSystem
from wal.judgement import REMEDY, Replayed, Segment, damage_of, facts_of, is_empty_tail, last_of
from wal.layout import LOG_DIRECTORY, SNAPSHOT_DIRECTORY, TORN_DIRECTORY
from wal.lock import DirectoryLock
from wal.log import Sealed
from wal.record import LOG_ID_BYTES, NO_DIGEST, RecordType, decode_seal
from wal.scanner import Ending, Found
from wal.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
    first_sequence,
    read_segment,
    read_segment_header,
    scan_segment,
    segment_path,
)
from wal.settings import LogSettings
from wal.state import State

Progress = Callable[[int], None]
# Every byte verifies, so that there is nothing to repair.
_OTHER_STATE = "Restore the directory from a cold copy, or ask for help with this message before touching anything."


class Report(msgspec.Struct, frozen=True):
    """What recovery found.

    Attributes:
        new: There was no log; an empty one was made.
        clean: The last process sealed the log.
        snapshot: The sequence of the snapshot that was loaded, 0 if there is none.
        records: Transactions that were replayed behind it.
        torn_bytes: Bytes of an unfinished batch that were cut and kept aside.
        torn_path: Where they are, empty if there are none.
        sequence: Of the last record.
        epoch: Of this opening.
        seconds: How long it took.
    """

    new: bool
    clean: bool
    snapshot: int
    records: int
    torn_bytes: int
    torn_path: str
    sequence: int
    epoch: int
    seconds: float


class _StoppedError(Exception):
    """Nobody waits for this recovery any more."""


class Ready(NamedTuple):
    """A directory that is held and replayed: where to go on, and what was found."""

    tail: Tail
    sequence: int
    time: int
    report: Report


class Recovery:
    """One recovery, on one thread. `begin` makes one.

    Attributes:
        lock: On the directory.
        log_directory: Of the segments.
        epoch: Of this opening.
        sealed: The last rotation seal, None if there is none.
        replayed_bytes: Of the records behind the newest snapshot.
    """

    def __init__(
        self,
        file_system: FileSystem,
        directory: Path,
        settings: LogSettings,
        state: State,
        on_progress: Progress,
        stopping: threading.Event,
        lock: DirectoryLock,
    ) -> None:
        self.lock = lock
        self.log_directory = directory / LOG_DIRECTORY
        self.epoch = lock.last.epoch + 1
        self.sealed: Sealed | None = None
        self.replayed_bytes = 0
        self._snapshot_directory = directory / SNAPSHOT_DIRECTORY
        self._torn_directory = directory / TORN_DIRECTORY
        self._file_system = file_system
        self._settings = settings
        self._state = state
        self._on_progress = on_progress
        self._stopping = stopping
        self._records = 0
        self._time = 0
        self._started = time.monotonic()

    @classmethod
    def begin(
        cls,
        file_system: FileSystem,
        directory: Path,
        settings: LogSettings,
        state: State,
        on_progress: Progress,
        stopping: threading.Event,
    ) -> Recovery:
        """Hold a directory, made if it is not there.

        Args:
            file_system: Where.
            directory: The data directory.
            settings: Sizes.
            state: Empty.
            on_progress: Called with the number of transactions replayed so far.
            stopping: Set when nobody waits any more.

        Raises:
            DirectoryLockedError: Another process holds it.
            OSError: The disk refused.
        """
        file_system.make_directory(directory / LOG_DIRECTORY)
        lock = DirectoryLock.take(file_system, directory)
        try:
            # LOCK may be new, and it is what tells a log that was lost from one that never was.
            file_system.sync_directory(directory)
        except BaseException:
            lock.release()
            raise
        return cls(file_system, directory, settings, state, on_progress, stopping, lock)

    def run(self) -> Ready:
        """Replay what is there into the state, and get the tail ready for appending.

        Raises:
            DamagedError: Something that was durable does not verify.
            UnsupportedFormatError: A newer release wrote it.
            OSError: The disk refused.
        """
        base = find_base(self._file_system, self._snapshot_directory)
        segments = self._read_segments(base)
        if self._check_base(base, segments) is BaseVerdict.CREATE:
            return self._create()
        self.epoch = max(self.epoch, base.epoch + 1, *(segment.header.epoch + 1 for segment in segments))
        self.lock.write(self.epoch, segments[0].header.log_id)
        self.sealed = load_base(self._file_system, base, self._state, self._heed_stop)
        self._time = base.time
        return self._replay(base, segments)

    def _read_segments(self, base: Base) -> list[Segment]:
        """Read the segments that the base does not cover; the others are kept for the snapshot before it."""
        names = self._file_system.list(self.log_directory)
        firsts = [(first_sequence(name), self.log_directory / name) for name in names]
        paths = [path for first, path in firsts if first is not None and first > base.sequence]
        for path in paths:
            # First to the disk, then out of the cache: what is read now is what a power cut would leave.
            file = self._file_system.open(path)
            file.sync()
            file.drop_cache()
            file.close()
        self._file_system.sync_directory(self.log_directory)
        segments = [Segment(path, read_segment_header(self._file_system, path)) for path in paths]
        self._check_ids(base, segments)
        if PREPARED_NAME in names:
            self._file_system.remove(self.log_directory / PREPARED_NAME)
        return segments

    def _check_ids(self, base: Base, segments: list[Segment]) -> None:
        """Make sure that all files are of one log, the one that LOCK names if it names one."""
        files = [(segment.path, segment.header.first, segment.header.log_id) for segment in segments]
        if base.path is not None and base.log_id is not None:
            files.insert(0, (base.path, base.sequence, base.log_id))
        for path, sequence, log_id in files:
            expected = self.lock.last.log_id or files[0][2].hex()
            if log_id.hex() != expected:
                found = f"a file of another log, {log_id.hex()}"
                raise DamagedError(path, 0, sequence, found=found, expected=f"log {expected}", remedy=REMEDY)

    def _check_base(self, base: Base, segments: list[Segment]) -> BaseVerdict:
        known = self.lock.last.log_id
        row = decide_base(base_facts(base, segments[0].header if segments else None, known=bool(known)))
        if row.verdict is BaseVerdict.REFUSE:
            sequence = base.sequence + 1
            path = segments[0].path if segments else segment_path(self.log_directory, sequence)
            found = f"sequence {segments[0].header.first} first" if segments else "no segment"
            remedy = f"Reason: {row.why}. {REMEDY}"
            expected = f"the segment from sequence {sequence} on"
            raise DamagedError(path, 0, sequence, found=found, expected=expected, remedy=remedy)
        return row.verdict

    def _create(self) -> Ready:
        self._heed_stop()
        log_id = os.urandom(LOG_ID_BYTES)
        header = SegmentHeader(1, self.epoch, self._settings.segment_bytes, log_id, NO_DIGEST)
        tail = write_segment(self._file_system, self.log_directory, header, b"")
        self.lock.write(self.epoch, log_id)
        return Ready(tail, 0, 0, self._report(0, snapshot=0, new=True, clean=True))

    def _replay(self, base: Base, segments: list[Segment]) -> Ready:
        for index, segment in enumerate(segments):
            # One at a time: a log that was not compacted for long need not fit into memory.
            _, data = read_segment(self._file_system, segment.path)
            replayed = self._apply(segment, data)
            facts = facts_of(segments, index, replayed, is_empty=is_empty_tail(self._file_system, segments, index + 1))
            row = decide(facts)
            if row.verdict is Verdict.NEXT:
                continue
            if row.verdict is Verdict.REFUSE:
                raise damage_of(segment, replayed, facts, row.why)
            return self._finish(base, segments, index, data, replayed, row.verdict)
        raise AssertionError("the last segment is never followed by another")

    def _apply(self, segment: Segment, data: bytes) -> Replayed:
        scan = scan_segment(segment.header, data)
        last = Last.NOTHING
        for found in scan:
            last = last_of(found, segment.header)
            if found.header.type == RecordType.TRANSACTION:
                self._apply_record(found)
            else:
                self._check_seal(segment, found)
        if scan.ending is None:
            raise AssertionError("a scan that was read to its end has an ending")
        self.replayed_bytes += scan.ending.offset - SEGMENT_HEADER_BYTES
        return Replayed(last, scan.ending)

    def _check_seal(self, segment: Segment, found: Found) -> None:
        """Compare the state that was reached with the one of the server that wrote the seal."""
        seal = decode_seal(found.payload)
        self._time = max(self._time, seal.time)
        if self._state.digest.to_bytes(16) != seal.state_digest:
            raise DamagedError(
                segment.path,
                found.offset,
                found.header.sequence,
                found=f"a state with the digest {self._state.digest:032x}",
                expected=f"{seal.state_digest.hex()}, as the server had it that wrote this seal",
                remedy=_OTHER_STATE,
            )
        if found.header.type == RecordType.ROTATION_SEAL:
            self.sealed = Sealed(found.header.sequence, seal.state_digest)

    def _apply_record(self, found: Found) -> None:
        record = decode_record(found.payload)
        self._state.apply(found.header.sequence, record.time, record.changes)
        self._time = record.time
        self._records += 1
        if self._records % 10_000 == 0:
            self._on_progress(self._records)
        self._heed_stop()

    def _heed_stop(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError

    def _finish(
        self, base: Base, segments: list[Segment], index: int, data: bytes, replayed: Replayed, verdict: Verdict
    ) -> Ready:
        # The last moment: what comes now changes files, and is not left half done.
        self._heed_stop()
        segment, ending = segments[index], replayed.ending
        sequence = ending.position.sequence - 1
        header = segment.header._replace(epoch=self.epoch)
        torn = data[ending.offset :].rstrip(b"\0")
        torn_path = self._keep_torn(ending, torn) if torn else ""
        if verdict is Verdict.UNDO_ROTATION:
            self._file_system.remove(segments[index + 1].path)
            self._file_system.sync_directory(self.log_directory)
        if verdict is Verdict.APPEND:
            tail = self._reopen(segment, header)
        else:
            records = data[SEGMENT_HEADER_BYTES : ending.offset]
            tail = write_segment(self._file_system, self.log_directory, header, records)
        tail.position, tail.digest = ending.offset, ending.position.digest
        report = self._report(sequence, snapshot=base.sequence, new=False, clean=verdict is Verdict.APPEND)
        report = msgspec.structs.replace(report, torn_bytes=len(torn), torn_path=torn_path)
        return Ready(tail, sequence, self._time, report)

    def _keep_torn(self, ending: Ending, torn: bytes) -> str:
        """Keep what is cut, durably: where an earlier start has that could not finish, else in a file of its own."""
        self._file_system.make_directory(self._torn_directory)
        stem = f"{ending.position.sequence:020d}-"
        names = [name for name in self._file_system.list(self._torn_directory) if name.startswith(stem)]
        kept = (path for path in map(self._torn_directory.joinpath, names) if self._is_kept(path, torn))
        path = next(kept, None) or self._write_torn(self._torn_directory / f"{stem}{self.epoch}.torn", torn)
        self._file_system.sync_directory(self._torn_directory)
        return str(path)

    def _is_kept(self, path: Path, torn: bytes) -> bool:
        file = self._file_system.open(path)
        try:
            file.sync()
            file.drop_cache()
            return file.read_at(0, len(torn) + 1) == torn
        finally:
            file.close()

    def _write_torn(self, path: Path, torn: bytes) -> Path:
        file = self._file_system.open(path, create=True)
        try:
            file.write_at(0, torn)
            file.sync()
        except OSError:
            # There is no room, perhaps, and the next start would leave another one.
            self._file_system.remove(path)
            raise
        finally:
            file.close()
        return path

    def _reopen(self, segment: Segment, header: SegmentHeader) -> Tail:
        # The epoch in the header tells from now on that records may follow the shutdown seal.
        file = self._file_system.open(segment.path)
        file.write_at(0, encode_segment_header(header))
        file.sync()
        return Tail(file, header, SEGMENT_HEADER_BYTES, header.previous)

    def _report(self, sequence: int, *, snapshot: int, new: bool, clean: bool) -> Report:
        seconds = time.monotonic() - self._started
        return Report(new, clean, snapshot, self._records, 0, "", sequence, self.epoch, seconds)
