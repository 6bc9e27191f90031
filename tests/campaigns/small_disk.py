"""Disks that are too small, become read-only, or fail: real ones, by loop devices and file systems in memory."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tests.campaigns import served
from tests.campaigns.campaign import ROOT, Campaign, Result, Task
from tests.campaigns.disks import MEGABYTE, ballast, command, ext4, format_image, tmpfs
from tests.campaigns.driver import Plan
from tests.campaigns.judging import broken_end, judge, recovered, said
from tests.campaigns.sessions import run as run_process
from tests.campaigns.sessions import scratch, started, told
from wal.settings import LogSettings

SETTINGS = LogSettings(segment_bytes=128 * 1024, record_bytes_max=16 * 1024, fill_pause_ms=0, retry_seconds=0.05)
VALUE_BYTES = 3000
_SECONDS = 60.0
_ROOM = 700 * 1024
Case = Callable[[Path, random.Random], str | None]


def plan(*steps: str, early: bool = False) -> Plan:
    """Return a plan with records that fill a small disk soon."""
    return Plan(
        steps=steps, batch=4, value_bytes=VALUE_BYTES, patience=0.4, keep_bytes=50_000, settings=SETTINGS, early=early
    )


def driver(data: Path, what: Plan, *under: str) -> list[str]:
    """Return the command of a driver."""
    arguments = [str(data), msgspec.json.encode(what).decode()]
    return [*under, sys.executable, "-m", "tests.campaigns.driver", *arguments]


def awaited(place: Path, line: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a driver has said something; returns False if it ended without."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if f"{line}\n" in told(place)[0]:
            return True
        if process.poll() is not None:
            return f"{line}\n" in told(place)[0]
        time.sleep(0.01)
    return False


def judged(place: Path, data: Path) -> str | None:
    """Restart on what a driver left, and return what is wrong."""
    try:
        found = recovered(data, SETTINGS)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"the restart is refused: {type(error).__name__}: {error}"
    return judge({}, said(told(place)[0]), found, VALUE_BYTES)


def full(place: Path, disk: Path, *, kill: bool) -> str | None:
    """Fill until refused; then give room back and go on, or kill, start while it is full, and when there is room."""
    weight = ballast(disk, _ROOM)
    data = disk / "data"
    steps = ("fill", "wait", "append:40", "compact", "append:40", "compact")
    with started(driver(data, plan(*steps)), place, talk=True) as process:
        if not awaited(place, "waiting", process):
            return f"a full disk is not refused in order: {process.poll()} {told(place)}"
        if kill:
            process.kill()
            process.wait()
            again = place / "again"
            again.mkdir()
            ended = run_process(driver(data, plan()), again, _SECONDS)
            wrong = broken_end(ended.code, ended.errors, killed=False)
            weight.unlink()
            return wrong or judged(place, data)
        weight.unlink()
        if process.stdin is None:
            raise AssertionError("it was started to be talked to")
        process.stdin.write(b"\n")
        process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS)
        code = process.poll()
    output, errors = told(place)
    wrong = broken_end(code, errors, killed=False)
    if wrong is None and (code != 0 or output.count("refused\n") != 1):
        wrong = f"writes do not come back when there is room: {code} {said(output).lines}"
    return wrong or judged(place, data)


def small_memory(place: Path, chance: random.Random) -> str | None:
    """A tmpfs of 2 to 16 MB: of one, 300 KB are free without the ballast, too few for what is appended then."""
    with tmpfs(place / "disk", chance.randint(2, 16) * MEGABYTE) as disk:
        return full(place, disk, kill=chance.random() < 0.5)


def small_ext4(place: Path, chance: random.Random) -> str | None:
    """An ext4 of 8 MB."""
    format_image(place / "image", 8 * MEGABYTE)
    with ext4(place / "image", place / "disk") as disk:
        return full(place, disk, kill=chance.random() < 0.5)


def file_size(place: Path, chance: random.Random) -> str | None:
    """No file may be larger than a limit: EFBIG."""
    limit = chance.choice((400, 4096, 60_000, 131_071, 140_000, 400_000))
    steps = ("append:60", "compact", "append:60", "compact", "append:20")
    ended = run_process(driver(place / "data", plan(*steps), "prlimit", f"--fsize={limit}"), place, _SECONDS)
    wrong = broken_end(ended.code, ended.errors, killed=False)
    return f"--fsize={limit}: {wrong}" if wrong else judged(place, place / "data")


def read_only(place: Path, chance: random.Random) -> str | None:
    """An ext4 becomes read-only under load, as it does by itself when its disk fails."""
    format_image(place / "image", 16 * MEGABYTE)
    with ext4(place / "image", place / "disk") as disk, started(driver(disk / "data", plan("load")), place) as process:
        awaited(place, "durable 40", process)
        time.sleep(chance.uniform(0, 0.3))
        # Files are open for writing, so that an ordinary remount is refused.
        command("mount", "-o", "remount,abort", disk)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        code = process.poll()
        output, errors = told(place)
        wrong = broken_end(0 if code is None else code, errors, killed=False)
        if wrong is None and code is None and "refused" not in output:
            wrong = "it neither ended nor refused on a disk that is read-only"
    if wrong:
        return wrong
    with ext4(place / "image", place / "disk") as disk:
        return judged(place, disk / "data")


def failing(place: Path, chance: random.Random, *, early: bool = False) -> str | None:
    """An ext4 in an image that lies in a tmpfs too small for it: a disk whose writes fail where they were promised."""
    with tmpfs(place / "memory", 40 * MEGABYTE) as memory:
        format_image(memory / "image", 24 * MEGABYTE)
        used = (memory / "image").stat().st_blocks * 512
        room = chance.randint(MEGABYTE, 4 * MEGABYTE)
        command("mount", "-o", f"remount,size={(used + room) // 4096 * 4096}", memory)
        what = plan("load", early=early)
        # A file system that failed may refuse to be left in order.
        with ext4(memory / "image", place / "disk") as disk, started(driver(disk / "data", what), place) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            code = process.poll()
            errors = told(place)[1]
        command("mount", "-o", f"remount,size={40 * MEGABYTE}", memory)
        wrong = broken_end(0 if code is None else code, errors, killed=False)
        if wrong:
            return wrong
        with ext4(memory / "image", place / "disk") as disk:
            return judged(place, disk / "data")


def service(place: Path, _chance: random.Random) -> str | None:
    """The server on a full disk: 507, lists go on, 201 again when there is room; then a kill."""
    format_image(place / "image", 8 * MEGABYTE)
    with ext4(place / "image", place / "disk") as disk:
        weight = ballast(disk, _ROOM)
        with served.server(disk / "data", place) as running:
            client = running.client
            if client is None:
                return f"the server does not start: {told(place)[1][-800:]}"
            client.call("POST", "/v1/users", served.CREDENTIALS)
            client.token = client.call("POST", "/v1/sessions", served.CREDENTIALS)[1]["token"]
            load = served.Load(client, creates=10_000)
            deadline = time.monotonic() + _SECONDS
            while 507 not in load.statuses and time.monotonic() < deadline:
                time.sleep(0.05)
            reads = client.titles()
            weight.unlink()
            load.statuses.clear()
            while 201 not in load.statuses and time.monotonic() < deadline:
                time.sleep(0.05)
            load.stopping.set()
            load.join()
            came_back = 201 in load.statuses
            running.process.kill()
            running.process.wait()
        if not came_back or not reads:
            return f"after a full disk {len(reads)} documents were listed, then answers were {sorted(load.statuses)}"
        with served.server(disk / "data", place, client.token) as again:
            if again.client is None:
                return f"the restart is refused: {told(place)[1][-800:]}"
            return served.wrong_titles(again.client.titles(), load.asked, load.durable)


CASES: Sequence[Case] = (small_memory, failing, small_ext4, file_size, read_only, service)


def run(task: Task) -> Result:
    """Go through the cases in turn, each of them at least once."""
    result = Result(0, [], {})
    counts: Counter[str] = Counter()
    with scratch() as place:
        if failing(place, random.Random(task.seed), early=True) is None:
            result.findings.append("THE CAMPAIGN IS BROKEN: a driver that lies on a failing disk was not caught")
    for number in range(max(task.size, len(CASES))):
        case = CASES[number % len(CASES)]
        with scratch() as place:
            try:
                wrong = case(place, random.Random(task.seed + number))
            except Exception as error:  # noqa: BLE001 - a disk that cannot be made is told, and the next one tried
                wrong = f"THE CAMPAIGN IS BROKEN: {type(error).__name__}: {error}"
            lines = said(told(place)[0]).lines
            counts.update({f"{case.__name__} {word}" for word in ("refused", "poisoned") if word in lines})
        counts[case.__name__] += 1
        result.states += 1
        if wrong is not None:
            result.findings.append(f"{case.__name__}, seed {task.seed + number}: {wrong}")
        task.on_progress(result.states)
    result.figures |= counts
    return result


CAMPAIGN = Campaign(
    name="small-disk",
    claim="no acknowledged write lost on {states} disks that were full, read-only or failing",
    full=60,
    run=run,
    needs=(ROOT, "mkfs.ext4", "mount", "prlimit"),
)
