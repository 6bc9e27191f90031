"""Other processes, as /proc tells of them."""

from __future__ import annotations

import contextlib
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
