"""The file-system seam: the few calls that the engine makes, and the real implementation.

Everything here blocks; callers run it on a thread. The second implementation, for tests, is
`tests/simulated_disk.py`: it separates what was written from what was synced, and fails on demand.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


class File(Protocol):
    """An open file. Offsets and sizes are bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes, fewer only at the end of the file."""
        ...

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`, extending the file if need be."""
        ...

    def sync(self) -> None:
        """Return once everything written is on the disk (data, and the metadata needed to read it)."""
        ...

    def size(self) -> int:
        """Return the file's length."""
        ...

    def drop_cache(self) -> None:
        """Ask that the next reads come from the disk and not from the page cache."""
        ...

    def close(self) -> None:
        """Release the file; it does not sync."""
        ...


class FileSystem(Protocol):
    """A place for files. Every path is absolute."""

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open for reading and writing; with `create`, a new file (FileExistsError if it is there)."""
        ...

    def lock(self, path: Path) -> File:
        """Open a file, created if need be, and hold it and its directory alone until it is closed.

        Raises BlockingIOError if one of them is held.
        """
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Put `source` in the place of `target`, atomically; a directory in that of an empty one, or of none."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file."""
        ...

    def list(self, directory: Path) -> list[str]:
        """Return the names in a directory, sorted; empty if there is no such directory."""
        ...

    def files(self, directory: Path) -> Sequence[Path]:
        """Return the paths of all files below a directory, sorted; what is no file (a socket) is left out."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """Return how much may still be written where a directory is, which need not be there yet."""
        ...

    def make_directory(self, directory: Path) -> None:
        """Make a directory and its parents, if they are not there, durably."""
        ...

    def remove_directory(self, directory: Path) -> None:
        """Remove a directory with all that is in it, if it is there. A crash leaves some of it."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Return once the directory's entries are on the disk."""
        ...


class RealFile:
    """A file of the operating system.

    Attributes:
        descriptor: Its number in this process.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read_at(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            part = os.pread(self.descriptor, length, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            # A short write is no error; the rest may tell why (ENOSPC, EFBIG).
            written = os.pwrite(self.descriptor, view, offset)
            view = view[written:]
            offset += written

    def sync(self) -> None:
        os.fdatasync(self.descriptor)

    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def drop_cache(self) -> None:
        os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        os.close(self.descriptor)


class LockedFile(RealFile):
    """A file that is held, and its directory with it, until it is closed."""

    def __init__(self, descriptor: int, directory: int) -> None:
        super().__init__(descriptor)
        self._directory = directory

    def close(self) -> None:
        super().close()
        os.close(self._directory)


class RealFileSystem:
    """The file system of this machine."""

    def open(self, path: Path, *, create: bool = False) -> File:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return RealFile(os.open(path, flags, FILE_MODE))

    def lock(self, path: Path) -> File:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        # The directory too: who removes the file makes room for another one, which nobody holds.
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for held in (descriptor, directory):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            os.close(directory)
            raise
        return LockedFile(descriptor, directory)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink()

    def list(self, directory: Path) -> list[str]:
        return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []

    def files(self, directory: Path) -> Sequence[Path]:
        below = (Path(place) / name for place, _, names in os.walk(directory, followlinks=True) for name in names)
        return sorted(path for path in below if path.is_file())

    def free_bytes(self, directory: Path) -> int:
        place = next(path for path in (directory, *directory.parents) if path.is_dir())
        return shutil.disk_usage(place).free

    def make_directory(self, directory: Path) -> None:
        for path in reversed((directory, *directory.parents)):
            # The last one also when it is there: a kill may have come between its making and this sync.
            if path == directory or not path.is_dir():
                path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
                self.sync_directory(path.parent)

    def remove_directory(self, directory: Path) -> None:
        if directory.is_dir():
            shutil.rmtree(directory)

    def sync_directory(self, directory: Path) -> None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ReadOnlyFileSystem(RealFileSystem):
    """The same, for looking on: it opens nothing for writing, so it also reads what it may not write."""

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open for reading; nothing is ever created."""
        if create:
            raise PermissionError(f"{path} would be created, but this only looks on")
        # A pipe by a file's name is refused by its first read, and not waited for.
        return RealFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
