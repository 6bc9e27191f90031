"""The history of one key: every change of it that is retained, from the archive and the log, the oldest first.

In the archive it is a look-up by each segment's index; the segments of the log are read whole, and compactions bound
them. Segments must continue each other, and each change names the one of its key before it: what is missing between
is refused, never passed over.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wal.archive_file import archived_sequence, read_archived, read_member
from wal.archive_index import ArchiveIndex, Entry, hash_of_key, index_path
from wal.change import Record, decode_record
from wal.errors import DamagedError
from wal.file_system import FileSystem, ReadOnlyFileSystem
from wal.judgement import Segment
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY
from wal.looking import MovingError, scan_judged, segment_paths, while_files_move
from wal.past import REMEDY, Chain, Past
from wal.record import RecordType, decode_header, payload_of
from wal.scanner import Found, Position
from wal.segment import read_segment, read_segment_header, sealed_records

_Located = list[tuple[Path, Past]]


def history(
    directory: Path,
    kind: str,
    id: str,  # noqa: A002 - the field's name in the format
    *,
    file_system: FileSystem | None = None,
    on_scan: Callable[[Path], None] = lambda _: None,
) -> Iterator[Past]:
    """Yield every retained change of one key, the oldest first. A server may run meanwhile.

    Args:
        directory: The data directory.
        kind: Of the entity.
        id: Of the entity.
        file_system: Where; this machine's by default.
        on_scan: Called with each archived segment that has no index and is read whole.

    Raises:
        NoLogError: There is no log.
        DamagedError: What is read does not verify, or something between two changes is missing.
        UnsupportedFormatError: A newer release wrote it.
        OSError: Something cannot be read; also what retention removed after older changes had been yielded.
    """
    look = _Look(file_system or ReadOnlyFileSystem(), directory, (kind, id), on_scan)
    chain = Chain()
    while (found := look.next()) is not None:
        for path, past in found:
            chain.check(path, look.first, past)
            yield past


class _Look:
    """One look through the segments, in order.

    Attributes:
        first: The first sequence that is retained, once a segment was read.
    """

    def __init__(
        self, files: FileSystem, directory: Path, key: tuple[str, str], on_scan: Callable[[Path], None]
    ) -> None:
        self.first = 0
        self._files = files
        self._directory = directory
        self._key = key
        self._on_scan = on_scan
        self._needle = key[1].encode()
        # What the next segment must continue.
        self._position: Position | None = None
        self._waiting: list[Path] = []
        self._found = self._ended = False

    def next(self) -> _Located | None:
        """Return the changes in the next segment, or in all of the log; None at the end."""
        while not self._ended:
            if not self._waiting:
                self._waiting = self._archived_behind()
            found = self._next_archived(self._waiting.pop(0)) if self._waiting else while_files_move(self._in_log)
            if found is not None:
                self._found = self._found or bool(found)
                return found
        return None

    def _archived_behind(self) -> list[Path]:
        """Return the archived segments behind what was read, that are in the log no more."""
        behind = 0 if self._position is None else self._position.sequence
        paths = segment_paths(self._files, self._directory).items()
        return [path for first, path in paths if first >= behind and path.parent.name == ARCHIVE_DIRECTORY]

    def _next_archived(self, path: Path) -> _Located | None:
        try:
            return [(path, past) for past in self._in_archived(path)]
        except FileNotFoundError:
            oldest = min(segment_paths(self._files, self._directory))
            if self._found or oldest <= (archived_sequence(path.name) or 0):
                raise
            # Retention has removed it, and all before it: the history begins later.
            self._position = None
            return None

    def _in_archived(self, path: Path) -> list[Past]:
        first = archived_sequence(path.name) or 0
        file = self._files.open(path)
        size = file.size()
        file.close()
        try:
            index = ArchiveIndex(self._files, index_path(path.parent, first), size)
        except FileNotFoundError:
            self._on_scan(path)
            return self._scanned(path, first)
        try:
            entries = index.find(hash_of_key(*self._key))
        finally:
            index.close()
        self._continue(path, index.header.start)
        self._position = index.header.end
        return self._at(path, index.header.start, entries)

    def _scanned(self, path: Path, first: int) -> list[Past]:
        """Return the changes in an archived segment without an index."""
        archived = read_archived(self._files, path, first)
        found, changes = None, []
        for found in sealed_records(path, archived.header, archived.data):
            changes += self._changes_in(found)
        if found is None:
            raise AssertionError("a sealed segment holds a record")
        self._continue(path, archived.header.start)
        self._position = _behind(found)
        return changes

    def _at(self, path: Path, start: Position, entries: Sequence[Entry]) -> list[Past]:
        """Return the changes at the places that an index tells; each member is decompressed once."""
        changes: list[Past] = []
        offset, content = -1, b""
        for entry in entries:
            if entry.member != offset:
                offset, content = entry.member, read_member(self._files, path, start.segment, entry.member)
            record = _record_at(content, entry, start)
            if record is None:
                found = f"no such record at {entry.offset} of the member"
                expected = f"record {entry.sequence}, as the index tells"
                raise DamagedError(path, offset, entry.sequence, found=found, expected=expected, remedy=REMEDY)
            changes += self._of_key(entry.sequence, record)
        return changes

    def _in_log(self) -> _Located | None:
        """Return the changes in the log; None if what comes next was archived meanwhile."""
        log = self._directory / LOG_DIRECTORY
        behind = 0 if self._position is None else self._position.sequence
        paths = segment_paths(self._files, self._directory)
        kept = [path for first, path in paths.items() if first >= behind]
        if any(path.parent != log for path in kept):
            return None
        if not kept:
            raise MovingError from _damage(log, behind, "no segment", "the last segment of the log")
        segments = [Segment(path, read_segment_header(self._files, path)) for path in kept]
        self._continue(kept[0], segments[0].header.start)
        found = [(kept[place], past) for place in range(len(kept)) for past in self._in_segment(segments, place)]
        self._ended = True
        return found

    def _in_segment(self, segments: Sequence[Segment], index: int) -> list[Past]:
        changes: list[Past] = []
        content = read_segment(self._files, segments[index].path)
        scan_judged(self._files, segments, index, content, lambda found: changes.extend(self._changes_in(found)))
        return changes

    def _changes_in(self, found: Found) -> list[Past]:
        # Most records are of other keys, and need no decoding to tell.
        if found.header.type != RecordType.TRANSACTION or self._needle not in found.payload:
            return []
        return self._of_key(found.header.sequence, decode_record(found.payload))

    def _of_key(self, sequence: int, record: Record) -> list[Past]:
        return [
            Past(sequence, record.time, record.actor, record.operation, change)
            for change in record.changes
            if (change.kind, change.id) == self._key
        ]

    def _continue(self, path: Path, start: Position) -> None:
        """Check that a segment continues what was read, or is the first one that is retained."""
        expected = self._position
        if expected is None:
            self.first = start.sequence
        elif start != expected:
            oldest = min(segment_paths(self._files, self._directory))
            if oldest < start.sequence or start.sequence <= expected.sequence:
                found = f"a segment from {start.sequence} on, behind {start.digest.hex()}"
                raise _damage(path, start.sequence, found, f"{expected.sequence}, behind {expected.digest.hex()}")
            if self._found:
                raise FileNotFoundError(errno.ENOENT, "retention removed what comes before it meanwhile", str(path))
            self.first = start.sequence


def _damage(path: Path, sequence: int, found: str, expected: str) -> DamagedError:
    return DamagedError(path, 0, sequence, found=found, expected=expected, remedy=REMEDY)


def _behind(found: Found) -> Position:
    sequence = found.header.sequence + 1
    return Position(found.header.log_id, sequence, sequence, found.digest)


def _record_at(content: bytes, entry: Entry, start: Position) -> Record | None:
    header = decode_header(content, entry.offset)
    if header is None or header.type != RecordType.TRANSACTION:
        return None
    if (header.log_id, header.segment, header.sequence) != (start.log_id, start.segment, entry.sequence):
        return None
    payload = payload_of(content, entry.offset, header)
    return None if payload is None else decode_record(payload)
