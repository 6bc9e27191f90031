"""A process that goes through steps on a log and says, line by line, what it does and what is durable.

Run as ``python -m tests.campaigns.driver DIRECTORY PLAN``, the plan as JSON. Its lines: ``put KEY`` and ``delete KEY``
before it appends, ``durable N`` once its first N changes are, ``refused`` when there is no room for a while. It ends as
the server does: 0 all is done, 1 the log is poisoned, 3 the directory is held, 4 damage, 5 the directory is unusable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from tests.wal.model import DictState, delete, put
from wal.archive import ArchiveSettings
from wal.child import compact_in_child
from wal.compaction import Compacted, Job
from wal.compactor import Compactor
from wal.errors import (
    ClosedError,
    CompactionError,
    DamagedError,
    DirectoryLockedError,
    NoRoomError,
    OutcomeUnknownError,
    PoisonedError,
    PruneError,
)
from wal.opening import open_log
from wal.settings import CompactionSettings, LogSettings

SETTINGS = LogSettings(segment_bytes=14 * 1024, record_bytes_max=1536, fill_pause_ms=0, retry_seconds=0.05)
EXIT_POISONED, EXIT_LOCKED, EXIT_DAMAGED, EXIT_DIRECTORY = 1, 3, 4, 5
_TABLE: dict[type[Exception], int] = {
    DirectoryLockedError: EXIT_LOCKED,
    DamagedError: EXIT_DAMAGED,
    OSError: EXIT_DIRECTORY,
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        steps: ``append:N``, ``compact``, ``both:N`` (append while it compacts), ``fill`` (append until it is refused),
            ``load`` (append until the end), ``wait`` (for a line on standard input), ``die`` (of SIGKILL), ``close``.
        batch: Records that are appended before one waits.
        traced: Which process the launcher is for: ``writer``, ``compaction``, ``archive``; else none.
        launcher: Runs Python under strace.
        value_bytes: Of each value.
        patience: Seconds without room until an append is given up.
        keep_bytes: Of the archive.
        settings: Of the log.
        early: Lie: say that it is durable without waiting for it. So that one sees the campaigns fail.
    """

    steps: tuple[str, ...]
    batch: int = 2
    traced: str = ""
    launcher: str = ""
    value_bytes: int = 180
    patience: float = 1.0
    keep_bytes: int = 8 * 1024
    settings: LogSettings = SETTINGS
    early: bool = False


def value_of(key: str, size: int) -> bytes:
    """Return the value of a key: whoever knows the key can tell if it is the right one."""
    return b'"%s"' % (key.encode() * (size // len(key) + 1))[:size]


def say(line: str) -> None:
    """Say a line at once, by a call that nothing is injected into."""
    os.writev(1, [line.encode() + b"\n"])


class Driver:
    """One process over one directory."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._directory = directory
        self._plan = plan
        self._state = DictState()
        self._python = sys.executable
        self._changes = 0

    async def run(self) -> int:
        """Go through the steps and return the exit code."""
        self._launch("writer")
        self._log, report = await open_log(self._directory, self._plan.settings, self._state)
        self._launch("")
        self._epoch = report.epoch
        say(f"open {report.sequence}")
        self._compactor = Compactor(
            self._log,
            self._directory,
            CompactionSettings(),
            {"note": []},
            epoch=report.epoch,
            run=self._compact_in_child,
            retention=ArchiveSettings(keep_bytes=self._plan.keep_bytes),
        )
        try:
            for step in self._plan.steps:
                await self._step(*step.split(":"))
        except (OutcomeUnknownError, PoisonedError):
            say("poisoned")
        with contextlib.suppress(OutcomeUnknownError):
            await self._log.close()
        return EXIT_POISONED if self._log.poisoned.done() else 0

    async def _step(self, name: str, argument: str = "0") -> None:
        if name == "append":
            await self._append(int(argument))
        elif name == "compact":
            await self._compact()
        elif name == "both":
            await asyncio.gather(self._compact(), self._append(int(argument)))
        elif name in {"fill", "load"}:
            while await self._append(self._plan.batch) or name == "load":
                pass
        elif name == "wait":
            say("waiting")
            await asyncio.to_thread(sys.stdin.readline)
        elif name == "die":
            os.kill(os.getpid(), signal.SIGKILL)

    async def _append(self, count: int) -> bool:
        """Append; returns False if there was no room for a while."""
        for start in range(0, count, self._plan.batch):
            sequence = 0
            for _ in range(min(self._plan.batch, count - start)):
                if not await self._room():
                    say("refused")
                    return False
                sequence = self._append_one()
            changes = self._changes
            await (asyncio.sleep(0.001) if self._plan.early else self._log.wait(sequence))
            say(f"durable {changes}")
        return True

    async def _room(self) -> bool:
        deadline = time.monotonic() + self._plan.patience
        while time.monotonic() < deadline:
            try:
                self._log.admit()
            except NoRoomError:
                await asyncio.sleep(0.002)
            else:
                return True
        return False

    def _append_one(self) -> int:
        self._changes += 1
        values = self._state.values
        if self._changes % 5 == 0 and values:
            kind, key = next(iter(values))
            say(f"delete {key}")
            change = delete(key, values[kind, key])
        else:
            key = f"{self._epoch}-{self._changes}"
            say(f"put {key}")
            change = put(key, value_of(key, self._plan.value_bytes))
        sequence = self._log.append([change], time=time.time_ns() // 1000, actor=None, operation="test")
        self._state.apply(sequence, 0, [change])
        return sequence

    async def _compact(self) -> None:
        try:
            compacted = await self._compactor.compact()
            say(f"snapshot {compacted and compacted.sequence}")
        except (CompactionError, NoRoomError, DamagedError, PruneError, OSError) as error:
            # As the server does: it is logged and tried again later.
            say(f"failed {type(error).__name__}: {error}")
        except ClosedError:
            say("closed")
        finally:
            self._launch("")

    async def _compact_in_child(self, job: Job) -> Compacted:
        self._launch("compaction")
        try:
            return await compact_in_child(job)
        finally:
            self._launch("archive")

    def _launch(self, which: str) -> None:
        """Start the next processes of this name under strace, if it is their turn."""
        sys.executable = self._plan.launcher if which and which == self._plan.traced else self._python


def main() -> int:
    """Do what the command line says."""
    plan = msgspec.json.decode(sys.argv[2], type=Plan)
    try:
        return asyncio.run(Driver(Path(sys.argv[1]), plan).run())
    except tuple(_TABLE) as error:
        say(f"ended {type(error).__name__}: {error}")
        return next(code for kind, code in _TABLE.items() if isinstance(error, kind))


if __name__ == "__main__":
    sys.exit(main())
