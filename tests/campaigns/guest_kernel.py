"""Crashes of a kernel: a guest kernel in user mode, with a disk of its own, killed in the middle of the work.

What was not synced is lost with the guest's page cache. What the driver says leaves the guest by its console, which
writes to a file of the host. Afterwards the disk's image is mounted here, and the log recovered.
"""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.campaigns.campaign import ROOT, Campaign, Result, Task
from tests.campaigns.disks import MEGABYTE, ext4, format_image
from tests.campaigns.driver import Plan
from tests.campaigns.judging import Said, judge, recovered, said
from tests.campaigns.sessions import ROOT as SOURCES
from tests.campaigns.sessions import end, scratch, started, told
from tests.campaigns.strace import launcher
from wal.inspection import inspect, records
from wal.settings import LogSettings

SETTINGS = LogSettings(segment_bytes=64 * 1024, record_bytes_max=4096, fill_pause_ms=0, retry_seconds=0.05)
_IMAGE_BYTES = 48 * MEGABYTE
_BOOT_SECONDS = 60.0
_JUMPED, _JUMPS = "jumped", 5
_MINUTE = 60.0
_VALUE_BYTES = 180
_DAY_MICROSECONDS = 86_400_000_000
_DISK = Path("/mnt")
_REFUSED = "the restart is refused"
STEPS: Sequence[tuple[str, ...]] = (("load",), ("append:60", *("both:200",) * 500))
# A segment that is full, or that a compaction folds, is synced by another process than the writer. Whatever a lying
# writer has said to be durable stays in one segment, lest the crash come when that has just been synced.
_LIE = Plan(
    steps=("load",), value_bytes=_VALUE_BYTES, settings=msgspec.structs.replace(SETTINGS, segment_bytes=4 * MEGABYTE)
)


def init_script(plan: Plan, clock: Sequence[int] = ()) -> str:
    """Return what the guest runs instead of an init system: the host's files are there, and cannot be written.

    Args:
        plan: Of the driver.
        clock: What the clock on the wall is set to, every tenth of a second, in seconds since 1970 UTC.
    """
    jumps = "".join(f"date -s @{second} > /dev/null; echo {_JUMPED}; sleep 0.1; " for second in clock)
    arguments = [str(_DISK / "data"), msgspec.json.encode(plan).decode()]
    driver = shlex.join([sys.executable, "-m", "tests.campaigns.driver", *arguments])
    return f"""#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
[ -e /dev/ubda ] || mount -t devtmpfs dev /dev
mount -t ext4 /dev/ubda {_DISK} || exec sleep 1000
stty -onlcr < /dev/console
cd {shlex.quote(str(SOURCES))}
({jumps}true) &
{driver}
echo "ended $?"
exec sleep 1000
"""


def guest(image: Path, init: Path) -> list[str]:
    """Return the command that boots a guest kernel with a disk.

    It has none of root's powers here: whatever escapes from it can set no clock and mount nothing.
    """
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    options = ["mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", f"ubd0={image}"]
    return [*powerless, "linux.uml", *options, f"init={init}", "con=null", "con0=null,fd:1", "console=tty0"]


def crash(
    place: Path, chance: random.Random, *, lying: bool = False, clock: Sequence[int] = ()
) -> tuple[Said, str | None]:
    """Let a guest crash; returns what its driver said, and what is wrong then.

    Args:
        place: An empty directory that the guest sees too.
        chance: Draws what it does and when it crashes.
        lying: With a writer whose syncs do nothing, which fills one segment.
        clock: As for `init_script`; then the crash comes later, and some jumps before it.
    """
    image = place / "image"
    format_image(image, _IMAGE_BYTES)
    plan = Plan(steps=chance.choice(STEPS), batch=chance.choice((1, 2, 8)), value_bytes=_VALUE_BYTES, settings=SETTINGS)
    if lying:
        lie = SOURCES / "tests" / "campaigns" / "lying_writer.py"
        liar = launcher(place / "launcher", [sys.executable, str(lie)], "writer_main")
        plan = msgspec.structs.replace(_LIE, traced="writer", launcher=str(liar))
    init = place / "init"
    init.write_text(init_script(plan, clock))
    init.chmod(0o700)
    offset = _clock_offset()
    with started(guest(image, init), place) as process:
        if not _is_working(place, process):
            raise RuntimeError(f"the guest does not work: {told(place)}")
        if clock:
            _await_jumps(place, told(place)[0].count(_JUMPED) + _JUMPS)
        time.sleep(chance.uniform(0.05, 1.5))
        end(process.pid)
    if abs(_clock_offset() - offset) > _MINUTE:
        raise RuntimeError("THE CLOCK OF THIS MACHINE HAS JUMPED: set it right; something escaped from the guest")
    spoken = said(told(place)[0].replace("\r", ""))
    with ext4(image, place / "disk") as disk:
        try:
            found = recovered(disk / "data", plan.settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            return spoken, f"{_REFUSED}: {type(error).__name__}: {error}"
        if clock and not _has_jumped(disk / "data"):
            raise RuntimeError("the clock has not jumped")
    return spoken, judge({}, spoken, found, _VALUE_BYTES)


def _await_jumps(place: Path, jumps: int) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while told(place)[0].count(_JUMPED) < jumps and time.monotonic() < deadline:
        time.sleep(0.02)


def _clock_offset() -> float:
    return time.time() - time.monotonic()


def _has_jumped(data: Path) -> bool:
    times = [record.time for _, record in records(data, 1, inspect(data).segments[-1].last)]
    return max(times) - min(times) > _DAY_MICROSECONDS


def _is_working(place: Path, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _BOOT_SECONDS
    while "durable" not in told(place)[0] and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    return "durable" in told(place)[0]


def canary(seed: int) -> list[str]:
    """Crash with a writer that lies, and return a finding if nothing is lost by that, or something else is wrong."""
    with scratch(on_disk=True) as place:
        _, wrong = crash(place, random.Random(seed), lying=True)
    if wrong is None:
        return ["THE CAMPAIGN IS BROKEN: without any sync nothing was lost in a crash of the kernel"]
    return [f"THE CAMPAIGN IS BROKEN: {wrong}"] if wrong.startswith(_REFUSED) else []


def run(task: Task) -> Result:
    """Crash again and again."""
    result = Result(0, canary(task.seed), {"changes durable": 0})
    for number in range(task.size):
        with scratch(on_disk=True) as place:
            spoken, wrong = crash(place, random.Random(task.seed + number))
        result.states += 1
        result.figures["changes durable"] += spoken.durable
        if wrong is not None:
            result.findings.append(f"seed {task.seed + number}: {wrong}")
        task.on_progress(result.states)
    return result


CAMPAIGN = Campaign(
    name="guest-kernel",
    claim="no acknowledged write lost in {states} crashes of a guest kernel",
    full=30,
    run=run,
    needs=(ROOT, "linux.uml", "setpriv", "mkfs.ext4", "mount"),
)
