"""SIGKILL of a process that compacts, archives, prunes and lets go of its archive under load, at moments of each.

After each kill: the directory opens, every acknowledged change is there, the state of each key is the one that its
number says, and its history is without a gap from the first that is retained to the last, as `wal.history` tells it.
"""

from __future__ import annotations

import asyncio
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.keyed_state import KeyedState
from tests.campaigns.rewriter import KEYS, SETTINGS, value_of
from wal.errors import WalError
from wal.history import history
from wal.inspection import inspect
from wal.opening import open_log

ROOT_DIRECTORY = Path(__file__).parent.parent.parent
KEEP_BYTES = 25_000
_WAIT_SECONDS = 20.0
# What a kill waits for: a file that is there only then, or one that has just gone.
MOMENTS: dict[str, str] = {
    "any": "",
    "compaction": "snapshots/compaction-*.tmp",
    "snapshot": "snapshots/*.snap",
    "archiving": "archive/*.gz.tmp",
    "index": "archive/*.index.tmp",
    "archived": "archive/*.gz",
    "pruned": "log/*.wal",
}


def run(task: Task) -> Result:
    """Kill as often as asked, on directories that live for ten kills each."""
    chance = random.Random(task.seed)
    result = Result(0, [])
    met: Counter[str] = Counter()
    while result.states < task.size and not result.findings:
        with tempfile.TemporaryDirectory(prefix="annolog-kills-") as work:
            acknowledged: dict[str, int] = {}
            for _ in range(min(10, task.size - result.states)):
                moment = chance.choice(list(MOMENTS))
                met[f"kills at {moment}"] += 1
                try:
                    met.update(_round(Path(work) / "data", moment, chance.uniform(0, 0.03), acknowledged))
                except (AssertionError, WalError, OSError) as error:
                    result.findings.append(f"seed {task.seed}, kill {result.states}, at {moment}: {error!r}")
                    break
                result.states += 1
                task.on_progress(result.states)
    result.figures = dict(met)
    return result


def _round(directory: Path, moment: str, delay: float, acknowledged: dict[str, int]) -> Counter[str]:
    command = [sys.executable, "-m", "tests.campaigns.rewriter", str(directory), str(KEEP_BYTES)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT_DIRECTORY)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, lines))
    reader.start()
    try:
        # Not before it has begun to write; then the moment, and a random time after it.
        lines.get(timeout=_WAIT_SECONDS)
        _await_change(directory, MOMENTS[moment])
        time.sleep(delay)
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()
    told = []
    while not lines.empty():
        told.append(lines.get())
    failed = [line for line in told if line.startswith("failed")]
    assert not failed, failed[0]
    for line in told:
        # The last line may be cut: only whole ones were said.
        if line.endswith("\n"):
            key, number = line.split()
            acknowledged[key] = max(int(number), acknowledged.get(key, 0))
    return check(directory, acknowledged)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)


def _await_change(directory: Path, pattern: str) -> None:
    """Return when the files of a pattern are not the same any more."""
    before, deadline = sorted(directory.glob(pattern)) if pattern else [], time.monotonic() + _WAIT_SECONDS
    while pattern and sorted(directory.glob(pattern)) == before:
        assert time.monotonic() < deadline, f"nothing happened to {pattern}"
        time.sleep(0.001)


def check(directory: Path, acknowledged: dict[str, int]) -> Counter[str]:
    """Make sure that a directory holds what was acknowledged, and tells how it came; returns what it holds.

    Raises:
        AssertionError: It does not.
        WalError: It is damaged.
    """
    state = asyncio.run(_opened(directory))
    found = inspect(directory)
    for number in range(KEYS):
        key = f"key{number}"
        last = state.number(key)
        assert last >= acknowledged.get(key, 0), f"{key} is at {last}, {acknowledged[key]} was acknowledged"
        expected = None if last % 9 == 0 else value_of(key, last)
        assert state.values.get(("note", key)) == expected, f"{key} at {last} has another value"
        past = [int(one.operation) for one in history(directory, "note", key)]
        assert past == list(range(last - len(past) + 1, last + 1)), f"the history of {key} has gaps: {past}"
        values = [one.change.value for one in history(directory, "note", key)]
        assert values == [None if one % 9 == 0 else value_of(key, one) for one in past], f"a value of {key}"
        # What is acknowledged now is what the next kill must not lose.
        acknowledged[key] = last
    archived = sum(one.path.startswith("archive") for one in found.segments)
    first = found.segments[0].first
    return Counter({"with a snapshot": bool(found.snapshots), "with an archive": bool(archived), "let go": first > 1})


async def _opened(directory: Path) -> KeyedState:
    state = KeyedState()
    log, _ = await open_log(directory, SETTINGS, state)
    await log.close()
    return state


COMPACTION_KILLS = Campaign(
    name="compaction-kills",
    claim="no acknowledged change lost, no history with a gap in {states} kills of compaction, archiving and pruning",
    full=200,
    run=run,
)
