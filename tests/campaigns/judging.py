"""What a driver said, against what is there after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.campaigns.driver import EXIT_DIRECTORY, EXIT_POISONED, SETTINGS, value_of
from tests.wal.model import DictState, put
from wal.inspection import inspect, records
from wal.opening import open_log
from wal.settings import LogSettings

RECOVERY_SECONDS = 60.0
Values = Mapping[str, bytes]


class Said(NamedTuple):
    """What a driver has said in whole lines.

    Attributes:
        changes: ``put`` or ``delete``, and the key, in order.
        durable: How many of them, from the first on, it said to be durable.
        lines: The others.
    """

    changes: list[tuple[str, str]]
    durable: int
    lines: list[str]


def said(output: str) -> Said:
    """Read what a driver said; a last line that was cut was not said."""
    changes: list[tuple[str, str]] = []
    durable = 0
    lines = []
    for line in output.split("\n")[:-1]:
        verb, _, rest = line.partition(" ")
        if verb in {"put", "delete"}:
            changes.append((verb, rest))
        elif verb == "durable":
            durable = max(durable, int(rest))
        else:
            lines.append(line)
    return Said(changes, durable, lines)


def judge(base: Values, told: Said, found: Values, value_bytes: int = 180) -> str | None:
    """Return what is wrong: `found` must be `base` after so many of the changes, all those said to be durable."""
    state = dict(base)
    for number in range(len(told.changes) + 1):
        if number >= told.durable and state == found:
            return None
        if number < len(told.changes):
            verb, key = told.changes[number]
            if verb == "put":
                state[key] = value_of(key, value_bytes)
            else:
                state.pop(key, None)
    return _difference(base, told, found)


def _difference(base: Values, told: Said, found: Values) -> str:
    durable = dict.fromkeys(base)
    for verb, key in told.changes[: told.durable]:
        durable.update({key: None}) if verb == "put" else durable.pop(key, None)
    deleted = {key for verb, key in told.changes if verb == "delete"}
    lost = [key for key in durable if key not in found and key not in deleted]
    foreign = [key for key in found if key not in base and ("put", key) not in told.changes]
    return (
        f"{told.durable} of {len(told.changes)} changes were said to be durable; the restart found no state after as "
        f"many or more of them; lost {lost[:5]}, never appended {foreign[:5]}"
    )


def broken_end(code: int | None, errors: str, *, killed: bool) -> str | None:
    """Return what is wrong with how a driver ended: `code` is None if it hung."""
    if code is None:
        return "it hung"
    allowed = {0, EXIT_POISONED, EXIT_DIRECTORY} | ({-9} if killed else set())
    if code not in allowed:
        return f"it ended with {code}: {errors[-500:]}"
    if "Traceback" in errors or "never retrieved" in errors:
        return f"a traceback nobody expects: {errors[-1500:]}"
    return None


async def _recovered(directory: Path, settings: LogSettings) -> Values:
    state = DictState()
    log, _ = await asyncio.wait_for(open_log(directory, settings, state), RECOVERY_SECONDS)
    found = {key: value for (_, key), value in state.values.items()}
    try:
        # It must be possible to go on, too.
        await log.room()
        change = put("after", b'"after"')
        sequence = log.append([change], time=0, actor=None, operation="test")
        state.apply(sequence, 0, [change])
        await asyncio.wait_for(log.wait(sequence), RECOVERY_SECONDS)
    finally:
        await log.close()
    return found


def recovered(directory: Path, settings: LogSettings = SETTINGS) -> Values:
    """Open a directory, append a record, shut it down, verify all of it, and return what it held at first.

    Raises:
        WalError: It is refused.
    """
    found = asyncio.run(_recovered(directory, settings))
    last = 0
    report = inspect(directory)
    first, end = report.segments[0].first, report.segments[-1].last
    for sequence, record in records(directory, first, end):
        if record.time < last:
            raise AssertionError(f"the time goes back at sequence {sequence}: {record.time} after {last}")
        last = record.time
    return found
