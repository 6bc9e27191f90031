"""A child of the server gives way, and gets on all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from wal import low_priority
from wal.child import MODULE
from wal.low_priority import Rests, Round, make_room, processor_of, ran_and_waited

BUSY = "while True: pass"
NOBODY = 2**22 + 1
"""More than the kernel gives."""


@contextmanager
def running(*command: str) -> Iterator[int]:
    """Run a program meanwhile; gives its process."""
    process = subprocess.Popen(command)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.001)


def test_a_processor_is_told_whatever_the_process_is_called(tmp_path: Path) -> None:
    """Its name stands before it, and may look like the end of a name."""
    program = tmp_path / "a) R 1 2 ("
    program.write_text("#!/bin/sh\nwhile :; do :; done\n")
    program.chmod(0o700)
    with running(str(program)) as process:
        for processor in os.sched_getaffinity(0):
            os.sched_setaffinity(process, {processor})
            wait_until(lambda: processor_of(process) == processor)  # noqa: B023 - it is called at once
            assert Path(f"/proc/{process}/comm").read_text() == f"{program.name}\n"


def test_who_keeps_the_server_waiting_moves_to_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever that is, for as long as the server waits, and a little longer; then it may go anywhere again."""
    allowed = os.sched_getaffinity(0)
    waited = [0.0]
    waits = [1.0]

    def told(process: int) -> tuple[float, float]:
        if process != server:
            return ran_and_waited(process)
        waited[0] += waits[0]
        return 0.0, waited[0]

    monkeypatch.setattr(low_priority, "ran_and_waited", told)
    monkeypatch.setattr(low_priority, "_ROUND_SECONDS", 3.0)
    with running(sys.executable, "-c", BUSY) as server, running(sys.executable, "-c", BUSY) as own:
        for processor in allowed:
            waits[0] = 1.0
            os.sched_setaffinity(server, {processor})
            made: list[Round] = []
            making = threading.Thread(target=lambda: made.append(make_room(own, server, allowed)))  # noqa: B023
            making.start()
            wait_until(lambda: os.sched_getaffinity(own) == {processor})  # noqa: B023 - as above
            waits[0] = 0.0
            wait_until(lambda: os.sched_getaffinity(own) == allowed)
            assert making.is_alive(), "not before it was over"
            making.join()
            assert os.sched_getaffinity(own) == allowed
            assert 0 < made[0].share <= 1


