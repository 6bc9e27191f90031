"""The index of an archived segment: where the changes of each key are, found with a few small reads.

Entries of fixed size, sorted by a hash of the key, in pages of 512 bytes that have a checksum each; a look-up
bisects the pages. It is derived data: without it the segment is read whole. `docs/log-format.md` draws the bytes.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice, starmap
from pathlib import Path
from typing import NamedTuple

from wal.errors import DamagedError, UnsupportedFormatError
from wal.file_system import File, FileSystem
from wal.record import DIGEST_BYTES, LOG_ID_BYTES, crc32c
from wal.scanner import Position
from wal.segment import SEGMENT_SUFFIX, first_sequence, segment_path

_SUFFIX = ".index"
INDEX_SUFFIX = f"{SEGMENT_SUFFIX}{_SUFFIX}"
INDEX_VERSION = 1
PAGE_BYTES = 512

_MAGIC = b"ANNOIDX\n"
_PREFIX = struct.Struct("<8sI")
_CHECKSUM = struct.Struct("<I")
_FIELDS = struct.Struct(f"<QQQQ{LOG_ID_BYTES}s{DIGEST_BYTES}s{DIGEST_BYTES}s")
_FIELDS_END = _PREFIX.size + _CHECKSUM.size + _FIELDS.size
_ENTRY = struct.Struct("<QQQI")
_NUMBER = struct.Struct("<I")
_PAGE_ENTRIES = (PAGE_BYTES - _NUMBER.size - _CHECKSUM.size) // _ENTRY.size
_ENTRIES_END = _PAGE_ENTRIES * _ENTRY.size
_REMOVE = (
    "Remove this file: it is made from the archived segment beside it and nothing is lost with it, but each look-up of "
    "a history then reads that segment whole, which takes seconds."
)


class Entry(NamedTuple):
    """Where a record is that changes a key.

    Attributes:
        key_hash: Of the key; other keys may have the same.
        sequence: Of the record.
        member: Where the gzip member that holds it begins in the archived file, in bytes.
        offset: Of the record in that member, in bytes.
    """

    key_hash: int
    sequence: int
    member: int
    offset: int


class IndexHeader(NamedTuple):
    """Which archived segment it is the index of.

    Attributes:
        first: The segment's first sequence.
        last: The sequence of its seal.
        archive_bytes: The size of the archived file.
        entries: How many there are.
        log_id: 16 bytes.
        previous: The digest of the record before the first.
        digest: The digest of the seal.
    """

    first: int
    last: int
    archive_bytes: int
    entries: int
    log_id: bytes
    previous: bytes
    digest: bytes

    @property
    def start(self) -> Position:
        """What the segment continues."""
        return Position(self.log_id, self.first, self.first, self.previous)

    @property
    def end(self) -> Position:
        """What continues the segment."""
        return Position(self.log_id, self.last + 1, self.last + 1, self.digest)


def index_path(directory: Path, first: int) -> Path:
    """Return where the index of an archived segment lies."""
    return segment_path(directory, first).with_suffix(INDEX_SUFFIX)


def index_sequence(name: str) -> int | None:
    """Return the first sequence of the segment that an index is of by its file's name, None if it is another file."""
    return first_sequence(name.removesuffix(_SUFFIX)) if name.endswith(INDEX_SUFFIX) else None


def hash_of_key(kind: str, id: str) -> int:  # noqa: A002 - the field's name in the format
    """Return the 64 bits by which a key is looked up."""
    return int.from_bytes(blake2b(f"{kind}\0{id}".encode(), digest_size=8).digest())


def encode_index(header: IndexHeader, entries: Iterable[Entry]) -> bytes:
    """Return an index as bytes; the entries are sorted, and as many as the header says."""
    head = _encode_header(header)
    seed = head[_FIELDS_END : _FIELDS_END + _CHECKSUM.size]
    pages, packed = [head], starmap(_ENTRY.pack, entries)
    while page := b"".join(islice(packed, _PAGE_ENTRIES)):
        page = page.ljust(_ENTRIES_END, b"\0") + _NUMBER.pack(len(pages) - 1)
        pages.append(page + _page_checksum(seed, page))
    return b"".join(pages)


