"""The faults that a drill can inject. To add one: write its strike, and give it a row here.

A disk that lies is not among them: a process that is killed does not take the page cache with it, so nothing of what
was written and not synced would be lost.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from service.drill import processes, strace, strikes
from service.drill.scene import Scene

KILLED = -9
_POISONED = frozenset({"outcome-unknown", "log-failed", "shutting-down"})
_STOPPED = frozenset({"shutting-down"})


class Need(NamedTuple):
    """What the machine must have.

    Attributes:
        what: In a few words.
        why_not: Returns why it is not there and what to do, empty if it is.
    """

    what: str
    why_not: Callable[[], Awaitable[str]]


class Fault(NamedTuple):
    """A row of the table.

    Attributes:
        name: In `--faults`.
        does: In a few words.
        strike: Does it; the server is gone afterwards.
        exits: The codes with which the server may have ended.
        problems: That requests may be answered with meanwhile.
        needs: What the machine must have.
    """

    name: str
    does: str
    strike: Callable[[Scene], Awaitable[None]]
    exits: frozenset[int]
    problems: frozenset[str] = frozenset()
    needs: tuple[Need, ...] = ()


class UnknownFaultError(Exception):
    """There is no such fault."""


class UnavailableFaultError(Exception):
    """This machine cannot inject a fault."""


async def _linux() -> str:
    if sys.platform == "linux" and processes.is_available():
        return ""
    return f"this machine is {sys.platform} without /proc: run the drill on Linux"


LINUX = Need("Linux with /proc", _linux)
STRACE = Need("strace, and leave to trace one's own processes", strace.why_not)
_KILLED, _ENDED, _STOPS = frozenset({KILLED}), frozenset({1}), frozenset({0})
_TABLE = (
    Fault("kill", "SIGKILL at a random moment", strikes.kill, _KILLED),
    Fault("kill-in-start", "SIGKILL, and again in the recovery after it", strikes.kill_in_start, _KILLED),
    Fault(
        "kill-writer",
        "SIGKILL to the process that writes the log",
        strikes.kill_writer,
        _ENDED,
        _POISONED,
        (LINUX,),
    ),
    Fault(
        "kill-compaction",
        "SIGKILL to a compaction, or to the server during one",
        strikes.kill_compaction,
        _KILLED,
        needs=(LINUX,),
    ),
    Fault("term", "SIGTERM under load", strikes.term, _STOPS, _STOPPED),
    Fault("term-kill", "SIGTERM, and SIGKILL a little later", strikes.term_kill, _KILLED | _STOPS, _STOPPED),
    Fault(
        "pause",
        "SIGSTOP to the server or its writer, SIGCONT, later SIGKILL",
        strikes.pause,
        _KILLED,
        needs=(LINUX,),
    ),
    Fault(
        "size-limit",
        "the zero-fill of the next segment fails for a while (EFBIG)",
        strikes.size_limit,
        _KILLED,
        frozenset({strikes.NO_ROOM}),
        (LINUX,),
    ),
    Fault(
        "disk-full",
        "the next segment cannot be made for a while (ENOSPC)",
        strikes.disk_full,
        _KILLED,
        frozenset({strikes.NO_ROOM}),
        (LINUX, STRACE),
    ),
    Fault(
        "sync-error",
        "fdatasync of the log fails (EIO)",
        strikes.failing_writer("fdatasync", "EIO"),
        _ENDED,
        _POISONED,
        (LINUX, STRACE),
    ),
    Fault(
        "write-error",
        "a write of the log fails (EIO)",
        strikes.failing_writer("pwrite64", "EIO"),
        _ENDED,
        _POISONED,
        (LINUX, STRACE),
    ),
)
FAULTS = {fault.name: fault for fault in _TABLE}
ALL = "all"
DEFAULT = ",".join(fault.name for fault in _TABLE if STRACE not in fault.needs)


async def chosen(names: str) -> list[Fault]:
    """Return the faults of a comma-separated list; `all` stands for every one.

    Raises:
        UnknownFaultError: One is not in the table.
        UnavailableFaultError: This machine cannot inject one; each is named, with what it needs.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if wanted == [ALL]:
        wanted = list(FAULTS)
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown or not wanted:
        found = ", ".join(map(repr, unknown)) or "nothing"
        raise UnknownFaultError(f"{found} found, expected one or more of {', '.join(FAULTS)}, or {ALL}.")
    faults = [FAULTS[name] for name in wanted]
    missing = await unavailable(faults)
    if missing:
        told = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise UnavailableFaultError(f"This machine cannot inject what was asked for. {told}.")
    return faults


async def unavailable(faults: Iterable[Fault]) -> dict[str, str]:
    """Return the names of those that this machine cannot inject, each with the reason."""
    reasons: dict[Need, str] = {}
    missing: dict[str, str] = {}
    for fault in faults:
        for need in fault.needs:
            if need not in reasons:
                reasons[need] = await need.why_not()
            if reasons[need]:
                missing[fault.name] = reasons[need]
    return missing
