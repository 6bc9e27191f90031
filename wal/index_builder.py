"""Makes the index of an archived segment, when it is archived and again when it is verified."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wal.archive_file import ArchivedSegment, Member
from wal.archive_index import ArchiveIndex, Entry, IndexHeader, encode_index, hash_of_key, index_path
from wal.change import decode_keys
from wal.file_system import FileSystem
from wal.record import RecordType
from wal.scanner import Found
from wal.segment import SegmentHeader

_BUCKETS, _BUCKET_SHIFT = 256, 56


class IndexBuilder:
    """Collects where the changes of each key are, record by record.

    Args:
        header: Of the segment.
        hash_key: Of kind and id.
    """

    def __init__(self, header: SegmentHeader, hash_key: Callable[[str, str], int] = hash_of_key) -> None:
        self._header = header
        self._hash_key = hash_key
        self._last: Found | None = None
        # In many small lists: sorting a large one would stop everything else in this process.
        self._buckets: list[list[tuple[int, int, int]]] = [[] for _ in range(_BUCKETS)]

    @property
    def last(self) -> Found:
        """The record that was added last."""
        if self._last is None:
            raise AssertionError("a sealed segment holds a record")
        return self._last

    def add(self, found: Found) -> None:
        """Add the next record of the segment."""
        self._last = found
        if found.header.type != RecordType.TRANSACTION:
            return
        for kind, id_ in decode_keys(found.payload):
            key_hash = self._hash_key(kind, id_)
            self._buckets[key_hash >> _BUCKET_SHIFT].append((key_hash, found.header.sequence, found.offset))

    def encode(self, members: Sequence[Member], archive_bytes: int) -> bytes:
        """Return the index.

        Args:
            members: How the archived file is divided.
            archive_bytes: Its size.
        """
        segment, last = self._header, self.last
        header = IndexHeader(
            segment.first,
            last.header.sequence,
            archive_bytes,
            sum(map(len, self._buckets)),
            segment.log_id,
            segment.previous,
            last.digest,
        )
        return encode_index(header, self._entries(members))

    def _entries(self, members: Sequence[Member]) -> Iterator[Entry]:
        starts = [member.start for member in members]
        for bucket in self._buckets:
            for key_hash, sequence, offset in sorted(bucket):
                member = members[bisect_right(starts, offset) - 1]
                yield Entry(key_hash, sequence, member.offset, offset - member.start)


def check_index(file_system: FileSystem, directory: Path, archived: ArchivedSegment, builder: IndexBuilder) -> bool:
    """Tell if an archived segment has an index, and compare it with the segment.

    Args:
        file_system: Where.
        directory: The archive.
        archived: The segment.
        builder: All its records were added to it.

    Raises:
        DamagedError: The index does not verify, or is another one.
        UnsupportedFormatError: A newer release wrote it.
    """
    try:
        index = ArchiveIndex(file_system, index_path(directory, archived.header.first), archived.file_bytes)
    except FileNotFoundError:
        return False
    try:
        index.check(builder.encode(archived.members, archived.file_bytes))
    finally:
        index.close()
    return True
