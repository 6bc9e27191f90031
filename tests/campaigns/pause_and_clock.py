"""Processes that are stopped and go on, clocks that jump, and too little memory."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.campaigns import guest_kernel, served
from tests.campaigns.campaign import ROOT, Campaign, Result, Task
from tests.campaigns.driver import Plan
from tests.campaigns.judging import Said, broken_end, judge, recovered, said
from tests.campaigns.sessions import members, scratch, started, told
from tests.campaigns.small_disk import SETTINGS, VALUE_BYTES, awaited, driver, plan
from wal.errors import WalError

_SECONDS = 30.0
_DAY = 86_400
_SMALL = 20
_JUMPS = 300
_GROUPS = Path("/sys/fs/cgroup/memory")
Case = Callable[[Path, random.Random], str | None]


def writer_of(session: int) -> int:
    """Return the process of a session that writes the log."""
    for pid in members(session):
        with contextlib.suppress(OSError):
            if b"writer_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise RuntimeError("no process writes the log")


def judged(data: Path, told_so_far: Said, value_bytes: int = VALUE_BYTES) -> str | None:
    """Restart, and return what is wrong."""
    try:
        found = recovered(data, SETTINGS)
    except (WalError, OSError, AssertionError, TimeoutError) as error:
        return f"the restart is refused: {type(error).__name__}: {error}"
    return judge({}, told_so_far, found, value_bytes)


def stopped_server(place: Path, chance: random.Random) -> str | None:
    """All of the server's threads are stopped now and then, as on a machine that is suspended; then killed."""
    with started(driver(place / "data", plan("append:20", *("both:100",) * 100)), place) as process:
        awaited(place, "durable 20", process)
        for _ in range(4):
            time.sleep(chance.uniform(0.02, 0.2))
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(chance.uniform(0.05, 0.4))
            os.kill(process.pid, signal.SIGCONT)
        wrong = None if process.poll() is None else f"it ended with {process.poll()}: {told(place)}"
    return wrong or judged(place / "data", said(told(place)[0]))


def stopped_writer(place: Path, chance: random.Random, *, early: bool = False) -> str | None:
    """The log's writer is stopped: nothing may be said to be durable meanwhile; then all goes on, and is killed."""
    # Small ones, so that a driver that lies could go on for long without room for more.
    what = Plan(steps=("load",), batch=1, value_bytes=_SMALL, settings=SETTINGS, early=early)
    with started(driver(place / "data", what), place) as process:
        awaited(place, "durable 20", process)
        for _ in range(3):
            time.sleep(chance.uniform(0.02, 0.2))
            writer = writer_of(process.pid)
            os.kill(writer, signal.SIGSTOP)
            # What it had answered before is said first.
            time.sleep(0.1)
            before = said(told(place)[0]).durable
            time.sleep(chance.uniform(0.1, 0.4))
            after = said(told(place)[0]).durable
            os.kill(writer, signal.SIGCONT)
            if after != before:
                return f"{after - before} changes became durable while the writer was stopped"
        wrong = None if process.poll() is None else f"it ended with {process.poll()}: {told(place)}"
    return wrong or judged(place / "data", said(told(place)[0]), _SMALL)


