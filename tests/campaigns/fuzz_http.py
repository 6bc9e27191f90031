"""The campaign of fuzzed HTTP: no request, however wrong, is answered with 5xx, stalls the others or loses anything."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.fuzz.attack import attack

STALL_MS = 100.0
MEMORY_KIB_MAX = 400 * 1024
_FULL = 200_000


def run(task: Task) -> Result:
    """Send so many requests to one process."""
    return fuzz(task, STALL_MS)


def fuzz(task: Task, stall_ms: float) -> Result:
    """Do so, with how long the event loop may stall."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        made, watched = asyncio.run(attack(Path(place) / "data", task.seed, task.size, task.on_progress))
    findings = list(made.findings)
    for wait in watched.longest:
        if wait.stall > stall_ms:
            blamed = made.blame(wait)
            findings.append(f"a stall of {wait.stall:.0f} ms, seed {task.seed}, during the requests {blamed}: {wait}")
    if made.memory_kib > MEMORY_KIB_MAX:
        findings.append(f"the process takes {made.memory_kib} KiB, more than {MEMORY_KIB_MAX}")
    figures = {
        "statuses": {str(status): count for status, count in sorted(made.statuses.items())},
        "memory in KiB": made.memory_kib,
        "canary: answers": watched.answers,
        "canary: median in ms": round(watched.median, 2),
        "canary: longest stall in ms": round(watched.longest[0].stall, 1),
        "canary: longest answer in ms": round(max(wait.took for wait in watched.longest), 1),
    }
    return Result(made.sent, findings, figures)


CAMPAIGN = Campaign(
    name="fuzz-http",
    claim="no 5xx, no stall of the event loop over 100 ms and nothing lost in {states} drawn requests and a kill",
    full=_FULL,
    run=run,
)
