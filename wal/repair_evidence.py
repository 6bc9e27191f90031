"""What lies in a data directory, as far as it verifies: what a repair is planned from. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from wal.archive import seal_seconds
from wal.archive_file import archived_sequence, read_archived, sealed_at
from wal.compaction import verify as verify_snapshot
from wal.decision import Last
from wal.errors import CompactionError, DamagedError
from wal.file_system import FileSystem
from wal.judgement import Replayed, last_of
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY, SNAPSHOT_DIRECTORY
from wal.lock import LOCK_NAME, Holder, read_holder
from wal.looking import NoLogError
from wal.record import Header, Seal, decode_seal
from wal.repair_steps import BeyondRepairError
from wal.scanner import frames
from wal.segment import SEGMENT_HEADER_BYTES, SegmentHeader, decode_segment_header, first_sequence, scan_segment
from wal.snapshot import Footer, SnapshotHeader, SnapshotReader, list_snapshots, snapshot_path


class SegmentFile(NamedTuple):
    """A file with a segment's name, in the log or the archive.

    Attributes:
        path: Where.
        first: The sequence in its name.
        header: Its own, None if that does not verify.
        size: Of the segment, in bytes, as far as it is there.
        fault: Why it cannot be read as what it is called, empty if it can.
    """

    path: Path
    first: int
    header: SegmentHeader | None
    size: int
    fault: str

    @property
    def is_archived(self) -> bool:
        """Tell if it lies in the archive."""
        return archived_sequence(self.path.name) is not None


class SnapshotFile(NamedTuple):
    """A snapshot that verifies, or (`fault`) why it does not."""

    path: Path
    sequence: int
    header: SnapshotHeader | None
    footer: Footer | None
    fault: str


class Scanned(NamedTuple):
    """What a segment holds: how it ends, and its last seal if that is its last record."""

    replayed: Replayed
    seal: Seal | None


def read_content(files: FileSystem, path: Path) -> bytes:
    """Return what a segment's file holds; of an archived one, what was archived."""
    first = archived_sequence(path.name)
    if first is not None:
        return read_archived(files, path, first).data
    file = files.open(path)
    try:
        return file.read_at(0, file.size())
    finally:
        file.close()


