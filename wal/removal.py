"""Large files give their blocks back in pieces, so that the syncs of the log do not wait behind that.

A file system that is mounted with `discard` tells the device of every block that has become free, and a journal's
commit with many of them holds up all syncs. Measured on ext4, 400 MB removed at once: syncs of 33 to 53 ms; in pieces
of 8 MiB: 3 to 4 ms.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

PIECE_BYTES = 4 * 1024 * 1024
REST_SECONDS = 0.005


def remove(path: Path, *, rest: Callable[[float], None] = time.sleep) -> None:
    """Remove a file; it blocks for about a millisecond for each megabyte.

    The name goes first and at once, so a crash leaves the file or nothing. Its content is cut from its end only if
    nobody else can see it: not under another name, and not in a process that has it open, which may read all of it.

    Args:
        path: Of the file.
        rest: Called between two pieces with the seconds to rest.

    Raises:
        OSError: It cannot be removed, or is not there.
    """
    is_large = stat.S_ISREG((status := path.lstat()).st_mode) and status.st_size > PIECE_BYTES
    descriptor = _open(path) if is_large else None
    if descriptor is None:
        path.unlink()
        return
    try:
        path.unlink()
        if _is_alone(descriptor):
            for size in range(os.fstat(descriptor).st_size - PIECE_BYTES, 0, -PIECE_BYTES):
                os.ftruncate(descriptor, size)
                rest(REST_SECONDS)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        # Who may not open a file may still remove it, at once: that is for `unlink` to say.
        return None


def _is_alone(descriptor: int) -> bool:
    """Tell if a file without a name is open here only: the kernel leases it to nobody else's disadvantage."""
    if os.fstat(descriptor).st_nlink:
        return False
    try:
        # When another one opens the file the kernel signals who holds the lease: with SIGIO, unless told otherwise,
        # which would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        # Open or mapped elsewhere, or a file system without leases: it is freed when the last one closes it.
        return False
    return True
