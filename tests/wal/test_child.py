"""Processes that should carry out a job, and do something else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from wal.archive import ArchiveJob, Written
from wal.child import MODULE, archive_in_child, compact_in_child
from wal.compaction import Job
from wal.errors import CompactionError

JOB = Job(None, [], "/nowhere/x.tmp", 1, {})
_READ = "import os, signal, sys; sys.stdin.readline();"


def command(does: str) -> Sequence[str]:
    """Return a command that takes its job, and then does something."""
    return sys.executable, "-c", f"{_READ}{does}"


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("print('hello')", "said b'hello"),
        ("print('{}')", "which is no answer"),
        ("print('x' * 100_000)", "said too much"),
        ("sys.stdout.write('x' * 100_000); sys.stdout.flush(); sys.stdin.read()", "said too much"),
        ("sys.stdout.write('{')", "without an answer"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "without an answer"),
    ],
)
async def test_what_is_no_answer_is_a_failed_compaction(does: str, told: str) -> None:
    """Garbage, too much of it, half a line, nothing; and nothing is left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(CompactionError, match=told):
        await compact_in_child(JOB, command(does))
    await asyncio.sleep(0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_child_that_is_stopped_does_not_keep_the_server_from_ending() -> None:
    """It is killed when it has not ended a little after its input has."""
    begin = time.monotonic()
    running = asyncio.create_task(compact_in_child(JOB, command("os.kill(os.getpid(), signal.SIGSTOP)")))
    await asyncio.sleep(0.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begin < 8
    # On a busy machine the kernel may take longer than the server waits.
    async with asyncio.timeout(20):
        while any("SIGSTOP" in Path(f"/proc/{pid}/cmdline").read_text() for pid in children()):
            await asyncio.sleep(0.05)


def children() -> list[str]:
    """Return the processes that this one has started and that are there."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in found if Path(f"/proc/{pid}/cmdline").exists()]


async def test_the_archive_takes_no_other_segment_than_was_asked_for(tmp_path: Path) -> None:
    """What goes from the log next is what the child was asked to write."""
    answer = msgspec.json.encode(Written(7)).decode()
    job = ArchiveJob([str(tmp_path / f"{1:020d}.wal")], str(tmp_path))
    with pytest.raises(CompactionError, match="Written"):
        await anext(archive_in_child(job, command(f"print({answer!r})")))


async def test_a_terminal_that_interrupts_the_server_does_not_reach_its_child() -> None:
    """It is in a group of its own."""
    with pytest.raises(CompactionError, match="said b'True"):
        await compact_in_child(JOB, command("print(os.getpgid(0) == os.getpid())"))


async def test_whatever_a_child_trips_over_is_told_and_it_ends_in_order() -> None:
    """Also what is neither an error of the engine nor of the disk: no abort, no core dump."""
    job = Job(None, ["/nowhere/\0.wal"], "/nowhere/x.tmp", 1, {})
    process = subprocess.Popen(
        (sys.executable, *MODULE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    process.stdin.flush()
    assert b"ValueError" in await asyncio.to_thread(process.stdout.readline)
    assert await asyncio.to_thread(process.wait, 30) == 1
    assert process.communicate()[1] == b""


def test_a_child_gives_way_before_it_imports_what_takes_time() -> None:
    """What its module needs is the standard library's, and is there in a moment."""
    source = "import sys, wal.child_main; sys.exit('msgspec' in sys.modules or 'wal.compaction' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], timeout=30, check=False).returncode == 0
