"""A job in a process of its own: started, asked, listened to; it ends when this process does."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator

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
    async with _child(job) as child:
        answer = await _answer(child)
    if not isinstance(answer, Compacted):
        raise CompactionError(f"The compaction failed: {answer}")
    return answer


async def archive_in_child(job: ArchiveJob) -> AsyncGenerator[int, None]:
    """Write what segments are archived as; yields the first sequence of each once it is written.

    Raises:
        CompactionError: It failed, or the process was killed.
    """
    async with _child(job) as child:
        for segment in job.segments:
            answer = await _answer(child)
            if not isinstance(answer, Written):
                raise CompactionError(f"Archiving {segment} failed: {answer}")
            yield answer.first


@contextlib.asynccontextmanager
async def _child(job: Job | ArchiveJob) -> AsyncIterator[asyncio.StreamReader]:
    """Start a process, give it a job, and yield what it says; it is gone when this ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wal.child_main"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process that was started with pipes has them")
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        yield process.stdout
    finally:
        # It ends when its input does, at the latest; whatever it still does then, its files are temporary.
        process.stdin.close()
        await process.wait()


async def _answer(child: asyncio.StreamReader) -> Compacted | Written | str:
    """Return what came of the next part of a job, or why nothing did."""
    line = await child.readline()
    if not line.endswith(b"\n"):
        return "its process ended without an answer."
    answer: Answer = msgspec.json.decode(line, type=Answer)
    return answer.error if isinstance(answer, Failure) else answer
