"""Real processes whose system calls fail: each error at each call, once and for good."""

from __future__ import annotations

import random
from functools import partial

from tests.campaigns import served
from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.injection import OWN, Attempt, Bench, Job, Target, canary, carried_out, spread
from tests.campaigns.sessions import scratch
from tests.campaigns.strace import A_WHILE, FOR_GOOD, ONCE

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EROFS", "EMFILE", "EFBIG")
_SERVED_SHARE = 25


def effects() -> list[tuple[str, str]]:
    """Return each error, once and for good; a call that is interrupted for ever would be repeated for ever."""
    return [
        (f"error={error}", times) for error in ERRORS for times in (ONCE, A_WHILE if error == "EINTR" else FOR_GOOD)
    ]


def is_of_the_machine(target: Target) -> bool:
    """Tell if a call may fail: by ``sendto`` the server only wakes its own event loop, through a pair of sockets."""
    return (target.role, target.point.call) != (OWN, "sendto")


def run(task: Task) -> Result:
    """Let calls of the driver's processes fail, and for each 25th state those of the server."""
    with scratch() as place:
        bench = Bench(place)
        bench.prepare()
        targets = bench.targets()
        broken = canary(bench, targets, "error=EIO")
        cases = [(target, *effect) for target in targets if is_of_the_machine(target) for effect in effects()]
        random.Random(task.seed).shuffle(cases)
        servers = max(1, task.size // _SERVED_SHARE)
        jobs: list[Job] = [partial(_attempt, bench, *case) for case in spread(cases, max(1, task.size - servers))]
        jobs += served.jobs(place, servers, task.seed, effects())
        result = carried_out(task, jobs)
    result.findings += broken
    result.figures |= {"cases": len(cases), "of the server": servers}
    return result


def _attempt(bench: Bench, target: Target, effect: str, times: str) -> tuple[str, Attempt]:
    return f"{effect} {times or 'once'}, {target}", bench.attempt(target, effect, times)


CAMPAIGN = Campaign(
    name="errno",
    claim="no acknowledged write lost, no hang, no unknown end in {states} runs with a failing system call",
    full=2000,
    run=run,
    needs=("strace",),
)
