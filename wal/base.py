"""The base of a replay: the newest snapshot, or nothing, and if the log that is there continues it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wal.decision import BaseFacts, Start
from wal.errors import DamagedError
from wal.file_system import FileSystem
from wal.layout import COMPACTION_PREFIX, TEMPORARY_SUFFIX
from wal.log import Sealed
from wal.record import NO_DIGEST
from wal.segment import SegmentHeader
from wal.snapshot import SnapshotReader, counts_of, list_snapshots, snapshot_path
from wal.state import State


class Base(NamedTuple):
    """What a replay goes on from.

    Attributes:
        path: Of the snapshot, None if there is none.
        sequence: Of the last record that it covers, 0 without a snapshot.
        time: Of that record, in microseconds since 1970 UTC.
        epoch: Of the opening that made it.
        digest: The chain digest that the next segment must name.
        log_id: 16 bytes, None without a snapshot.
    """

    path: Path | None
    sequence: int
    time: int
    epoch: int
    digest: bytes
    log_id: bytes | None


NO_BASE = Base(None, 0, 0, 0, NO_DIGEST, None)


def find_base(file_system: FileSystem, directory: Path) -> Base:
    """Return the newest snapshot in a directory. What a compaction left unfinished there is removed.

    Raises:
        DamagedError: Its header does not verify.
        UnsupportedFormatError: A newer release wrote it.
    """
    file_system.make_directory(directory)
    for name in file_system.list(directory):
        if name.startswith(COMPACTION_PREFIX) and name.endswith(TEMPORARY_SUFFIX):
            file_system.remove(directory / name)
    file_system.sync_directory(directory)
    sequences = list_snapshots(file_system, directory)
    if not sequences:
        return NO_BASE
    path = snapshot_path(directory, sequences[-1])
    file = file_system.open(path)
    # First to the disk, then out of the cache: what is read now is what a power cut would leave.
    file.sync()
    file.drop_cache()
    file.close()
    reader = SnapshotReader(file_system, path)
    reader.close()
    header = reader.header
    return Base(path, header.sequence, header.time, header.epoch, header.digest, header.log_id)


def base_facts(base: Base, first: SegmentHeader | None, *, known: bool) -> BaseFacts:
    """Return what `wal.decision` must know.

    Args:
        base: What was found.
        first: The header of the first segment that the base does not cover, None if there is none.
        known: LOCK names a log.
    """
    start = Start.NOTHING
    if first is not None:
        continues = first.first == base.sequence + 1 and first.previous == base.digest
        start = Start.CONTINUES if continues else Start.OTHER
    return BaseFacts(base.path is not None, start, known)


def load_base(
    file_system: FileSystem, base: Base, state: State, on_block: Callable[[], None] = lambda: None
) -> Sealed | None:
    """Load the snapshot into an empty state; returns the seal at which it was taken, None without a snapshot.

    Args:
        file_system: Where.
        base: What was found.
        state: Empty.
        on_block: Called after each block; what it raises ends the loading.

    Raises:
        DamagedError: Something in it does not verify.
    """
    if base.path is None:
        return None
    reader = SnapshotReader(file_system, base.path)
    try:
        for block in reader.blocks():
            state.load(block)
            on_block()
    finally:
        reader.close()
    footer = reader.footer
    if footer is None:
        raise AssertionError("a snapshot that was read to its end has a footer")
    state.loaded(base.sequence, int.from_bytes(footer.state_digest))
    if counts_of(state.counts) != footer.counts:
        raise DamagedError(
            base.path,
            0,
            base.sequence,
            found=f"{counts_of(state.counts)} once loaded",
            expected=f"{footer.counts}, as its footer says",
            remedy="This is a fault of the program: keep the directory as it is, and ask for help with this message.",
        )
    return Sealed(base.sequence, footer.state_digest)
