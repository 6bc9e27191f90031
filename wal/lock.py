"""One writer: the LOCK file, which is held by flock, never unlinked, and counts the openings of the directory.

It holds one line of JSON and one with its CRC32C, in hexadecimal.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from wal.errors import DirectoryLockedError
from wal.file_system import File, FileSystem
from wal.record import crc32c

LOCK_NAME = "LOCK"
# One sector, so that a crash leaves the old content or the new.
_LOCK_BYTES = 512
_CHECKSUM_DIGITS = 8


class Holder(msgspec.Struct, frozen=True):
    """What LOCK tells.

    Attributes:
        pid: Of the process that opened the directory last.
        host: Its machine.
        epoch: How many times the directory has been opened.
        log_id: Of the log in hex, empty before there is one.
    """

    pid: int = 0
    host: str = "an unknown host"
    epoch: int = 0
    log_id: str = ""


class DirectoryLock:
    """A held data directory.

    Args:
        file: LOCK, already locked.
        holder: What the last holder left there.
    """

    def __init__(self, file: File, holder: Holder) -> None:
        self._file = file
        self.last = holder

    @classmethod
    def take(cls, file_system: FileSystem, directory: Path) -> DirectoryLock:
        """Hold a directory.

        Raises:
            DirectoryLockedError: Another process holds it.
            OSError: The disk refused; the directory is free again.
        """
        path = directory / LOCK_NAME
        try:
            file = file_system.lock(path)
        except BlockingIOError:
            holder = last_holder(file_system, directory) or Holder()
            raise DirectoryLockedError(path, f"process {holder.pid} on {holder.host}") from None
        try:
            return cls(file, read_holder(file))
        except BaseException:
            # Whoever opens it again in this process would find it held, by nobody.
            file.close()
            raise

    def write(self, epoch: int, log_id: bytes) -> None:
        """Make known who holds the directory, durably."""
        holder = Holder(os.getpid(), socket.gethostname(), epoch, log_id.hex())
        content = msgspec.json.encode(holder)
        self._file.write_at(0, (b"%b\n%08x\n" % (content, crc32c(content))).ljust(_LOCK_BYTES, b"\n"))
        self._file.sync()

    def release(self) -> None:
        """Let the directory go."""
        self._file.close()


def last_holder(file_system: FileSystem, directory: Path) -> Holder | None:
    """Return who has held a directory last, None if there is no LOCK; whoever holds it now is not disturbed."""
    if LOCK_NAME not in file_system.list(directory):
        return None
    file = file_system.open(directory / LOCK_NAME)
    try:
        return read_holder(file)
    finally:
        file.close()


def read_holder(file: File) -> Holder:
    """Return what LOCK tells; of one that is new or does not verify, a holder that is not known."""
    content, _, rest = file.read_at(0, _LOCK_BYTES).partition(b"\n")
    if rest[:_CHECKSUM_DIGITS] != b"%08x" % crc32c(content):
        # New, or unreadable: the epoch is found in the segments too, and the lock itself is the kernel's.
        return Holder()
    try:
        return msgspec.json.decode(content, type=Holder)
    except msgspec.MsgspecError:
        # Nothing, whose checksum is zero: a line that was cut may look like that.
        return Holder()
