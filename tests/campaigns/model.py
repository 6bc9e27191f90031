"""Random lives of the whole engine against a model, by hypothesis; what it finds is made as short as possible."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.machine import Machine
from tests.campaigns.sweep import Tally, sweep

EXAMPLES = 20
STEPS = 40
_EXAMPLE_STARTS = 12


def check(of: int, places: list[int]) -> Tally:
    """Let hypothesis make some examples for each place."""
    tally = Tally()
    for place in places:
        drawn = random.Random(f"{of}/{place}").randrange(1 << 32)
        before = Machine.figures.copy()
        try:
            run_state_machine_as_test(seed(drawn)(_machine()), settings=settings_of(EXAMPLES, STEPS))
        except Exception as error:  # noqa: BLE001 - a crash of the program is what is looked for
            notes = "\n".join(getattr(error, "__notes__", ()))
            tally.findings.append(f"place {place}: {type(error).__name__}: {error}\n{notes}\n")
        done = Machine.figures - before
        tally.states += done["starts"]
        for name, count in done.items():
            tally.figures[name] = tally.figures.get(name, 0) + count
    return tally


def settings_of(examples: int, steps: int) -> settings:
    """Return hypothesis' settings: nothing is kept from one run to the next, and nothing is too slow."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def _machine() -> type[Machine]:
    """Return a class of its own, because the seed is kept on it."""
    return type("Engine", (Machine,), {})


def run(task: Task) -> Result:
    """Live."""
    total = max(1, task.size // (EXAMPLES * _EXAMPLE_STARTS))
    return sweep(task, total, check, size=total)


CAMPAIGN = Campaign(
    name="model",
    claim="the engine, its indexes and its answers as the model has them after each of {states} starts",
    full=20_000,
    run=run,
)
