"""What runs in a child process of the server, at low priority: one job, read from standard input.

Run as ``python -m wal.child_main``. It inherits no descriptor, changes no file that the server knows, and ends when its
input does, that is, with the server.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

import msgspec

from wal.archive import ArchiveJob, Written, write_archived
from wal.compaction import Compacted, Job, compact
from wal.errors import WalError
from wal.file_system import FileSystem, RealFileSystem

_NICENESS = 19


class Failure(msgspec.Struct, frozen=True, tag="failed"):
    """Why nothing came of the job."""

    error: str


Answer = Compacted | Written | Failure


def carry_out(file_system: FileSystem, job: Job | ArchiveJob) -> Compacted | Written:
    """Do what is asked.

    Raises:
        WalError: What is read does not verify, or what was written does not.
        OSError: The disk refused.
    """
    if isinstance(job, Job):
        return compact(file_system, job)
    return write_archived(file_system, Path(job.segment), Path(job.directory))


def main() -> NoReturn:
    """Read a job, write what came of it to standard output; end when the input is closed."""
    os.nice(_NICENESS)
    job: Job | ArchiveJob = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job | ArchiveJob)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        answer: Answer = carry_out(RealFileSystem(), job)
    except (WalError, OSError) as error:
        answer = Failure(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()
    # Not an ordinary exit: the watching thread sits in a read that ends only with the server.
    os._exit(1 if isinstance(answer, Failure) else 0)


def _end_with_the_server() -> None:
    # The server holds the other end and never writes again: an end of file means that it is gone.
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
