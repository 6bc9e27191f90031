"""Real processes, killed at each call by which they change anything: in service, and within recovery."""

from __future__ import annotations

import random
from functools import partial

from tests.campaigns import served
from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.injection import KILL, KILL_UNDONE, Attempt, Bench, Job, Target, canary, carried_out, spread
from tests.campaigns.sessions import scratch
from tests.campaigns.strace import ONCE

_SERVED_SHARE = 25


def run(task: Task) -> Result:
    """Kill the driver's processes, and for each 25th state those of the server."""
    with scratch() as place:
        bench = Bench(place)
        bench.prepare()
        targets = bench.targets()
        broken = canary(bench, targets, KILL_UNDONE)
        cases = [(target, effect) for target in targets for effect in (KILL, KILL_UNDONE)]
        random.Random(task.seed).shuffle(cases)
        servers = max(1, task.size // _SERVED_SHARE)
        jobs: list[Job] = [partial(_attempt, bench, *case) for case in spread(cases, max(1, task.size - servers))]
        jobs += served.jobs(place, servers, task.seed, [(KILL, ONCE), (KILL_UNDONE, ONCE)])
        result = carried_out(task, jobs)
    result.findings += broken
    result.figures |= {"cases": len(cases), "of the server": servers}
    return result


def _attempt(bench: Bench, target: Target, effect: str) -> tuple[str, Attempt]:
    return f"{effect}, {target}", bench.attempt(target, effect)


CAMPAIGN = Campaign(
    name="syscall-kill",
    claim="no acknowledged write lost in {states} kills of a real process at a system call",
    full=1500,
    run=run,
    needs=("strace",),
)
