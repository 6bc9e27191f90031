"""Staging: a whole log is made beside its place, and put there by one rename.

A crash before that leaves the data directory as it was, but for the staging directory and a LOCK that names no log;
the next try removes the one and takes the other. So LOCK learns of the log only after the rename: a LOCK that names
a log which is not there would be taken for a loss.
"""

from __future__ import annotations

from pathlib import Path

from wal.errors import OccupiedError
from wal.file_system import FileSystem
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY, SNAPSHOT_DIRECTORY, STAGING_DIRECTORY
from wal.lock import LOCK_NAME, DirectoryLock, last_holder


def occupants(file_system: FileSystem, directory: Path) -> list[str]:
    """Return what is in a data directory that tells of a log: relative paths, none if there has never been one."""
    found = [
        f"{part}/{name}"
        for part in (LOG_DIRECTORY, SNAPSHOT_DIRECTORY, ARCHIVE_DIRECTORY)
        for name in file_system.list(directory / part)
    ]
    holder = last_holder(file_system, directory)
    if not found and holder is not None and holder.log_id:
        found.append(f"{LOCK_NAME}, which names the log {holder.log_id}")
    return found


class Staging:
    """A data directory that is held and has no log yet. `begin` makes one; everything here blocks.

    Attributes:
        path: A directory to open a log in, close it, and verify it.
    """

    def __init__(self, file_system: FileSystem, directory: Path, lock: DirectoryLock) -> None:
        self.path = directory / STAGING_DIRECTORY
        self._file_system = file_system
        self._directory = directory
        self._lock = lock

    @classmethod
    def begin(cls, file_system: FileSystem, directory: Path) -> Staging:
        """Hold a directory, made if it is not there, and remove what an earlier try left.

        Raises:
            DirectoryLockedError: Another process holds it.
            OccupiedError: There is a log, or has been one.
            OSError: The disk refused.
        """
        file_system.make_directory(directory)
        staging = cls(file_system, directory, DirectoryLock.take(file_system, directory))
        try:
            staging.clear()
            found = occupants(file_system, directory)
            if found:
                raise OccupiedError(directory, found)
        except BaseException:
            staging.release()
            raise
        return staging

    def publish(self) -> None:
        """Put the log, which was closed, in its place, durably.

        Raises:
            OSError: The disk refused; the log is in its place or not.
        """
        holder = last_holder(self._file_system, self.path)
        # What is moved is durable as a whole, also the segment that was being prepared.
        self._file_system.sync_directory(self.path / LOG_DIRECTORY)
        self._file_system.rename(self.path / LOG_DIRECTORY, self._directory / LOG_DIRECTORY)
        self._file_system.sync_directory(self._directory)
        self._file_system.sync_directory(self.path)
        if holder is not None:
            self._lock.write(holder.epoch, bytes.fromhex(holder.log_id))

    def clear(self) -> None:
        """Remove the staging directory."""
        self._file_system.remove_directory(self.path)
        self._file_system.sync_directory(self._directory)

    def release(self) -> None:
        """Let the directory go."""
        self._lock.release()
