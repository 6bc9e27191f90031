"""What strace is asked, and what it tells: which calls a process makes, and an injection into one of them.

A point is one call of one process: its name, the file that it touches and the how-manieth it is. Occurrences are
counted a thread, as strace does when it injects.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "rename", "unlink", "openat", "mkdir", "sendmsg", "sendto")
"""The calls by which a process changes what others see: files, directories, and what it says to its children."""
ONCE, FOR_GOOD, A_WHILE = "", "+", ".."
_WHILE = 3
_BY_DESCRIPTOR = ("pwrite64", "write", "fdatasync", "fsync", "sendmsg", "sendto")
_LINE = re.compile(r"^\d+ +(\w+)\((.*)$")
_DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Point(NamedTuple):
    """One call.

    Attributes:
        call: Its name.
        path: Relative to the data directory, None for what is no file there (a socket, a pipe).
        number: How many calls of this name and path the thread has made, this one included.
    """

    call: str
    path: str | None
    number: int

    def __str__(self) -> str:
        """Return it for a reader."""
        return f"{self.call} {self.number} of {self.path or 'anything'}"


class Injection(NamedTuple):
    """What happens at a point: ``signal=KILL`` or ``error=EIO``, and how often."""

    point: Point
    effect: str
    times: str = ONCE


def points(lines: Iterable[str], directory: Path) -> list[Point]:
    """Return every call of `CALLS` that a trace with ``-f -y`` tells of, in the order of their first occurrence.

    An ``openat`` counts only for a path that is created once at least.
    """
    counts: Counter[tuple[str, str, str | None]] = Counter()
    created: set[str | None] = set()
    found: dict[Point, None] = {}
    for line in lines:
        parsed = _LINE.match(line)
        if parsed is None or parsed[1] not in CALLS:
            continue
        call, path = parsed[1], _path(parsed[1], parsed[2], directory)
        if call == "openat" and "O_CREAT" in line:
            created.add(path)
        # Without a path strace counts every call of this name, so this does too.
        thread = line.split(None, 1)[0]
        for place in {path, None}:
            counts[thread, call, place] += 1
        found[Point(call, path, counts[thread, call, path])] = None
    return [one for one in found if one.call != "openat" or (one.path in created and one.path is not None)]


def _path(call: str, arguments: str, directory: Path) -> str | None:
    named = _DESCRIPTOR.match(arguments) if call in _BY_DESCRIPTOR else _NAME.search(arguments)
    if named is None:
        return None
    path = Path(named[1])
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else None


def watching(output: Path, *, own: bool) -> list[str]:
    """Return a command that traces another; `own`: only its threads, not the processes that it starts."""
    return [*_command(output, own=own, fast=True), "-y", "-e", f"trace={','.join(CALLS)}"]


def injecting(output: Path, injection: Injection, directory: Path, *, own: bool) -> list[str]:
    """Return a command that does harm to another at one point."""
    point = injection.point
    path = [] if point.path is None else ["-P", str(directory / point.path)]
    when = f"{point.number}{injection.times}"
    if injection.times == A_WHILE:
        when += str(point.number + _WHILE)
    inject = f"inject={point.call}:{injection.effect}:when={when}"
    return [
        *_command(output, own=own, fast="signal=" not in injection.effect),
        *path,
        "-e",
        f"trace={point.call}",
        "-e",
        inject,
    ]


def _command(output: Path, *, own: bool, fast: bool) -> list[str]:
    # The filter in the kernel makes calls that are not traced as fast as without, but it cannot let go of a child, and
    # a signal that is sent where it stops a process never comes.
    ways = ["-b", "execve"] if own else ["--seccomp-bpf"] if fast else []
    return ["strace", "-f", *ways, "-q", "-e", "signal=none", "-A", "-o", str(output)]


def was_carried_out(output: Path) -> bool:
    """Tell from what strace wrote if an injection took place: an error is marked, a killed call has no result."""
    lines = output.read_text(errors="replace").splitlines() if output.exists() else []
    return any("(INJECTED)" in line or line.endswith(("= ?", "<unfinished ...>")) for line in lines)


def launcher(path: Path, command: Sequence[str], only: str) -> Path:
    """Write a program that runs Python, under `command` if one of its arguments contains `only`."""
    quoted = " ".join(f"'{part}'" for part in command)
    chosen = f'case "$*" in\n*{only}*) exec {quoted} {sys.executable} "$@";;\nesac\n'
    path.write_text(f'#!/bin/sh\n{chosen}exec {sys.executable} "$@"\n')
    path.chmod(0o700)
    return path
