"""What a process does not to be in the way of the server, of its clients and of others on the machine.

A low priority alone is not enough: who is to be woken may have to wait for some milliseconds until the process that
runs has used its slice up, whatever its share, and a request is woken several times. So it runs in the scheduler's idle
class: whoever else is woken has the processor at once. The kernel lets a process into that class, but not out of it
without `CAP_SYS_NICE` or an `RLIMIT_NICE` of 1. Who could not leave it stays outside, with the lowest priority alone:
that has 15 parts of the time where a server has 1,024, and who is woken may wait for it.

Where all processors are needed that is not enough either: while it runs on one of them, the scheduler may leave the
server and a client waiting for each other on another one for a tenth of a second, because none looks idle. So once the
server has to wait, it moves to the server's own processor for a moment and takes what that leaves; the one that it
leaves looks idle then, and draws over who waits. And beside a busy server it rests after each half of a millisecond for
as long as it has used a processor. All of it is measured in `docs/performance.md`.

Where memory ends the kernel kills it before it kills the server: what it does can be done again.

Who only gives way may never get on: that ends after some minutes, or when too little is left to take. Only the standard
library is imported, because a process should give way before it imports more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import NamedTuple

_NICENESS = 19
_KILLED_FIRST = b"1000"
_ROUND_SECONDS = 1.0
_IDLE_ROUNDS, _IDLE_ROUNDS_MAX = 60, 300
_LEAST_SHARE = 0.03
"""Of the time in which it could run: with less it hardly gets on."""
_LOOK_SECONDS = 0.005
_WAITED_SHARE = 0.2
"""Of the time since the last look: with more the server is held up."""
_STAY_SECONDS = 0.03
_PROCESSOR_FIELD = 36
_BUSY_SHARE = 0.5
"""Of a processor: beside a server that uses more it rests."""
_RUN_SECONDS = 0.0005


class Round(NamedTuple):
    """What came of a second of making room.

    Attributes:
        share: That this process had of the time in which it could run, 1 if it never waited.
        server: The share of a processor that the server has used.
    """

    share: float
    server: float


class Rests:
    """The rests of the main thread, from a signal that interrupts it between two steps of the interpreter.

    Attributes:
        are_wanted: Each takes as long as what was used since the one before; otherwise no time.
        are_over: There are no more.
    """

    def __init__(self) -> None:
        self.are_wanted = False
        self.are_over = False
        self._used = time.thread_time()

    def begin(self) -> None:
        """Have the first one come."""
        signal.signal(signal.SIGALRM, lambda *_: self.take())
        signal.setitimer(signal.ITIMER_REAL, _RUN_SECONDS)

    def take(self) -> None:
        """Rest, and have the next one come."""
        if self.are_over:
            return
        if self.are_wanted:
            time.sleep(time.thread_time() - self._used)
        self._used = time.thread_time()
        signal.setitimer(signal.ITIMER_REAL, _RUN_SECONDS)


def give_way(server: int) -> None:
    """Use a processor only while nobody else wants it; after some minutes take the smallest share, so as to get on.

    It is for the main thread of a process, which SIGALRM interrupts from then on, and which ends by `os._exit`: an
    interpreter that shuts down lets go of its handlers, and the next rest would kill it.

    Args:
        server: The process that must not wait for this one.
    """
    # A sandbox may allow neither of the two; the job is done all the same.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(_KILLED_FIRST)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    is_idle = _may_be_idle_and_leave()
    if is_idle:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    rests = Rests()
    rests.begin()
    threading.Thread(target=_stay_low, args=(os.getpid(), server, rests, is_idle), daemon=True).start()


def _may_be_idle_and_leave() -> bool:
    """Tell if this process could leave the idle class again: a thread tries it, which is in no class when it has ended.

    Limits and capabilities do not tell: those of a container may count for nothing outside it.
    """
    passed: list[int] = []

    def enter_and_leave() -> None:
        with contextlib.suppress(OSError):
            for policy in (os.SCHED_IDLE, os.SCHED_OTHER):
                os.sched_setscheduler(0, policy, os.sched_param(0))
                passed.append(policy)

    trying = threading.Thread(target=enter_and_leave)
    trying.start()
    trying.join()
    return os.SCHED_OTHER in passed


def _stay_low(own: int, server: int, rests: Rests, is_idle: bool) -> None:
    allowed = os.sched_getaffinity(own)
    for number in range(1, _IDLE_ROUNDS_MAX + 1):
        made = make_room(own, server, allowed)
        rests.are_wanted = made.server > _BUSY_SHARE
        if number >= _IDLE_ROUNDS and made.share < _LEAST_SHARE:
            break
    rests.are_over = True
    if is_idle:
        os.sched_setscheduler(own, os.SCHED_OTHER, os.sched_param(0))


def make_room(own: int, server: int, allowed: set[int]) -> Round:
    """For a second, keep a thread on the server's processor whenever the server has had to wait for one.

    Args:
        own: The thread that makes room.
        server: The server's thread that matters, the first of its process.
        allowed: The processors that `own` may use otherwise, and again in the end.

    Returns:
        What both had of it.
    """
    began, begin = ran_and_waited(own), time.monotonic()
    server_ran, waited = ran_and_waited(server)
    now, stays, kept, end = begin, 0.0, allowed, begin + _ROUND_SECONDS
    try:
        while now < end:
            time.sleep(_LOOK_SECONDS)
            before, since = waited, now
            (_, waited), now = ran_and_waited(server), time.monotonic()
            if waited - before > _WAITED_SHARE * (now - since):
                stays = now + _STAY_SECONDS
            wanted = {processor_of(server)} if now < stays else allowed
            if wanted != kept:
                os.sched_setaffinity(own, wanted)
                kept = wanted
    except (OSError, ValueError, IndexError):
        # The server is gone, or hidden, or runs where this process may not: then there is nothing to be done for it.
        time.sleep(max(0.0, end - now))
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(own, allowed)
    ran, missed = (after - then for after, then in zip(ran_and_waited(own), began, strict=True))
    used = (ran_and_waited(server)[0] - server_ran) / (time.monotonic() - begin)
    return Round(ran / (ran + missed) if missed > 0 else 1.0, used)


def processor_of(process: int) -> int:
    """Return the processor that a process's first thread is on.

    Raises:
        OSError: There is no such process, or it cannot be seen.
    """
    told = Path(f"/proc/{process}/task/{process}/stat").read_bytes()
    # The name stands in brackets, and may hold some.
    return int(told.rpartition(b")")[2].split()[_PROCESSOR_FIELD])


def ran_and_waited(process: int) -> tuple[float, float]:
    """Return for how many seconds a process's first thread has run, and has waited for a processor.

    They are zeros where nobody counts them, or they cannot be seen.
    """
    try:
        told = Path(f"/proc/{process}/task/{process}/schedstat").read_text(encoding="ascii").split()
        return int(told[0]) / 1e9, int(told[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
