"""A job in a child process of the server: read from standard input, carried out, told of on standard output."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from wal.archive import ArchiveJob, Written, write_archived
from wal.compaction import Compacted, Job, compact
from wal.file_system import FileSystem
from wal.pacing import PacedFileSystem


class Failure(msgspec.Struct, frozen=True, tag="failed"):
    """Why nothing came of the job."""

    error: str


Answer = Compacted | Written | Failure


def carry_out(file_system: FileSystem, job: Job | ArchiveJob) -> Iterator[Compacted | Written]:
    """Do what is asked, and tell of each part of it: the snapshot, or each segment.

    Raises:
        WalError: What is read does not verify, or what was written does not.
        OSError: The disk refused.
    """
    if isinstance(job, Job):
        yield compact(file_system, job)
        return
    for segment in job.segments:
        yield write_archived(file_system, Path(segment), Path(job.directory))


def main() -> NoReturn:
    """Read a job, write what came of its parts to standard output, a line each; end when the input is closed."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        # The server was gone before it had asked for anything.
        os._exit(1)
    job: Job | ArchiveJob = msgspec.json.decode(line, type=Job | ArchiveJob)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    code = 0
    for answer in _answers(job):
        try:
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Nobody is there any more to be told.
            os._exit(1)
        except OSError as error:
            # The server learns of it by the end: what was done has temporary names, and is done again.
            sys.stderr.write(f"annolog: a compaction cannot tell its server what came of it: {error}.\n")
            sys.stderr.flush()
            os._exit(1)
        code = int(isinstance(answer, Failure))
    # Not an ordinary exit: the watching thread sits in a read that ends only with the server.
    os._exit(code)


def _answers(job: Job | ArchiveJob) -> Iterator[Answer]:
    try:
        yield from carry_out(PacedFileSystem(), job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the server can only be told
        # Not raised: the interpreter's ordinary end would wait for the watching thread, and abort.
        yield Failure(f"{type(error).__name__}: {error}")


def _end_with_the_server() -> None:
    # The server holds the other end and never writes again: an end of file means that it is gone.
    sys.stdin.buffer.read()
    os._exit(1)
