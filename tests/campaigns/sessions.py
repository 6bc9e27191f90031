"""Processes of a campaign: each in a session of its own, with a bounded time, and nothing left of it afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_MEMORY = Path("/dev/shm")  # noqa: S108 - a root of temporary directories, not a file with a known name


class Ended(NamedTuple):
    """How a process ended; `code` is None if it took too long and was killed; `session` was its own."""

    code: int | None
    output: str
    errors: str
    seconds: float
    session: int


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def end(session: int) -> None:
    """Kill what is left of a session that we began.

    What is traced goes first: a process of a guest kernel whose tracer has died asks this machine's kernel next.
    """
    _send(members(session), signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while (left := members(session)) and time.monotonic() < deadline:
        _send([pid for pid in left if _is_traced(pid)] or left, signal.SIGKILL)
        time.sleep(0.005)


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_traced(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    return False


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put off SIGINT and SIGTERM until the end of the block, so that what is begun or removed in it is so wholly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda came, _: caught.append(came)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


@contextlib.contextmanager
def started(
    command: Sequence[str], directory: Path, *, environment: Mapping[str, str] | None = None, talk: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a session of its own; its output goes to `directory`/output and errors; end what is left."""
    process = None
    try:
        with undisturbed(), (directory / "output").open("wb") as output, (directory / "errors").open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=ROOT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            )
        yield process
    finally:
        if process is not None:
            with undisturbed():
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    end(process.pid)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def told(directory: Path) -> tuple[str, str]:
    """Return output and errors of what was started there."""
    return (directory / "output").read_text(errors="replace"), (directory / "errors").read_text(errors="replace")


def run(
    command: Sequence[str], directory: Path, seconds: float, *, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run a process to its end."""
    begin = time.monotonic()
    with started(command, directory, environment=environment) as process:
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(seconds)
    return Ended(code, *told(directory), time.monotonic() - begin, process.pid)


@contextlib.contextmanager
def scratch(*, on_disk: bool = False) -> Iterator[Path]:
    """Give a directory that is removed afterwards: in memory, because a kill does not care, or on the disk."""
    path = None
    try:
        with undisturbed():
            root = None if on_disk or not _MEMORY.is_dir() else _MEMORY
            path = Path(tempfile.mkdtemp(prefix="annolog-drill-", dir=root))
        yield path
    finally:
        if path is not None:
            with undisturbed():
                shutil.rmtree(path)
