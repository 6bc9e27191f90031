"""Other processes, as /proc tells of them."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_PARENT = 1
_STATE = 0


class Child(NamedTuple):
    """A process: its number and its command line."""

    pid: int
    command: str


def children_of(pid: int) -> list[Child]:
    """Return the processes that a process has started and that run."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            # Each of them may end while it is looked at.
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[_PARENT]) == pid and fields[_STATE] != "Z":
                    found.append(Child(int(entry.name), _command(entry)))
    return found


class Held:
    """A process that is signalled through a descriptor: its number may be another one's soon.

    Args:
        descriptor: Of the process.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, pid: int, parent: int) -> Held | None:
        """Hold a process, or a child of it; returns None if it has ended, or is another one's by now."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        # In this order: what is held now cannot become another one, so it is the one that is looked at.
        if pid != parent and pid not in (child.pid for child in children_of(parent)):
            os.close(descriptor)
            return None
        return cls(descriptor)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; tells if the process was still there."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)


def tracer_of(pid: int) -> int | None:
    """Return the process that traces another one, 0 if none does, None if that one has ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("TracerPid:")), 0)


def is_available() -> bool:
    """Tell if this machine has what this module reads."""
    return (_PROC / "self" / "stat").exists()


def _command(entry: Path) -> str:
    return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
