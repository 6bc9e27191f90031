"""How far the log can be followed from a snapshot or from its beginning, and what must be written anew for that.

Each segment is read and judged as a start does it (`wal.judgement`, `wal.decision`). Where a start would refuse, the
log ends at the last record that verifies, with two exceptions that lose nothing: the header of a segment is known
from the segment before it, and the archive may hold what the log does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wal.decision import Last, Verdict, decide
from wal.judgement import Segment, facts_of
from wal.layout import LOG_DIRECTORY
from wal.record import NO_DIGEST
from wal.repair_evidence import Evidence, Scanned, SegmentFile, SnapshotFile
from wal.repair_steps import NOTHING, WriteSegment
from wal.scanner import End, is_zero
from wal.segment import SEGMENT_HEADER_BYTES, SegmentHeader, segment_path
from wal.settings import SEAL_BYTES_MAX, LogSettings

_BYTES_MIN = SEGMENT_HEADER_BYTES + SEAL_BYTES_MAX


class Chain(NamedTuple):
    """What continues a base.

    Attributes:
        base: The snapshot, None for the beginning of the log.
        kept: The sequence of the last record that can be reached.
        writes: The segments to write anew, in order.
        paths: Of the segments that stay, or are written.
        continues: There is a segment that continues the base.
    """

    base: SnapshotFile | None
    kept: int
    writes: Sequence[WriteSegment]
    paths: frozenset[Path]
    continues: bool


class _View(NamedTuple):
    """A segment in its place: what its header says or must have said, its content, and why it must be written anew."""

    file: SegmentFile
    header: SegmentHeader
    data: bytes
    fault: str


def follow(evidence: Evidence, base: SnapshotFile | None) -> Chain | None:
    """Follow the log; returns None if there is no beginning to go on from.

    Args:
        evidence: What lies in the directory.
        base: A snapshot that verifies, None for the beginning of the log.
    """
    return _Walk(evidence, base).run()


class _Walk:
    """One way along the log."""

    def __init__(self, evidence: Evidence, base: SnapshotFile | None) -> None:
        self._evidence = evidence
        self._base = base
        self._sequence, self._digest = 1, NO_DIGEST
        if base is not None and base.header is not None:
            self._sequence, self._digest = base.sequence + 1, base.header.digest
        sizes = [one.header.size for one in evidence.log.values() if one.header is not None]
        self._size = sizes[0] if sizes else 0
        self._writes: list[WriteSegment] = []
        self._paths: set[Path] = set()

    def run(self) -> Chain | None:
        view = self._view()
        continues = view is not None
        if view is None:
            if self._base is None:
                return None
            self._write_empty()
        while view is not None:
            view = self._pass(view)
        return Chain(self._base, self._sequence - 1, self._writes, frozenset(self._paths), continues)

    def _view(self) -> _View | None:
        """Return the segment that comes next, None if none fits."""
        in_log, archived = (
            self._fitting(files.get(self._sequence)) for files in (self._evidence.log, self._evidence.archive)
        )
        if in_log is None or archived is None:
            return in_log or archived
        scanned = self._evidence.scan(in_log.header, in_log.data).replayed
        is_sealed = scanned.last is Last.ROTATION and scanned.ending.end is End.ZEROS
        return in_log if is_sealed and not in_log.fault else archived

    def _fitting(self, file: SegmentFile | None) -> _View | None:
        if file is None:
            return None
        header, fault = file.header, file.fault
        if header is None:
            if file.is_archived:
                return None
            header = self._derived(file)
        log_id = self._evidence.log_id
        if (header.first, header.previous, header.log_id) != (self._sequence, self._digest, log_id):
            return None
        data = self._evidence.content(file)[: header.size].ljust(header.size, b"\0")
        return _View(file, header, data, "no whole segment, but the archive holds it" if file.is_archived else fault)

    def _derived(self, file: SegmentFile) -> SegmentHeader:
        """Return what the header of a segment must have said; its records then show if it did."""
        epochs = [header.epoch for header, _ in self._evidence.records(file) if header.segment == file.first]
        size = max(file.size, self._size)
        return SegmentHeader(
            first=self._sequence,
            epoch=max(epochs, default=self._evidence.epoch),
            size=size if size >= _BYTES_MIN else LogSettings().segment_bytes,
            log_id=self._evidence.log_id,
            previous=self._digest,
        )

    def _pass(self, view: _View) -> _View | None:
        """Take a segment as far as it verifies; returns the next one, None if the log ends here."""
        scanned = self._evidence.scan(view.header, view.data)
        last, ending = scanned.replayed
        self._sequence, self._digest, self._size = ending.position.sequence, ending.position.digest, view.header.size
        self._paths.add(self._path(view.header.first))
        following = self._view() if last is Last.ROTATION else None
        others = [one for one in self._evidence.log.values() if one.first > view.header.first]
        others = [one for one in others if self._evidence.is_ours(one)]
        verdict, why = self._judge(view, scanned, following, others)
        if view.fault or (verdict is Verdict.REFUSE and ending.end is not End.ZEROS):
            found = view.fault or f"{ending.end.value}, after {last.value}, at offset {ending.offset} ({why})"
            is_whole = following is not None or (verdict is not Verdict.REFUSE and view.file.size >= view.header.size)
            loses = NOTHING if is_whole else f"what came from sequence {ending.position.sequence} on"
            path = self._path(view.header.first)
            self._writes.append(WriteSegment(path, view.header, view.file.path, ending.offset, found, loses))
        if verdict is Verdict.UNDO_ROTATION:
            self._paths.add(others[0].path)
        if last is Last.ROTATION and following is None:
            self._write_empty()
        return following

    def _judge(
        self, view: _View, scanned: Scanned, following: _View | None, others: Sequence[SegmentFile]
    ) -> tuple[Verdict, str]:
        """Return what a start would make of a segment."""
        segments = [Segment(view.file.path, view.header)]
        if following is not None:
            segments.append(Segment(following.file.path, following.header))
        elif others:
            first = others[0]
            unknown = SegmentHeader(first.first, 0, first.size, self._evidence.log_id, NO_DIGEST)
            segments.append(Segment(first.path, first.header or unknown))
        is_empty = len(others) == 1 and self._is_empty(others[0])
        row = decide(facts_of(segments, 0, scanned.replayed, is_empty=is_empty))
        return row.verdict, row.why

    def _is_empty(self, file: SegmentFile) -> bool:
        if file.fault:
            return False
        data = self._evidence.content(file)
        return is_zero(data, SEGMENT_HEADER_BYTES, len(data))

    def _write_empty(self) -> None:
        """Put an empty segment where the log goes on: whatever was durable there is gone."""
        size = self._size if self._size >= _BYTES_MIN else LogSettings().segment_bytes
        header = SegmentHeader(self._sequence, self._evidence.epoch, size, self._evidence.log_id, self._digest)
        path = self._path(self._sequence)
        there = self._evidence.log.get(self._sequence)
        found = "no segment" if there is None else there.fault or "a segment that does not continue the one before it"
        self._paths.add(path)
        loses = f"what came from sequence {self._sequence} on"
        self._writes.append(WriteSegment(path, header, None, SEGMENT_HEADER_BYTES, found, loses))

    def _path(self, first: int) -> Path:
        return segment_path(self._evidence.directory / LOG_DIRECTORY, first)
