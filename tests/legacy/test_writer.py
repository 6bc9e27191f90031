"""The log that is waited for later."""

from __future__ import annotations

from pathlib import Path

from service.kinds import KINDS
from service.legacy.writer import Ahead
from service.settings import load
from service.state.state import State
from tests.harness import QUICK
from wal.change import Change
from wal.opening import open_log


async def test_a_log_is_waited_for_once_much_of_it_is_not_durable(tmp_path: Path) -> None:
    """So that what is queued stays small, however large the import is."""
    state = State(KINDS)
    log, _ = await open_log(tmp_path, load(flags=QUICK).log, state)
    ahead = Ahead(log)
    waited = []
    for number in range(24):
        await ahead.room()
        key = f"doc_{number}"
        changes = [Change(b"", "text.created", "text", key, 1, 0, b'{"text":"%b"}' % (b"x" * 500_000))]
        sequence = ahead.append(changes, time=number, actor=None, operation="test")
        state.apply(sequence, number, changes)
        await ahead.wait(sequence)
        if log.durable >= sequence:
            waited.append(number)
    assert waited == [8, 17]
    await log.close()