class Evidence:
    """Reads a data directory that nobody else uses.

    Args:
        files: Where.
        directory: The data directory.

    Attributes:
        directory: The same.
        files: Where it is.
        log_id: Of the log that all this is about.
        lock: What LOCK tells.
        lock_fault: What is wrong with that, empty if nothing is.
        epoch: The highest that is known.
        log: Segments of the log by the sequence in their name.
        archive: Those of the archive.
        snapshots: Ascending.

    Raises:
        NoLogError: There is no log, and there has been none.
        BeyondRepairError: Nothing tells which log this is.
        UnsupportedFormatError: A newer release wrote it.
        OSError: Something cannot be read.
    """

    def __init__(self, files: FileSystem, directory: Path) -> None:
        self.files = files
        self.directory = directory
        self.lock, raw = self._read_lock()
        self.log = self._segments(LOG_DIRECTORY, first_sequence, self._of_log)
        self.archive = self._segments(ARCHIVE_DIRECTORY, archived_sequence, self._of_archive)
        self.snapshots = self._snapshots()
        segments = (*self.log.values(), *self.archive.values())
        heads: list[SegmentHeader | SnapshotHeader] = [one.header for one in segments if one.header is not None]
        heads += [one.header for one in self.snapshots if one.header is not None]
        if not (self.log or self.archive or self.snapshots or self.lock.log_id or raw):
            raise NoLogError(f"{directory} holds no log: there is no segment in {directory / LOG_DIRECTORY}.")
        told = [log_id for one in self.log.values() for log_id in self._first_record(one)]
        self.log_id = self._choose_id(Counter([*told, *(head.log_id for head in heads)]))
        self.lock_fault = self._judge_lock(raw)
        ours = [head.epoch for head in heads if head.log_id == self.log_id]
        self.epoch = max([self.lock.epoch, *ours] if not self.lock_fault else [0, *ours])

    def content(self, segment: SegmentFile) -> bytes:
        """Return what a segment's file holds; of an archived one, what was archived."""
        return read_content(self.files, segment.path)

    def records(self, segment: SegmentFile) -> Iterator[tuple[Header, bytes]]:
        """Yield header and payload of each record of this log in a segment that verifies by itself."""
        for _, header, payload in frames(self.content(segment), SEGMENT_HEADER_BYTES):
            if header.log_id == self.log_id:
                yield header, payload

    def scan(self, header: SegmentHeader, data: bytes) -> Scanned:
        """Read a segment as a start does, up to where it ends to verify."""
        scan = scan_segment(header, data)
        last, seal = Last.NOTHING, None
        for found in scan:
            last = last_of(found, header)
            seal = decode_seal(found.payload) if last is Last.ROTATION else None
        if scan.ending is None:
            raise AssertionError("a scan that was read to its end has an ending")
        return Scanned(Replayed(last, scan.ending), seal)

    def is_ours(self, segment: SegmentFile) -> bool:
        """Tell if a segment is not of another log, as far as it says."""
        return segment.header is None or segment.header.log_id == self.log_id

    def has_sealed_time(self, segment: SegmentFile, seal: Seal) -> bool:
        """Tell if an archived segment tells the time of its seal: retention goes by it."""
        return not segment.is_archived or sealed_at(self.files, segment.path) == seal_seconds(seal.time)

    def _read_lock(self) -> tuple[Holder, bytes]:
        path = self.directory / LOCK_NAME
        if LOCK_NAME not in self.files.list(self.directory):
            return Holder(), b""
        file = self.files.open(path)
        try:
            return read_holder(file), file.read_at(0, file.size()).strip(b"\n\0")
        finally:
            file.close()

    def _judge_lock(self, raw: bytes) -> str:
        if raw and not self.lock.log_id and self.lock == Holder():
            return "bytes that do not verify"
        told = self.lock.log_id
        return f"log {told}, while the files are of {self.log_id.hex()}" if told not in ("", self.log_id.hex()) else ""

    def _segments(
        self, name: str, sequence_of: Callable[[str], int | None], read: Callable[[Path, int], SegmentFile]
    ) -> dict[int, SegmentFile]:
        place = self.directory / name
        firsts = {first: place / found for found in self.files.list(place) if (first := sequence_of(found)) is not None}
        return {first: read(path, first) for first, path in sorted(firsts.items())}

    def _of_log(self, path: Path, first: int) -> SegmentFile:
        file = self.files.open(path)
        try:
            # First to the disk, then out of the cache, as a start does.
            file.sync()
            file.drop_cache()
            size, data = file.size(), file.read_at(0, SEGMENT_HEADER_BYTES)
        finally:
            file.close()
        try:
            header = decode_segment_header(data, path)
        except DamagedError:
            return SegmentFile(path, first, None, size, "a header that does not verify")
        fault = ""
        if header.first != first:
            fault = f"the segment that begins with sequence {header.first}, under another's name"
        elif header.size != size:
            fault = f"{size} of {header.size} bytes"
        return SegmentFile(path, first, header, size, fault)

    def _of_archive(self, path: Path, first: int) -> SegmentFile:
        try:
            archived = read_archived(self.files, path, first)
        except DamagedError as error:
            return SegmentFile(path, first, None, 0, error.found)
        return SegmentFile(path, first, archived.header, len(archived.data), "")

    def _snapshots(self) -> list[SnapshotFile]:
        place = self.directory / SNAPSHOT_DIRECTORY
        return [self._snapshot(snapshot_path(place, one), one) for one in list_snapshots(self.files, place)]

    def _snapshot(self, path: Path, sequence: int) -> SnapshotFile:
        header = None
        try:
            reader = SnapshotReader(self.files, path)
            reader.close()
            header = reader.header
            return SnapshotFile(path, sequence, header, verify_snapshot(self.files, path), "")
        except DamagedError as error:
            return SnapshotFile(path, sequence, header, None, f"{error.found} at offset {error.offset}")
        except CompactionError as error:
            return SnapshotFile(path, sequence, header, None, str(error))

    def _choose_id(self, ids: Counter[bytes]) -> bytes:
        """Return which log this is: the one of most files. LOCK decides only between equals, or if it stands alone."""
        named = bytes.fromhex(self.lock.log_id)
        most = [log_id for log_id, count in ids.items() if count == max(ids.values())] or [named]
        if named in most:
            most = [named]
        if len(most) > 1 or not most[0] or (named in ids and named not in most):
            found = ", ".join(f"{count} of {log_id.hex()}" for log_id, count in ids.items()) or "none"
            raise BeyondRepairError(
                f"Nothing tells which log {self.directory} is of: LOCK names {self.lock.log_id or 'none'}, of the "
                f"files that name one there are: {found}. Nothing was changed. Move the files of the other log out of "
                "the directory, or restore the directory from a cold copy."
            )
        return most[0]

    def _first_record(self, segment: SegmentFile) -> list[bytes]:
        """Return the log that the first record of a segment names, if its own header does not tell."""
        behind = frames(self.content(segment), SEGMENT_HEADER_BYTES)
        return [] if segment.header is not None else [header.log_id for _, header, _ in islice(behind, 1)]
