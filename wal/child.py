"""A job in a process of its own: started, asked, listened to; it ends when this process does."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import msgspec

from wal import child_main
from wal.archive import ArchiveJob, Written
from wal.child_job import Answer, Failure
from wal.compaction import Compacted, Job
from wal.errors import CompactionError
from wal.segment import first_sequence

MODULE = ("-P", "-m", child_main.__name__)
"""What the interpreter is given to be a child."""
_END_SECONDS = 2.0
_KILLED_SECONDS = 1.0
_SHOWN_BYTES = 200


async def compact_in_child(job: Job, command: Sequence[str] | None = None) -> Compacted:
    """Make a snapshot.

    Args:
        job: What to do.
        command: Starts the process; this interpreter by default.

    Raises:
        CompactionError: It failed, or the process was killed.
    """
    async with _child(job, command) as child:
        answer = await _answer(child)
    if not isinstance(answer, Compacted):
        raise CompactionError(f"The compaction failed: {answer}")
    return answer


async def archive_in_child(job: ArchiveJob, command: Sequence[str] | None = None) -> AsyncGenerator[int, None]:
    """Write what segments are archived as; yields the first sequence of each once it is written.

    Args:
        job: What to do.
        command: Starts the process; this interpreter by default.

    Raises:
        CompactionError: It failed, or the process was killed.
    """
    async with _child(job, command) as child:
        for segment in job.segments:
            answer = await _answer(child)
            if not isinstance(answer, Written) or answer.first != first_sequence(Path(segment).name):
                raise CompactionError(f"Archiving {segment} failed: {answer}")
            yield answer.first


@contextlib.asynccontextmanager
async def _child(job: Job | ArchiveJob, command: Sequence[str] | None) -> AsyncIterator[asyncio.StreamReader]:
    """Start a process, give it a job, and yield what it says; it is gone when this ends."""
    # In a group of its own: a terminal that interrupts the server does not interrupt it under its hands. Not in a
    # session of its own: the scheduler may then give it a share of its own, in which its low priority is worth nothing.
    process = await asyncio.create_subprocess_exec(
        *(command or (sys.executable, *MODULE)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process that was started with pipes has them")
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        yield process.stdout
    finally:
        await _end(process, process.stdin)


async def _end(process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter) -> None:
    """Have a process end: by the end of its input, or, if it is stopped or hangs, by SIGKILL."""
    # Whatever it still does, its files are temporary.
    stdin.close()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # One that hangs in the kernel ends with the disk's answer; nobody waits for that.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILLED_SECONDS):
                await process.wait()


async def _answer(child: asyncio.StreamReader) -> Compacted | Written | str:
    """Return what came of the next part of a job, or why nothing did."""
    try:
        line = await child.readline()
    except ValueError as error:
        return f"its process said too much ({error})"
    if not line.endswith(b"\n"):
        return "its process ended without an answer."
    try:
        answer: Answer = msgspec.json.decode(line, type=Answer)
    except msgspec.MsgspecError as error:
        return f"its process said {line[:_SHOWN_BYTES]!r}, which is no answer ({error})"
    return answer.error if isinstance(answer, Failure) else answer
