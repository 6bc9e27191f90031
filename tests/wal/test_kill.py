"""Real processes, killed: what they said to be durable is there."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.wal.appender import SETTINGS
from tests.wal.model import DictState
from wal.errors import DirectoryLockedError
from wal.recovery import open_log

ROUNDS = 6
ROOT = Path(__file__).parent.parent.parent


def start(directory: Path) -> subprocess.Popen[str]:
    """Start an appender."""
    command = [sys.executable, "-m", "tests.wal.appender", str(directory)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


async def test_kill_9_loses_nothing_that_was_said_to_be_durable(tmp_path: Path) -> None:
    """At random moments, over rotations, again and again on one directory."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    for _ in range(ROUNDS):
        process = start(tmp_path)
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
        # The last line may be cut: only whole ones were said.
        output, _ = process.communicate()
        acknowledged.update(line for line in output.split("\n")[:-1] if line)
        state = DictState()
        log, report = await open_log(tmp_path, SETTINGS, state)
        assert acknowledged <= {key for _, key in state.values}
        assert report.sequence >= len(state.values)
        await log.close()
    assert len(acknowledged) > ROUNDS


async def test_a_second_process_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    """And the message names it; once it was killed the directory is free."""
    process = start(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(DirectoryLockedError, match=f"process {process.pid} on "):
        await open_log(tmp_path, SETTINGS, DictState())
    process.kill()
    process.communicate()
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    await log.close()
