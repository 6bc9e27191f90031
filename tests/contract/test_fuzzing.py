"""Requests made up from the description are answered as it says: a sample; all of it is a campaign."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from service.http.routes import ENDPOINTS
from tests.contract.fuzzing import fuzz

OPERATIONS = [endpoint.operation for endpoint in ENDPOINTS]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("phases", "examples", "operations"),
    [("examples,fuzzing,stateful", 2, len(OPERATIONS)), ("coverage", 1, 5)],
    ids=["all operations", "the corners of some operations"],
)
async def test_a_sample_finds_nothing(tmp_path: Path, phases: str, examples: int, operations: int) -> None:
    """By all checks of schemathesis, and one of ours; and the server logs no error of its own."""
    seed = random.randrange(1 << 32)
    chosen = random.Random(seed).sample(OPERATIONS, operations)
    print(f"seed {seed}, operations {chosen}")  # noqa: T201 - so that a failure can be repeated
    some = [f"--include-operation-id={one}" for one in chosen] if operations < len(OPERATIONS) else []
    found = await fuzz(tmp_path, seed, "--phases", phases, "--max-examples", str(examples), *some)
    assert (found.code, found.logged) == (0, ""), found.findings
    assert found.cases > 2 * operations
