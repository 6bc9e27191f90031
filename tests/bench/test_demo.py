"""The demonstration in small: own fixtures, and two rounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "brat" / "fixtures"


def test_the_demonstration_loses_nothing() -> None:
    """It kills the real server in the import and in each round."""
    command = [sys.executable, "-m", "bench.demo", "--corpora", str(FIXTURES), "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "In the service: 2 documents" in done.stdout
    assert "0 files of the re-export differ" in done.stdout
    assert "Nothing acknowledged was lost" in done.stdout
