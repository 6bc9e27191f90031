"""A snapshot file: the whole state at a rotation seal, in blocks of columns, each with checksums of its own.

`SnapshotWriter` writes one block after the other; `SnapshotReader` verifies each before it gives it out. The header
says which log and which seal; the footer says what all blocks together must add up to. `docs/snapshot-format.md`
draws the bytes.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

from wal import digest
from wal.block import Block
from wal.errors import DamagedError, UnsupportedFormatError
from wal.file_system import File, FileSystem
from wal.pacing import PacedFile
from wal.record import DIGEST_BYTES, LOG_ID_BYTES, crc32c

SNAPSHOT_SUFFIX = ".snap"
SNAPSHOT_VERSION = 1
SNAPSHOT_HEADER_BYTES = 512
FRAME_HEADER_BYTES = 32

_MAGIC = b"ANNOSNP\n"
_FRAME_MAGIC = b"ALSB"
_BLOCK, _FOOTER = 1, 2
_PREFIX = struct.Struct("<8sI")
_CHECKSUM = struct.Struct("<I")
_FIELDS = struct.Struct(f"<QQI{LOG_ID_BYTES}s{DIGEST_BYTES}s")
# magic, type, 3 reserved, number, length, payload checksum, the snapshot's sequence
_FRAME = struct.Struct("<4sB3xIIIQ")


class SnapshotHeader(NamedTuple):
    """Which state it is.

    Attributes:
        sequence: Of the rotation seal at which it was taken.
        time: Of the last record, in microseconds since 1970 UTC.
        epoch: Of the opening whose server asked for it.
        log_id: 16 bytes, the same in all files of a log.
        digest: The seal's chain digest, which the next segment names.
    """

    sequence: int
    time: int
    epoch: int
    log_id: bytes
    digest: bytes


class Footer(msgspec.Struct, array_like=True, frozen=True):
    """What the blocks add up to.

    Attributes:
        state_digest: 16 bytes, big endian.
        counts: Entities by kind, without kinds that have none.
        blocks: How many there are.
        frames_digest: Over the headers of all their frames, in order.
    """

    state_digest: bytes
    counts: dict[str, int]
    blocks: int
    frames_digest: bytes


class _Totals:
    """Adds up blocks, for the footer that is written or the one that is read."""

    def __init__(self) -> None:
        self._digest = 0
        self._counts: Counter[str] = Counter()
        self._frames = blake2b(digest_size=DIGEST_BYTES)
        self.blocks = 0

    def add(self, frame_header: bytes, block: Block) -> None:
        self._digest = digest.add(self._digest, int.from_bytes(block.digest))
        self._counts[block.kind] += len(block.ids)
        self._frames.update(frame_header)
        self.blocks += 1

    def footer(self) -> Footer:
        return Footer(self._digest.to_bytes(16), dict(self._counts), self.blocks, self._frames.digest())


_decode_block = msgspec.msgpack.Decoder(Block).decode
_decode_footer = msgspec.msgpack.Decoder(Footer).decode


def snapshot_path(directory: Path, sequence: int) -> Path:
    """Return the path of the snapshot taken at the seal `sequence`."""
    return directory / f"{sequence:020d}{SNAPSHOT_SUFFIX}"


def snapshot_sequence(name: str) -> int | None:
    """Return the sequence that a file's name tells, None if it is no snapshot's name."""
    stem = name.removesuffix(SNAPSHOT_SUFFIX)
    return int(stem) if name.endswith(SNAPSHOT_SUFFIX) and len(stem) == 20 and stem.isdecimal() else None  # noqa: PLR2004


def list_snapshots(file_system: FileSystem, directory: Path) -> list[int]:
    """Return the sequences of the snapshots in a directory, ascending."""
    sequences = map(snapshot_sequence, file_system.list(directory))
    return sorted(sequence for sequence in sequences if sequence is not None)


class SnapshotWriter:
    """Writes a snapshot into a new file.

    Args:
        file: Empty.
        header: Which state it is.
    """

    def __init__(self, file: File, header: SnapshotHeader) -> None:
        self._file = PacedFile(file)
        self._header = header
        self._totals = _Totals()
        self._file.write(_encode_header(header))

    def add(self, block: Block) -> None:
        """Write a block; those of a kind come together, ascending by position of creation."""
        self._totals.add(self._frame(_BLOCK, msgspec.msgpack.encode(block)), block)

    def close(self) -> Footer:
        """Write the footer and make everything durable; returns what was written."""
        footer = self._totals.footer()
        self._frame(_FOOTER, msgspec.msgpack.encode(footer))
        self._file.sync()
        return footer

    def _frame(self, kind: int, payload: bytes) -> bytes:
        number = self._totals.blocks
        header = _FRAME.pack(_FRAME_MAGIC, kind, number, len(payload), crc32c(payload), self._header.sequence)
        header += _CHECKSUM.pack(crc32c(header))
        self._file.write(header + payload)
        return header


class SnapshotReader:
    """Reads a snapshot; every byte is verified before it is given out.

    Args:
        file_system: Where.
        path: Of the file.

    Attributes:
        header: Which state it is.
        footer: What the blocks add up to, once `blocks` has been read to its end.

    Raises:
        DamagedError: The header does not verify, or does not fit the name.
        UnsupportedFormatError: A newer release wrote it.
    """

    def __init__(self, file_system: FileSystem, path: Path) -> None:
        self._path = path
        self._file = file_system.open(path)
        self._size = self._file.size()
        try:
            self.header = self._decode_header(self._file.read_at(0, SNAPSHOT_HEADER_BYTES))
        except BaseException:
            self._file.close()
            raise
        self.footer: Footer | None = None

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in order.

        Raises:
            DamagedError: Something does not verify.
        """
        totals = _Totals()
        offset = SNAPSHOT_HEADER_BYTES
        while True:
            header, kind, payload = self._frame(offset, totals.blocks)
            end = offset + FRAME_HEADER_BYTES + len(payload)
            if kind == _FOOTER:
                break
            block = self._block(payload, offset)
            totals.add(header, block)
            yield block
            offset = end
        self.footer = self._checked(payload, offset, totals.footer())
        if end != self._size:
            self._refuse(end, f"{self._size - end} bytes behind the footer", "the end of the file")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _decode_header(self, data: bytes) -> SnapshotHeader:
        expected = "the header of a snapshot"
        if len(data) < SNAPSHOT_HEADER_BYTES:
            self._refuse(0, f"{len(data)} bytes", expected)
        magic, version = _PREFIX.unpack_from(data)
        start = _PREFIX.size + _CHECKSUM.size
        if magic != _MAGIC or data[_PREFIX.size : start] != _CHECKSUM.pack(crc32c(data[: _PREFIX.size])):
            self._refuse(0, "another beginning", expected)
        if version > SNAPSHOT_VERSION:
            raise UnsupportedFormatError(self._path, version, SNAPSHOT_VERSION)
        end = start + _FIELDS.size
        if data[end:] != _CHECKSUM.pack(crc32c(data[:end])).ljust(SNAPSHOT_HEADER_BYTES - end, b"\0"):
            self._refuse(0, "a wrong checksum", expected)
        header = SnapshotHeader(*_FIELDS.unpack_from(data, start))
        if header.sequence != snapshot_sequence(self._path.name) and self._path.suffix == SNAPSHOT_SUFFIX:
            self._refuse(0, f"a header for sequence {header.sequence}", "the sequence in its name")
        return header

    def _frame(self, offset: int, number: int) -> tuple[bytes, int, bytes]:
        header = self._file.read_at(offset, FRAME_HEADER_BYTES)
        if len(header) < FRAME_HEADER_BYTES:
            self._refuse(offset, "the end of the file", "another block, or the footer")
        magic, kind, found, length, checksum, sequence = _FRAME.unpack_from(header)
        sound = header[_FRAME.size :] == _CHECKSUM.pack(crc32c(header[: _FRAME.size])) and header[5:8] == b"\0\0\0"
        if not sound or magic != _FRAME_MAGIC or kind not in (_BLOCK, _FOOTER):
            self._refuse(offset, "bytes that do not verify", f"the header of block {number}, or of the footer")
        if (found, sequence) != (number, self.header.sequence):
            found_text = f"block {found} of the snapshot at {sequence}"
            self._refuse(offset, found_text, f"block {number} of the snapshot at {self.header.sequence}")
        payload = self._file.read_at(offset + FRAME_HEADER_BYTES, length)
        if len(payload) < length or crc32c(payload) != checksum:
            self._refuse(offset, f"a content that does not verify, in block {number}", "what its checksum says")
        return header, kind, payload

    def _block(self, payload: bytes, offset: int) -> Block:
        try:
            block = _decode_block(payload)
        except msgspec.DecodeError as error:
            self._refuse(offset, f"a block that does not decode ({error})", "a block")
        entities = len(block.ids)
        lengths = {len(block.values), len(block.sequences) / 8, len(block.created) / 8}
        if lengths != {entities}:
            self._refuse(offset, "columns of different lengths", f"{entities} entities in each")
        return block

    def _checked(self, payload: bytes, offset: int, counted: Footer) -> Footer:
        try:
            footer = _decode_footer(payload)
        except msgspec.DecodeError as error:
            self._refuse(offset, f"a footer that does not decode ({error})", "a footer")
        if footer != counted:
            self._refuse(offset, "a footer that does not fit the blocks", f"{counted.blocks} blocks as they were read")
        return footer

    def _refuse(self, offset: int, found: str, expected: str) -> NoReturn:
        sequence = snapshot_sequence(self._path.name) or 0
        remedy = (
            "Run `annolog log repair` on the directory, which moves this file aside if the snapshot before it, and the "
            "log that is kept since then, hold the same."
        )
        raise DamagedError(self._path, offset, sequence, found=found, expected=expected, remedy=remedy)


def _encode_header(header: SnapshotHeader) -> bytes:
    # The first 16 bytes keep their meaning in every version, so that a newer one is told apart from damage.
    prefix = _PREFIX.pack(_MAGIC, SNAPSHOT_VERSION)
    fields = prefix + _CHECKSUM.pack(crc32c(prefix)) + _FIELDS.pack(*header)
    return (fields + _CHECKSUM.pack(crc32c(fields))).ljust(SNAPSHOT_HEADER_BYTES, b"\0")


def counts_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of kinds that have entities, as footers hold them."""
    return {kind: count for kind, count in counts.items() if count}
