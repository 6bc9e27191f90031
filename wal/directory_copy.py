"""A copy of a whole directory: durable, compared byte by byte, and only then called by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

from wal.errors import WalError
from wal.file_system import FileSystem

PARTIAL_SUFFIX = ".partial"
_PIECE_BYTES = 1024 * 1024

Progress = Callable[[Path], None]


class CopyError(WalError):
    """A copy is not equal to what was copied, or there is no room for it."""


def copy_directory(files: FileSystem, source: Path, target: Path, on_file: Progress = lambda _: None) -> None:
    """Copy all files of a directory, durably, and compare; an unfinished copy's name ends with ``.partial``.

    Args:
        files: Where.
        source: The directory; nobody else changes it.
        target: Its copy, which must not be there.
        on_file: Called with each path that is copied.

    Raises:
        CopyError: The copy is not equal, or there is something by its name.
        OSError: The disk refused.
    """
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    for path in (target, partial):
        if files.files(path):
            raise CopyError(f"{path} is there already. Nothing was changed. Move it away, or try again in a second.")
    paths = files.files(source)
    for path in paths:
        files.make_directory((partial / path.relative_to(source)).parent)
        _write(files, path, partial / path.relative_to(source))
        on_file(path)
    for path in paths:
        _compare(files, path, partial / path.relative_to(source))
    if [path.relative_to(partial) for path in files.files(partial)] != [path.relative_to(source) for path in paths]:
        raise CopyError(f"{partial} does not hold the files of {source}: is something else running on it?")
    files.rename(partial, target)
    files.sync_directory(target.parent)


def copy_file(files: FileSystem, source: Path, target: Path) -> None:
    """Copy a file, durably, and compare; the directory of the copy is there.

    Raises:
        CopyError: The disk gives back other bytes than were written.
        OSError: The disk refused.
    """
    _write(files, source, target)
    _compare(files, source, target)


def bytes_of(files: FileSystem, path: Path) -> int:
    """Return the size of a file."""
    file = files.open(path)
    try:
        return file.size()
    finally:
        file.close()


def _write(files: FileSystem, source: Path, target: Path) -> None:
    file = files.open(target, create=True)
    try:
        offset = 0
        for piece in _pieces(files, source):
            file.write_at(offset, piece)
            offset += len(piece)
        file.sync()
        file.drop_cache()
    finally:
        file.close()
    files.sync_directory(target.parent)


def _compare(files: FileSystem, source: Path, target: Path) -> None:
    for ours, theirs in zip_longest(_pieces(files, target), _pieces(files, source)):
        if ours != theirs:
            raise CopyError(f"{target} is not equal to {source}, which it was copied from. Look at the disk.")


def _pieces(files: FileSystem, path: Path) -> Iterator[bytes]:
    file = files.open(path)
    try:
        offset = 0
        while piece := file.read_at(offset, _PIECE_BYTES):
            yield piece
            offset += len(piece)
    finally:
        file.close()