def deposed_writer(place: Path, chance: random.Random) -> str | None:
    """The writer is stopped and its server killed: the kernel lets an orphan go on, while the next server starts."""
    data = place / "data"
    with started(driver(data, plan("load")), place) as process:
        awaited(place, "durable 20", process)
        time.sleep(chance.uniform(0.02, 0.3))
        writer = writer_of(process.pid)
        os.kill(writer, signal.SIGSTOP)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait()
        spoken = said(told(place)[0])
        wrong = judged(data, spoken)
        if wrong:
            return wrong
        first = recovered(data, SETTINGS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(writer, signal.SIGCONT)
        deadline = time.monotonic() + _SECONDS
        while writer in members(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        if writer in members(process.pid):
            return "the writer outlived its server"
    second = recovered(data, SETTINGS)
    return None if first == second else "what the old writer wrote after the start of the next server was seen"


def jumping_clock(place: Path, chance: random.Random) -> str | None:
    """The clock on the wall of a guest kernel jumps by days, back and forth, under load; then the guest crashes."""
    # Each second jump goes further than any before, so that some do whenever the driver begins and the guest crashes.
    begin = round(time.time())
    clock = [begin + step * _DAY - (step % 2) * chance.randint(_DAY, 9 * _DAY) for step in range(_JUMPS)]
    _, wrong = guest_kernel.crash(place, chance, clock=clock)
    return wrong


def address_space(place: Path, chance: random.Random) -> str | None:
    """No process may have more memory than a limit: some do not start, some run out of it."""
    limit = chance.randint(40, 400) * 1024 * 1024
    what = plan("append:20", "both:100", "both:100", "append:20")
    with started(driver(place / "data", what, "prlimit", f"--as={limit}"), place) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS)
        code = process.poll()
    if code is None:
        return f"--as={limit}: it hung: {told(place)}"
    if not (place / "data").exists():
        return None
    wrong = judged(place / "data", said(told(place)[0]))
    return f"--as={limit}: {wrong}" if wrong else None


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Make a group of processes that may not have more memory than a limit."""
    group = _GROUPS / f"annolog-drill-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
        yield group
    finally:
        deadline = time.monotonic() + _SECONDS
        while group.exists():
            try:
                group.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def out_of_memory(place: Path, chance: random.Random) -> str | None:
    """The kernel kills a process of a group that has run out of memory, whichever it likes."""
    what = Plan(steps=("load",), batch=4, value_bytes=12_000, settings=SETTINGS)
    limit = chance.randint(40, 80) * 1024 * 1024
    with memory_group(limit) as group:
        enter = ["sh", "-c", f'echo $$ > {group}/tasks && exec "$@"', "sh"]
        with started(driver(place / "data", what, *enter), place) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS)
            code = process.poll()
    if code is None:
        raise RuntimeError(f"nothing was killed at {limit} bytes")
    wrong = broken_end(code, told(place)[1], killed=True)
    if wrong and "MemoryError" not in wrong:
        return wrong
    return judged(place / "data", said(told(place)[0]), what.value_bytes)


def service(place: Path, chance: random.Random) -> str | None:
    """The server and its writer are stopped in turn under four clients, then both are killed."""
    data, token = served.prepared(place / "begin")
    with served.server(data, place, token) as running:
        if running.client is None:
            return f"the server does not start: {told(place)[1][-800:]}"
        load = served.Load(running.client, creates=10_000)
        for number in range(4):
            time.sleep(chance.uniform(0.05, 0.3))
            pid = running.process.pid if number % 2 else writer_of(running.process.pid)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(chance.uniform(0.05, 0.5))
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
        running.process.kill()
        load.join()
    with served.server(data, place, token) as again:
        if again.client is None:
            return f"the restart is refused: {told(place)[1][-800:]}"
        return served.wrong_titles(again.client.titles(), load.asked, load.durable)


CASES: Sequence[Case] = (
    stopped_server,
    stopped_writer,
    deposed_writer,
    jumping_clock,
    address_space,
    out_of_memory,
    service,
)


def run(task: Task) -> Result:
    """Go through the cases in turn, each of them at least once."""
    result = Result(0, [], {})
    counts: Counter[str] = Counter()
    with scratch() as place:
        if stopped_writer(place, random.Random(task.seed), early=True) is None:
            result.findings.append("THE CAMPAIGN IS BROKEN: a driver that lies about a stopped writer was not caught")
    for number in range(max(task.size, len(CASES))):
        case = CASES[number % len(CASES)]
        if case is out_of_memory and not _GROUPS.is_dir():
            counts["out_of_memory, not run: no memory groups of cgroup v1"] += 1
            continue
        # A guest does not see what is in this machine's memory.
        with scratch(on_disk=case is jumping_clock) as place:
            try:
                wrong = case(place, random.Random(task.seed + number))
            except RuntimeError as error:
                wrong = f"THE CAMPAIGN IS BROKEN: {error}"
        counts[case.__name__] += 1
        result.states += 1
        if wrong is not None:
            result.findings.append(f"{case.__name__}, seed {task.seed + number}: {wrong}")
        task.on_progress(result.states)
    result.figures |= counts
    return result


CAMPAIGN = Campaign(
    name="pause-and-clock",
    claim="no acknowledged write lost and no time that goes back in {states} runs with pauses, jumps of the clock and "
    "too little memory",
    full=70,
    run=run,
    needs=(ROOT, "prlimit", "linux.uml", "setpriv", "mkfs.ext4", "mount"),
)