class ArchiveIndex:
    """Reads an index; every page is verified before it is believed.

    Args:
        file_system: Where.
        path: Of the file.
        archive_bytes: The size of the archived file beside it.

    Attributes:
        header: Which segment it is the index of.

    Raises:
        DamagedError: The header does not verify, does not fit the name, or the file was cut.
        UnsupportedFormatError: A newer release wrote it.
        FileNotFoundError: There is none.
    """

    def __init__(self, file_system: FileSystem, path: Path, archive_bytes: int) -> None:
        self._path = path
        self._file: File = file_system.open(path)
        try:
            data = self._file.read_at(0, PAGE_BYTES)
            self.header = self._decode_header(data)
            self._check_header(archive_bytes)
        except BaseException:
            self._file.close()
            raise
        # Each page's checksum covers the header's, so that a page of another index is noticed.
        self._seed = data[_FIELDS_END : _FIELDS_END + _CHECKSUM.size]

    @property
    def _pages(self) -> int:
        return -(-self.header.entries // _PAGE_ENTRIES)

    def find(self, key_hash: int) -> list[Entry]:
        """Return the entries of a key's hash, the oldest first.

        Raises:
            DamagedError: A page that was read does not verify.
        """
        number = bisect_left(range(self._pages), key_hash, key=lambda page: self._page(page)[-1].key_hash)
        found: list[Entry] = []
        while number < self._pages:
            page = self._page(number)
            found += [entry for entry in page if entry.key_hash == key_hash]
            if page[-1].key_hash > key_hash:
                break
            number += 1
        return found

    def check(self, expected: bytes) -> None:
        """Compare the whole index with the one that the archived segment leads to.

        Raises:
            DamagedError: They differ.
        """
        for number in range(self._pages):
            self._page(number)
        data = self._file.read_at(0, self._file.size())
        if data != expected:
            same = zip(data, expected, strict=False)
            offset = next((place for place, (one, other) in enumerate(same) if one != other), len(expected))
            raise self._damage(offset, "another content", "what the archived segment beside it leads to")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _page(self, number: int) -> list[Entry]:
        offset = (number + 1) * PAGE_BYTES
        data = self._file.read_at(offset, PAGE_BYTES)
        page = data[: -_CHECKSUM.size]
        if len(data) < PAGE_BYTES or data[-_CHECKSUM.size :] != _page_checksum(self._seed, page):
            raise self._damage(offset, "a page that does not verify", f"page {number} of {self._pages}")
        if _NUMBER.unpack_from(page, _ENTRIES_END) != (number,):
            raise self._damage(offset, "another page", f"page {number} of {self._pages}")
        used = min(_PAGE_ENTRIES, self.header.entries - number * _PAGE_ENTRIES)
        return list(map(Entry._make, _ENTRY.iter_unpack(page[: used * _ENTRY.size])))

    def _decode_header(self, data: bytes) -> IndexHeader:
        expected = "the header of an index"
        if len(data) < PAGE_BYTES:
            raise self._damage(0, f"{len(data)} bytes", expected)
        magic, version = _PREFIX.unpack_from(data)
        start = _PREFIX.size + _CHECKSUM.size
        if magic != _MAGIC or data[_PREFIX.size : start] != _CHECKSUM.pack(crc32c(data[: _PREFIX.size])):
            raise self._damage(0, "another beginning", expected)
        if version > INDEX_VERSION:
            raise UnsupportedFormatError(self._path, version, INDEX_VERSION)
        checksum = _CHECKSUM.pack(crc32c(data[:_FIELDS_END]))
        if data[_FIELDS_END:] != checksum.ljust(PAGE_BYTES - _FIELDS_END, b"\0"):
            raise self._damage(0, "a wrong checksum", expected)
        return IndexHeader(*_FIELDS.unpack_from(data, start))

    def _check_header(self, archive_bytes: int) -> None:
        header, size = self.header, self._file.size()
        if header.first != index_sequence(self._path.name):
            raise self._damage(0, f"a header for sequence {header.first}", "the sequence in its name")
        if header.archive_bytes != archive_bytes:
            found = f"the index of an archived segment of {header.archive_bytes} bytes"
            raise self._damage(0, found, f"{archive_bytes} bytes, as the one beside it has")
        expected = (1 + self._pages) * PAGE_BYTES
        if size != expected:
            raise self._damage(min(size, expected), f"{size} bytes", f"{expected} for {header.entries} entries")

    def _damage(self, offset: int, found: str, expected: str) -> DamagedError:
        sequence = index_sequence(self._path.name) or 0
        return DamagedError(self._path, offset, sequence, found=found, expected=expected, remedy=_REMOVE)


def _encode_header(header: IndexHeader) -> bytes:
    # The first 16 bytes keep their meaning in every version, so that a newer one is told apart from damage.
    prefix = _PREFIX.pack(_MAGIC, INDEX_VERSION)
    fields = prefix + _CHECKSUM.pack(crc32c(prefix)) + _FIELDS.pack(*header)
    return (fields + _CHECKSUM.pack(crc32c(fields))).ljust(PAGE_BYTES, b"\0")


def _page_checksum(seed: bytes, page: bytes) -> bytes:
    return _CHECKSUM.pack(crc32c(seed + page))
