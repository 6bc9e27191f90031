"""`make drill`: one command that runs everything to its end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("rounds", "campaigns", "runs", "is_well"),
    [
        (0, 0, ["annolog drill", "python -m"], True),
        (1, 0, ["annolog drill", "python -m"], False),
        (2, 0, ["annolog drill", "python -m"], False),
        (0, 1, ["annolog drill", "python -m"], False),
        (1, 1, ["annolog drill", "python -m"], False),
        (130, 0, ["annolog drill"], False),
    ],
)
def test_campaigns_run_whatever_the_rounds_find(
    tmp_path: Path, rounds: int, campaigns: int, runs: list[str], is_well: bool
) -> None:
    """Whatever fails, the exit code tells it at the end; who interrupts the rounds has ended it all."""
    for name, code in (("annolog", rounds), ("python", campaigns)):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $1" >> {tmp_path}/runs\nexit {code}\n')
        program.chmod(0o700)
    stamp = tmp_path / "installed"
    stamp.touch()
    command = ["make", "drill", f"BIN={tmp_path}", f"STAMP={stamp}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode == 0) == is_well, ended.stdout + ended.stderr
    assert (tmp_path / "runs").read_text().splitlines() == runs
