"""Looking at the blobs of a data directory: what is there is hashed, and what is known must be there.

Which blobs are known is told by the newest snapshot and the log behind it, as a start would find them. A server may run
meanwhile: what seems to be missing is looked for again among what is known then.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from service.blobs import blob_path, list_blobs
from service.kinds.blob import BLOB, Blob
from wal.change import Record
from wal.errors import DamagedError
from wal.file_system import ReadOnlyFileSystem
from wal.inspection import records
from wal.layout import BLOB_DIRECTORY, SNAPSHOT_DIRECTORY
from wal.looking import while_files_move
from wal.pacing import PIECE_BYTES, REST_SECONDS, PacedReads
from wal.snapshot import SnapshotReader, list_snapshots, snapshot_path

_SEQUENCE_MAX = 2**63
_REMEDY = "Restore this file from a cold copy; the same content, uploaded again, makes it whole too."


class BlobReport(NamedTuple):
    """What there is: blobs that are known, their bytes, and files of which nothing is known."""

    blobs: int
    bytes: int
    unknown: int


def check_blobs(directory: Path, on_blob: Callable[[str], None] = lambda _: None) -> BlobReport:
    """Read all blobs and compare each with its name.

    Args:
        directory: The data directory.
        on_blob: Called with the name of each that was read.

    Raises:
        DamagedError: One that is known is missing, of another size, or holds something else.
        WalError: The log or the snapshot cannot be read.
        OSError: A file cannot be read.
    """
    blobs = directory / BLOB_DIRECTORY
    known = while_files_move(lambda: known_blobs(directory))
    found: dict[str, int] = {}
    for names in list_blobs(ReadOnlyFileSystem(), blobs):
        for name in names:
            read = _read(blob_path(blobs, name))
            if read is None:
                continue
            found[name], digest = read
            if digest != name and name in known:
                raise _damage(blob_path(blobs, name), f"content with the SHA-256 {digest}", "what its name tells")
            on_blob(name)
    wrong = {name for name, size in known.items() if found.get(name) != size}
    if wrong:
        # Those that were forgotten while this was reading have gone rightly.
        known = while_files_move(lambda: known_blobs(directory))
        for name in sorted(wrong & known.keys()):
            size = found.get(name)
            told = "no file" if size is None else f"{size} bytes"
            raise _damage(blob_path(blobs, name), told, f"{known[name]} bytes, which were stored")
    return BlobReport(len(known), sum(known.values()), len(found.keys() - known.keys()))


def known_blobs(directory: Path) -> dict[str, int]:
    """Return the sizes of the blobs that something retained names, by name; raises as `check_blobs`."""
    files = ReadOnlyFileSystem()
    known: dict[str, int] = {}
    newest = max(list_snapshots(files, directory / SNAPSHOT_DIRECTORY), default=0)
    if newest:
        reader = SnapshotReader(files, snapshot_path(directory / SNAPSHOT_DIRECTORY, newest))
        try:
            for block in reader.blocks():
                if block.kind == BLOB.name:
                    known |= {blob.id: blob.size for blob in map(_decode, block.values)}
        finally:
            reader.close()
    for _, content in records(directory, newest + 1, _SEQUENCE_MAX):
        for change in content.changes if isinstance(content, Record) else ():
            if change.kind == BLOB.name and change.value is None:
                known.pop(change.id, None)
            elif change.kind == BLOB.name and change.value is not None:
                known[change.id] = _decode(change.value).size
    return known


def _decode(value: bytes) -> Blob:
    return msgspec.json.decode(value, type=Blob)


def _read(path: Path) -> tuple[int, str] | None:
    """Return size and SHA-256 of a file, None if it was removed meanwhile."""
    whole, size = hashlib.sha256(), 0
    try:
        for piece in _pieces(path):
            whole.update(piece)
            size += len(piece)
    except FileNotFoundError:
        return None
    return size, whole.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    file = PacedReads(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        offset = 0
        while piece := file.read_at(offset, PIECE_BYTES):
            offset += len(piece)
            yield piece
            time.sleep(REST_SECONDS)
    finally:
        file.close()


def _damage(path: Path, found: str, expected: str) -> DamagedError:
    return DamagedError(path, 0, 0, found=found, expected=expected, remedy=_REMEDY)