def test_a_server_that_does_not_wait_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the time on the way to a processor is nothing out of the ordinary."""
    clock = [0.0]

    def passes(seconds: float) -> None:
        clock[0] += seconds

    def moved(*_: object) -> None:
        moves.append(1)

    moves: list[int] = []
    monkeypatch.setattr("wal.low_priority.time", SimpleNamespace(sleep=passes, monotonic=lambda: clock[0]))
    monkeypatch.setattr(low_priority, "ran_and_waited", lambda _: (clock[0], 0.1 * clock[0]))
    monkeypatch.setattr("wal.low_priority.os", SimpleNamespace(sched_setaffinity=moved))
    made = make_room(1, 2, {0, 1})
    assert made == pytest.approx(Round(share=1 / 1.1, server=1))
    assert len(moves) == 1, "it is only let go in the end"


def test_for_a_server_that_is_gone_nothing_is_done() -> None:
    """It takes its time all the same, and changes nothing; no figures are none that would keep it from anything."""
    allowed = os.sched_getaffinity(0)
    begin = time.monotonic()
    with running(sys.executable, "-c", BUSY) as own:
        made = make_room(own, NOBODY, allowed)
        assert 0 < made.share <= 1
        assert made.server == 0
        assert os.sched_getaffinity(own) == allowed
    assert time.monotonic() - begin >= 1
    assert ran_and_waited(NOBODY) == (0.0, 0.0)
    with pytest.raises(OSError, match=str(NOBODY)):
        processor_of(NOBODY)


@pytest.mark.parametrize(
    ("share", "rounds"), [pytest.param(0.03, 300, id="it gets on"), pytest.param(0.029, 60, id="it hardly gets on")]
)
def test_it_gives_way_for_a_time(monkeypatch: pytest.MonkeyPatch, share: float, rounds: int) -> None:
    """A minute, or five while it gets on; then it takes the smallest share, without a rest."""
    done: list[str] = []
    rests = Rests()

    def made_room(*_: object) -> Round:
        assert not rests.are_over
        done.append("room")
        return Round(share, 0)

    scheduler = SimpleNamespace(
        SCHED_OTHER="other",
        sched_param=int,
        sched_getaffinity=lambda _: {0, 1},
        sched_setscheduler=lambda _, policy, __: done.append(policy),
    )
    monkeypatch.setattr("wal.low_priority.os", scheduler)
    monkeypatch.setattr(low_priority, "make_room", made_room)
    low_priority._stay_low(1, 2, rests, is_idle=True)
    assert rests.are_over
    assert done == ["room"] * rounds + ["other"]


@pytest.mark.parametrize(("used", "wanted"), [pytest.param(0.5, False, id="half"), pytest.param(0.51, True, id="more")])
def test_it_rests_beside_a_busy_server(monkeypatch: pytest.MonkeyPatch, *, used: float, wanted: bool) -> None:
    """That is one which uses more than half a processor."""
    rests, seen = Rests(), []

    def made_room(*_: object) -> Round:
        seen.append(rests.are_wanted)
        return Round(1, used)

    monkeypatch.setattr(low_priority, "make_room", made_room)
    monkeypatch.setattr(low_priority, "_IDLE_ROUNDS_MAX", 3)
    low_priority._stay_low(os.getpid(), NOBODY, rests, is_idle=False)
    assert seen == [False, wanted, wanted]


@pytest.mark.parametrize(("wanted", "slept"), [(True, [0.3, 0.2]), (False, [])])
def test_a_rest_takes_as_long_as_what_was_used(
    monkeypatch: pytest.MonkeyPatch, *, wanted: bool, slept: list[float]
) -> None:
    """Since the one before; each has the next one come, until they are over."""
    used, timers = [1.0], []
    rested: list[float] = []
    monkeypatch.setattr("wal.low_priority.time", SimpleNamespace(thread_time=lambda: used[0], sleep=rested.append))
    monkeypatch.setattr("signal.setitimer", lambda *timer: timers.append(timer))
    rests = Rests()
    rests.are_wanted = wanted
    for seconds in (0.3, 0.2):
        used[0] += seconds
        rests.take()
    rests.are_over = True
    used[0] += 1
    rests.take()
    assert rested == pytest.approx(slept)
    assert timers == [(signal.ITIMER_REAL, 0.0005)] * 2


def test_rests_interrupt_what_computes() -> None:
    """A process that only computes has half a processor at the most while it rests."""
    program = """if True:
        import os, time
        from wal.low_priority import Rests
        rests = Rests()
        rests.are_wanted = True
        rests.begin()
        begin = time.monotonic(), time.thread_time()
        while time.monotonic() < begin[0] + 1: pass
        print((time.thread_time() - begin[1]) / (time.monotonic() - begin[0]), flush=True)
        os._exit(0)
    """
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert 0 < float(told.stdout) < 0.6


GIVES_WAY = """if True:
    import encodings.ascii, os, resource, threading  # before what they lie in can no longer be read
    from wal import low_priority
    low_priority._IDLE_ROUNDS_MAX, low_priority._ROUND_SECONDS = 1, 0.2
    {before}
    low_priority.give_way(os.getppid())
    begin = os.sched_getscheduler(0)
    for thread in threading.enumerate()[1:]:
        thread.join()
    print(begin, os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), flush=True)
    os._exit(0)
"""
IDLE_AND_BACK = """if True:
    import os
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
"""


def gave_way(before: str) -> list[int]:
    """Return a process's class after it has begun to give way, and after that is over, and how nice it is."""
    program = GIVES_WAY.format(before=before)
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not told.stderr
    return [int(word) for word in told.stdout.split()]


def test_who_may_not_leave_the_idle_class_never_enters_it() -> None:
    """That is an ordinary user's process without `RLIMIT_NICE`: it would be in it for good."""
    drops = "resource.setrlimit(resource.RLIMIT_NICE, (0, 0)); os.geteuid() or os.setuid(65534)"
    assert gave_way(drops) == [os.SCHED_OTHER, os.SCHED_OTHER, 19]


def test_who_may_leave_the_idle_class_enters_it() -> None:
    """Whatever allows it; and it does leave it."""
    tried = subprocess.run([sys.executable, "-c", IDLE_AND_BACK], stderr=subprocess.PIPE, check=False, timeout=60)
    expected = os.SCHED_OTHER if b"PermissionError" in tried.stderr else os.SCHED_IDLE
    assert gave_way("") == [expected, os.SCHED_OTHER, 19]


def test_where_memory_ends_a_child_is_killed_before_its_server() -> None:
    """What it does is done again; a server that is killed leaves its clients without answers."""
    with subprocess.Popen((sys.executable, *MODULE), stdin=subprocess.PIPE) as child:
        # It waits for a job, and ends when this process lets go of its input.
        score = Path(f"/proc/{child.pid}/oom_score_adj")
        wait_until(lambda: score.read_text() == "1000\n")
        assert child.poll() is None


def test_a_sandbox_that_allows_nothing_is_no_obstacle() -> None:
    """The job is done all the same."""
    refuses = "def refuse(*_): raise PermissionError('a sandbox')"
    before = f"exec({refuses!r}); os.nice = os.sched_setscheduler = refuse"
    assert gave_way(before) == [os.SCHED_OTHER, os.SCHED_OTHER, os.getpriority(os.PRIO_PROCESS, 0)]
