"""The judge over thousands of histories of a simulated server: healthy ones pass, and each defect is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.drill.checker import Checker
from tests.drill.simulated_server import Simulation

SEEDS = st.integers(0, 1 << 32)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_server_without_a_defect_passes_every_round(seed: int) -> None:
    """Requests overlap, the crash leaves some of them open, and retries settle those."""
    simulation, checker = Simulation(random.Random(seed)), Checker()
    for _ in range(4):
        assert checker.check(simulation.round()) == []


@pytest.mark.parametrize("defect", ["loses what was acknowledged", "loses what was shown", "forgets a key"])
def test_every_defect_is_found_wherever_it_strikes(defect: str) -> None:
    """One entity, at the restart of the second round."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    harmed = 0
    for number in range(120):
        simulation, checker = Simulation(random.Random(seed + number)), Checker()
        assert checker.check(simulation.round()) == []
        found = checker.check(simulation.round(defect))
        assert bool(found) == simulation.harmed, seed + number
        harmed += simulation.harmed
    assert harmed > 0
