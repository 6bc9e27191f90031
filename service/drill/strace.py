"""System calls of a running process that fail, by strace."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from service.drill.processes import tracer_of

_ATTACH_SECONDS = 10.0
_POLL_SECONDS = 0.01


class InjectionError(Exception):
    """Strace cannot be attached."""


@contextlib.asynccontextmanager
async def failing(pid: int, call: str, error: str, path: Path | None = None) -> AsyncIterator[None]:
    """Have a system call of a process, in all its threads, fail until the block ends.

    Args:
        pid: Of the process.
        call: The system call's name.
        error: The errno's name.
        path: Only calls that use this file.

    Raises:
        InjectionError: Strace cannot be attached.
    """
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:error={error}", *([] if path is None else ["-P", str(path)]), "-p", str(pid)]
    tracer = _start(command)
    try:
        await _attached(tracer, pid)
        yield
    finally:
        # It lets go of the process when it is asked to end.
        tracer.terminate()
        await asyncio.to_thread(tracer.communicate)


async def why_not() -> str:
    """Return why strace cannot be used on this machine, and what to do; empty if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: install the package strace"
    probe = _start([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        async with failing(probe.pid, "fdatasync", "EIO"):
            return ""
    except InjectionError as error:
        return f"{error}: run as root, allow ptrace (sysctl kernel.yama.ptrace_scope=0), or give CAP_SYS_PTRACE"
    finally:
        probe.kill()
        await asyncio.to_thread(probe.communicate)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - strace, and a process to try it on
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0
    )


async def _attached(tracer: subprocess.Popen[bytes], pid: int) -> None:
    deadline = time.monotonic() + _ATTACH_SECONDS
    # A process that has ended met its fault at once; if it did not, its exit code will tell.
    while tracer_of(pid) not in (tracer.pid, None):
        if tracer.poll() is not None and tracer_of(pid) is not None:
            said = b"" if tracer.stderr is None else tracer.stderr.read()
            raise InjectionError(f"strace cannot attach ({said.decode(errors='replace').strip()})")
        if time.monotonic() > deadline:
            raise InjectionError(f"strace has not attached to process {pid} within {_ATTACH_SECONDS} s")
        await asyncio.sleep(_POLL_SECONDS)
