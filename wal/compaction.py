"""Compaction: the previous snapshot and the segments sealed since become the next snapshot, in one stream.

It runs in a process of its own (`wal.child_main`), at low priority, and never touches the server's memory. It reads
files that no one changes any more and writes one temporary file; only the server renames, archives and prunes. What it
holds in memory is the change since the previous snapshot, not the database. The fold needs no knowledge of the domain:
the last value of a key counts.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from wal.block import BLOCK_BYTES, BLOCK_ENTITIES, Block, Stored, block_digest, make_block, position
from wal.change import Record, decode_record
from wal.errors import CompactionError, NoRoomError
from wal.file_system import FileSystem
from wal.record import RecordType, Seal, decode_seal
from wal.segment import read_segment, sealed_records
from wal.snapshot import Footer, SnapshotHeader, SnapshotReader, SnapshotWriter

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Job(msgspec.Struct, frozen=True, tag="compact"):
    """What to compact.

    Attributes:
        previous: The path of the newest snapshot, None if there is none.
        segments: The paths of the sealed segments since, in order, at least one.
        target: The path of the temporary file to write; what is there is replaced.
        epoch: Of the server that asks.
        fields: The indexed fields by kind.
    """

    previous: str | None
    segments: list[str]
    target: str
    epoch: int
    fields: dict[str, list[str]]


class Compacted(msgspec.Struct, frozen=True, tag="compacted"):
    """What was written, read back and verified.

    Attributes:
        sequence: Of the last seal that is covered.
        state_digest: Of the entities in the file, 16 bytes, big endian.
        sealed_digest: What the server wrote into that seal.
        counts: Entities by kind.
        size_bytes: Of the file.
        seconds: How long it took.
    """

    sequence: int
    state_digest: bytes
    sealed_digest: bytes
    counts: dict[str, int]
    size_bytes: int
    seconds: float


class _Net:
    """What the segments did to one key, all in all.

    Attributes:
        value: Its last value, None if it was deleted.
        sequence: Of its last change.
        created: Position of the change that put it there, if it was not there before.
        anew: It was deleted on the way: what the previous snapshot holds is another one.
    """

    __slots__ = ("anew", "created", "sequence", "value")

    def __init__(self, created: int) -> None:
        self.value: bytes | None = None
        self.sequence = 0
        self.created = created
        self.anew = False


_Fold = dict[str, dict[str, _Net]]


def compact(file_system: FileSystem, job: Job) -> Compacted:
    """Write the next snapshot into the job's target.

    Raises:
        NoRoomError: The disk has no room for it.
        WalError: What is read does not verify, or what was written does not.
        OSError: The disk refused.
    """
    started = time.monotonic()
    fold: _Fold = {}
    header, seal = _read_segments(file_system, job, fold)
    target = Path(job.target)
    if target.name in file_system.list(target.parent):
        file_system.remove(target)
    file = file_system.open(target, create=True)
    try:
        writer = SnapshotWriter(file, header)
        for block in _merged(_previous_blocks(file_system, job), fold, job.fields):
            writer.add(block)
        writer.close()
        # From here on what is read comes from the disk.
        file.drop_cache()
        size = file.size()
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _no_room(job, file.size(), _size(file_system, job.previous)) from error
    finally:
        file.close()
    footer = verify(file_system, target)
    seconds = time.monotonic() - started
    return Compacted(header.sequence, footer.state_digest, seal.state_digest, footer.counts, size, seconds)


def _no_room(job: Job, written: int, last: int) -> NoRoomError:
    """Return what to tell when the disk was full after so many bytes; the last snapshot shows what is likely needed."""
    likely = f"the last one has {last} bytes" if job.previous else "it is the first one"
    return NoRoomError(
        f"There is no room for the next snapshot: the disk was full after {written} bytes of it; {likely}. "
        "Nothing is lost. Make room on the disk: it is tried again."
    )


def _size(file_system: FileSystem, path: str | None) -> int:
    if path is None:
        return 0
    file = file_system.open(Path(path))
    try:
        return file.size()
    finally:
        file.close()


def verify(file_system: FileSystem, path: Path) -> Footer:
    """Read a snapshot through, hash every entity in it, and return what it says of itself.

    Raises:
        DamagedError: Something does not verify.
        CompactionError: The entities have another digest than their block says.
    """
    reader = SnapshotReader(file_system, path)
    try:
        for block in reader.blocks():
            if block_digest(block.kind, block.ids, block.values) != block.digest:
                raise CompactionError(f"A block of {block.kind} in {path} has another state digest than was written.")
    finally:
        reader.close()
    if reader.footer is None:
        raise AssertionError("a snapshot that was read to its end has a footer")
    return reader.footer


def _read_segments(file_system: FileSystem, job: Job, fold: _Fold) -> tuple[SnapshotHeader, Seal]:
    """Fold what the segments did, and make sure that they continue the previous snapshot and each other.

    Returns:
        The next snapshot's header, and the last seal.
    """
    sequence, digest, log_id, seal = 0, None, None, None
    if job.previous is not None:
        reader = SnapshotReader(file_system, Path(job.previous))
        reader.close()
        sequence, digest, log_id = reader.header.sequence, reader.header.digest, reader.header.log_id
    for path in map(Path, job.segments):
        header, data = read_segment(file_system, path)
        if header.first != sequence + 1 or digest not in (None, header.previous) or log_id not in (None, header.log_id):
            raise CompactionError(f"{path} does not continue what ends with sequence {sequence}.")
        log_id = header.log_id
        for found in sealed_records(path, header, data):
            if found.header.type == RecordType.TRANSACTION:
                _fold(fold, found.header.sequence, decode_record(found.payload))
            sequence, digest, last = found.header.sequence, found.digest, found.payload
        # The last one is the seal, or it would have been refused.
        seal = decode_seal(last)
    if seal is None or digest is None or log_id is None:
        raise CompactionError("There is no sealed segment to compact.")
    return SnapshotHeader(sequence, seal.time, job.epoch, log_id, digest), seal


def _fold(fold: _Fold, sequence: int, record: Record) -> None:
    for place, change in enumerate(record.changes):
        keys = fold.setdefault(change.kind, {})
        net = keys.get(change.id)
        if net is None:
            net = keys[change.id] = _Net(position(sequence, place))
        elif net.value is None:
            net.created = position(sequence, place)
        net.anew = net.anew or change.value is None
        net.value, net.sequence = change.value, sequence


def _previous_blocks(file_system: FileSystem, job: Job) -> Iterator[Block]:
    if job.previous is None:
        return
    reader = SnapshotReader(file_system, Path(job.previous))
    try:
        yield from reader.blocks()
    finally:
        reader.close()


def _merged(previous: Iterator[Block], fold: _Fold, fields: dict[str, list[str]]) -> Iterator[Block]:
    """Yield the blocks of the next snapshot, by kind, and within a kind by creation."""
    fresh = sorted(fold)
    for kind, blocks in groupby(previous, key=lambda block: block.kind):
        while fresh and fresh[0] < kind:
            first = fresh.pop(0)
            yield from _of_kind(first, iter(()), fold[first], fields.get(first, []))
        if fresh and fresh[0] == kind:
            fresh.pop(0)
        yield from _of_kind(kind, blocks, fold.get(kind, {}), fields.get(kind, []))
    for kind in fresh:
        yield from _of_kind(kind, iter(()), fold[kind], fields.get(kind, []))


def _of_kind(kind: str, blocks: Iterator[Block], keys: dict[str, _Net], paths: list[str]) -> Iterator[Block]:
    """Yield the next blocks of one kind. A block in which nothing changed is taken over as it is."""
    batch = _Batch(kind, paths)
    for block in blocks:
        if not block.is_roomy and set(block.columns) == set(paths) and keys.keys().isdisjoint(block.ids):
            yield from batch.take()
            yield block
            continue
        for entity in block.entities():
            kept = _kept(entity, keys)
            if kept is not None:
                yield from batch.add(kept)
    # What is left was created since, so it comes after everything that was there.
    created = [Stored(id_, net.value, net.sequence, net.created) for id_, net in keys.items() if net.value is not None]
    for entity in sorted(created, key=lambda entity: entity.created):
        yield from batch.add(entity)
    yield from batch.take()


class _Batch:
    """Entities on their way into a block of their kind."""

    def __init__(self, kind: str, paths: Sequence[str]) -> None:
        self._kind = kind
        self._paths = paths
        self._entities: list[Stored] = []
        self._bytes = 0

    def add(self, entity: Stored) -> Iterator[Block]:
        """Take an entity; yields a block when it is full."""
        self._entities.append(entity)
        self._bytes += len(entity.value)
        if len(self._entities) == BLOCK_ENTITIES or self._bytes >= BLOCK_BYTES:
            yield from self.take()

    def take(self) -> Iterator[Block]:
        """Yield what is there as a block, if there is anything."""
        if self._entities:
            yield make_block(self._kind, self._entities, self._paths)
            self._entities, self._bytes = [], 0


def _kept(entity: Stored, keys: dict[str, _Net]) -> Stored | None:
    net = keys.get(entity.id)
    if net is None:
        return entity
    if net.anew:
        # Deleted. If it was created again, it stands at its new place.
        return None
    del keys[entity.id]
    if net.value is None:
        raise AssertionError("a key without a value was deleted")
    return Stored(entity.id, net.value, net.sequence, entity.created)
