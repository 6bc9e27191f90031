"""The campaign of the contract: requests made up from the description of the API are answered as it says."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.contract.fuzzing import fuzz

_FULL = 16_000
_EXAMPLES = 150


def run(task: Task) -> Result:
    """Go through all phases: examples, corners of schemas, chance, and sequences along the links.

    The corners are as many as they are; of the rest there are as many as the task's size says.
    """
    examples = max(1, round(_EXAMPLES * task.size / _FULL))
    with tempfile.TemporaryDirectory(prefix="contract-") as place:
        found = asyncio.run(fuzz(Path(place), task.seed, "--max-examples", str(examples)))
    task.on_progress(found.cases)
    findings = [found.findings] if found.code else []
    if found.logged:
        findings.append(f"the server logged errors of its own: {found.logged}")
    return Result(found.cases, findings, {"examples an operation": examples})


CAMPAIGN = Campaign(
    name="contract",
    claim="each answer to {states} requests made up from the description is one that it tells",
    full=_FULL,
    run=run,
)
