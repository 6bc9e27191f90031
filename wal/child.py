"""A job in a process of its own: started, asked, waited for; it ends when this process does."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from wal.archive import ArchiveJob, Written
from wal.child_main import Answer, Failure
from wal.compaction import Compacted, Job
from wal.errors import CompactionError


async def compact_in_child(job: Job) -> Compacted:
    """Make a snapshot.

    Raises:
        CompactionError: It failed, or the process was killed.
    """
    answer = await _ask(job)
    if not isinstance(answer, Compacted):
        raise CompactionError(f"The compaction failed: {answer}")
    return answer


async def archive_in_child(job: ArchiveJob) -> None:
    """Write what a segment is archived as.

    Raises:
        CompactionError: It failed, or the process was killed.
    """
    answer = await _ask(job)
    if not isinstance(answer, Written):
        raise CompactionError(f"Archiving {job.segment} failed: {answer}")


async def _ask(job: Job | ArchiveJob) -> Compacted | Written | str:
    """Return what came of a job, or why nothing did."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wal.child_main"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process that was started with pipes has them")
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        line = await process.stdout.readline()
    finally:
        process.stdin.close()
        code = await _ended(process)
    if not line.endswith(b"\n"):
        return f"its process ended with code {code} and no answer."
    answer: Answer = msgspec.json.decode(line, type=Answer)
    return answer.error if isinstance(answer, Failure) else answer


async def _ended(process: asyncio.subprocess.Process) -> int:
    if process.returncode is None:
        # It has answered, or the server stops: nothing it still does matters, its files are temporary.
        process.kill()
    return await process.wait()
