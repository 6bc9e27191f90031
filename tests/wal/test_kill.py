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
from wal.opening import open_log

ROUNDS = 8
ROOT = Path(__file__).parent.parent.parent


def start(directory: Path) -> subprocess.Popen[str]:
    """Start an appender."""
    command = [sys.executable, "-m", "tests.wal.appender", str(directory)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def children_of(pid: int) -> list[int]:
    """Return the processes that compact or archive for a process, and live; the one that writes its log is another."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"wal.child_main" in command_of(child)]


def command_of(pid: str) -> bytes:
    """Return the command line of a process, nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def await_child(pid: int) -> None:
    """Return once a process compacts: then it has a child."""
    deadline = time.monotonic() + 20
    while not children_of(pid):
        assert time.monotonic() < deadline, "nothing is compacted"
        time.sleep(0.002)


def await_end(pids: list[int]) -> None:
    """Return once the processes have ended by themselves."""
    deadline = time.monotonic() + 20
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a compaction outlived its server"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Tell if a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_kill_9_loses_nothing_that_was_said_to_be_durable(tmp_path: Path) -> None:
    """At random moments, over rotations and compactions, again and again on one directory."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    compactions = snapshots = 0
    for number in range(ROUNDS):
        process = start(tmp_path)
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        if number % 2:
            await_child(process.pid)
            time.sleep(chance.uniform(0, 0.1))
            # Should that one have ended, the next one is not far.
            await_child(process.pid)
        else:
            time.sleep(chance.uniform(0, 0.8))
        children = children_of(process.pid)
        process.kill()
        # The last line may be cut: only whole ones were said.
        output, _ = process.communicate()
        lines = [line for line in output.split("\n")[:-1] if line]
        assert not [line for line in lines if line.startswith("failed")]
        acknowledged.update(line for line in lines if not line.startswith("snapshot"))
        compactions += len(children)
        await_end(children)
        state = DictState()
        log, report = await open_log(tmp_path, SETTINGS, state)
        assert acknowledged <= {key for _, key in state.values}
        assert report.sequence >= len(state.values)
        snapshots += report.snapshot > 0
        await log.close()
    assert len(acknowledged) > ROUNDS
    assert compactions > 0, "no kill met a compaction"
    assert snapshots > 0, "no start had a snapshot"


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
