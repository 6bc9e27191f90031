"""Looking on: what a data directory holds, and if all of it verifies. Nothing is changed, also while a server runs.

Every record of the archive and the log is read, in order: checksums, sequences, the chain of digests from segment to
segment, seals; each index of the archive is made again and compared. Every entity of the snapshots is hashed, and
each snapshot is compared with the seal that it was taken at. What only a replay can tell, that the records lead to the
state that was sealed, is left to the next start.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from wal.archive import seal_seconds
from wal.archive_file import archived_sequence, read_archived, sealed_at
from wal.change import Record, decode_record
from wal.compaction import verify as verify_snapshot
from wal.decision import Verdict
from wal.errors import DamagedError
from wal.file_system import FileSystem, ReadOnlyFileSystem
from wal.index_builder import IndexBuilder, check_index
from wal.judgement import REMEDY, Segment
from wal.layout import SNAPSHOT_DIRECTORY
from wal.looking import moved, read_header, read_whole, scan_judged, segment_paths, while_files_move
from wal.record import RecordType, Seal, decode_seal
from wal.scanner import Found
from wal.segment import read_segment, scan_segment
from wal.snapshot import SnapshotReader, list_snapshots, snapshot_path

_ENDS = {
    Verdict.NEXT: "sealed",
    Verdict.APPEND: "shut down",
    Verdict.REBUILD: "open: a server runs, or was killed",
    Verdict.CUT: "open, with an unfinished batch: a server writes it, or was killed",
    Verdict.UNDO_ROTATION: "open, with an unfinished rotation: a server rotates, or was killed",
}


class SegmentReport(msgspec.Struct, frozen=True):
    """What a segment holds.

    Attributes:
        path: Relative to the data directory.
        first: The first sequence that it may hold.
        last: The last sequence that it holds, one less than `first` if there is none.
        transactions: Records besides seals.
        epoch: Of the opening that made it, or went on with it.
        used_bytes: Up to the end of the last record.
        bytes: Of the file.
        end: How it ends.
        index: If there is an index beside it; None for a segment of the log, which needs none.
    """

    path: str
    first: int
    last: int
    transactions: int
    epoch: int
    used_bytes: int
    bytes: int
    end: str
    index: bool | None


class SnapshotReport(msgspec.Struct, frozen=True):
    """What a snapshot holds: the state after `sequence`, entities by kind."""

    path: str
    sequence: int
    epoch: int
    bytes: int
    entities: dict[str, int]


class Inspection(msgspec.Struct, frozen=True):
    """What a data directory holds.

    Attributes:
        log_id: In hex.
        segments: In the order of their sequences, those of the archive first.
        snapshots: In order.
    """

    log_id: str
    segments: list[SegmentReport]
    snapshots: list[SnapshotReport]


def inspect(
    directory: Path,
    *,
    file_system: FileSystem | None = None,
    on_segment: Callable[[SegmentReport], None] = lambda _: None,
) -> Inspection:
    """Read everything in a data directory and verify it.

    Args:
        directory: The data directory.
        file_system: Where; this machine's by default.
        on_segment: Called with each segment that was found sound.

    Raises:
        NoLogError: There is no log.
        DamagedError: Something does not verify; the first such place.
        UnsupportedFormatError: A newer release wrote it.
        OSError: Something cannot be read.
    """
    files = file_system or ReadOnlyFileSystem()
    return while_files_move(lambda: _Inspector(files, directory, on_segment).run())


def records(
    directory: Path, first: int, last: int, *, file_system: FileSystem | None = None
) -> Iterator[tuple[int, Record | Seal]]:
    """Yield the records from one sequence to another, as far as they verify.

    Raises:
        NoLogError: There is no log.
        DamagedError: A header does not verify.
        OSError: Something cannot be read.
    """
    files = file_system or ReadOnlyFileSystem()
    segments = while_files_move(lambda: _segments(files, directory))
    for index, segment in enumerate(segments):
        if segment.header.first > last:
            return
        if index + 1 < len(segments) and segments[index + 1].header.first <= first:
            continue
        for found in _scan(files, directory, segment):
            if first <= found.header.sequence <= last:
                yield found.header.sequence, _content(found)


def _content(found: Found) -> Record | Seal:
    is_transaction = found.header.type == RecordType.TRANSACTION
    return decode_record(found.payload) if is_transaction else decode_seal(found.payload)


def _scan(files: FileSystem, directory: Path, segment: Segment) -> Iterable[Found]:
    """Return the records of a segment, wherever it lies by now; none if retention has let it go."""
    try:
        return scan_segment(*read_whole(files, segment.path))
    except FileNotFoundError:
        now = moved(files, directory, segment.path)
        return () if now is None else scan_segment(*read_whole(files, now))


def _segments(files: FileSystem, directory: Path) -> list[Segment]:
    segments: list[Segment] = []
    for path in segment_paths(files, directory).values():
        found = _headed(files, directory, path)
        if found is None:
            # Retention has let it go, and what is older went before it.
            segments.clear()
        else:
            segments.append(found)
    return segments


def _headed(files: FileSystem, directory: Path, path: Path) -> Segment | None:
    try:
        return Segment(path, read_header(files, path))
    except FileNotFoundError:
        now = moved(files, directory, path)
        return None if now is None else Segment(now, read_header(files, now))


class _Inspector:
    """One look."""

    def __init__(self, files: FileSystem, directory: Path, on_segment: Callable[[SegmentReport], None]) -> None:
        self._files = files
        self._directory = directory
        self._on_segment = on_segment
        self._seals: dict[int, tuple[bytes, Seal]] = {}

    def run(self) -> Inspection:
        segments = _segments(self._files, self._directory)
        log_id = segments[0].header.log_id
        for segment in segments:
            if segment.header.log_id != log_id:
                self._refuse(segment.path, segment.header.first, f"log {segment.header.log_id.hex()}", log_id.hex())
        reports: list[SegmentReport] = []
        for index in range(len(segments)):
            if not self._followed(segments, index, reports):
                # Retention has let it go, and what is older went before it.
                reports.clear()
        snapshots = self._directory / SNAPSHOT_DIRECTORY
        found = [self._kept(snapshots, one) for one in list_snapshots(self._files, snapshots)]
        return Inspection(log_id.hex(), reports, [one for one in found if one is not None])

    def _kept(self, snapshots: Path, sequence: int) -> SnapshotReport | None:
        """Report of a snapshot, None if a newer one has taken its place meanwhile."""
        try:
            return self._snapshot(snapshot_path(snapshots, sequence))
        except FileNotFoundError:
            if sequence in list_snapshots(self._files, snapshots):
                raise
            return None

    def _followed(self, segments: list[Segment], index: int, reports: list[SegmentReport]) -> bool:
        """Report of a segment, into the archive if it goes there meanwhile; tell if it is there at all."""
        for _ in range(2):
            try:
                reports.append(self._segment(segments, index))
            except FileNotFoundError:
                now = moved(self._files, self._directory, segments[index].path)
                if now is None:
                    return False
                segments[index] = Segment(now, segments[index].header)
            else:
                return True
        raise FileNotFoundError(errno.ENOENT, "the segment is gone", str(segments[index].path))

    def _segment(self, segments: list[Segment], index: int) -> SegmentReport:
        segment = segments[index]
        first = archived_sequence(segment.path.name)
        archived = None if first is None else read_archived(self._files, segment.path, first)
        header, data = read_segment(self._files, segment.path) if archived is None else archived[:2]
        builder = IndexBuilder(header)
        transactions = 0

        def note(found: Found) -> None:
            nonlocal transactions
            transactions += found.header.type == RecordType.TRANSACTION
            if found.header.type == RecordType.ROTATION_SEAL:
                self._seals[found.header.sequence] = found.digest, decode_seal(found.payload)
            if archived is not None:
                builder.add(found)

        ending, row = scan_judged(self._files, segments, index, (header, data), note)
        self._check_time(segment.path, ending.position.sequence - 1)
        report = SegmentReport(
            path=str(segment.path.relative_to(self._directory)),
            first=header.first,
            last=ending.position.sequence - 1,
            transactions=transactions,
            epoch=header.epoch,
            used_bytes=ending.offset,
            bytes=len(data),
            end=_ENDS[row.verdict],
            index=None if archived is None else check_index(self._files, segment.path.parent, archived, builder),
        )
        self._on_segment(report)
        return report

    def _check_time(self, path: Path, sequence: int) -> None:
        """Compare the time that an archived segment tells with its seal's: retention goes by it."""
        sealed = self._seals.get(sequence)
        if archived_sequence(path.name) is None or sealed is None:
            return
        told, expected = sealed_at(self._files, path), seal_seconds(sealed[1].time)
        if told != expected:
            self._refuse(path, sequence, f"the time {told}", f"{expected}, when it was sealed")

    def _snapshot(self, path: Path) -> SnapshotReport:
        footer = verify_snapshot(self._files, path)
        reader = SnapshotReader(self._files, path)
        reader.close()
        header = reader.header
        sealed = self._seals.get(header.sequence)
        # The segment of an old seal may be gone from the archive: then the next start is the judge.
        if sealed is not None and (header.digest, footer.state_digest) != (sealed[0], sealed[1].state_digest):
            found = f"the state {footer.state_digest.hex()}, taken at {header.digest.hex()}"
            expected = f"{sealed[1].state_digest.hex()} at {sealed[0].hex()}, as the seal {header.sequence} says"
            self._refuse(path, header.sequence, found, expected)
        file = self._files.open(path)
        size = file.size()
        file.close()
        where = str(path.relative_to(self._directory))
        return SnapshotReport(where, header.sequence, header.epoch, size, dict(footer.counts))

    def _refuse(self, path: Path, sequence: int, found: str, expected: str) -> None:
        raise DamagedError(path, 0, sequence, found=found, expected=expected, remedy=REMEDY)
