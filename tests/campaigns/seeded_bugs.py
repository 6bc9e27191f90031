"""The campaign of seeded bugs: if a rule of durability or of access is broken somewhere, some test fails."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.mutants.catalogue import MUTANTS
from tests.mutants.trial import Fate, Trial, copy_tree, run_tests, try_mutant

_WORKERS = 2
_SAID_CHARS = 300


def run(task: Task) -> Result:
    """Try mutants, each n-th if fewer are asked for; first the tests without any bug, which must pass."""
    size = min(task.size, len(MUTANTS))
    chosen = [MUTANTS[place * len(MUTANTS) // size] for place in range(size)]
    told, baseline = sound(tuple(sorted({test for mutant in chosen for test in mutant.tests})))
    if told is not Fate.SURVIVED:
        return Result(0, [f"the tests fail without any bug, so they show nothing: {baseline[-_SAID_CHARS:]}"])
    trials: list[Trial] = []
    with ThreadPoolExecutor(_WORKERS) as workers:
        for trial in workers.map(try_mutant, chosen):
            trials.append(trial)
            task.on_progress(len(trials))
    findings = [_finding(trial) for trial in trials if trial.fate is not Fate.CAUGHT]
    caught = {trial.mutant.name: trial.told for trial in trials if trial.fate is Fate.CAUGHT}
    return Result(len(trials), findings, {"caught by": caught})


def sound(tests: tuple[str, ...]) -> tuple[Fate, str]:
    """Run tests in a copy of the tree without any bug."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        return run_tests(copy_tree(Path(place)), tests)


def _finding(trial: Trial) -> str:
    again = f'python -m tests.mutants --verbose --only "{trial.mutant.name}"'
    return f"{trial.mutant.name} ({trial.mutant.path}): {trial.fate.value}. Again: {again}"


CAMPAIGN = Campaign(
    name="seeded-bugs",
    claim="all of {states} seeded bugs, each of which breaks one rule of durability or of access, caught by the tests",
    full=len(MUTANTS),
    run=run,
)
