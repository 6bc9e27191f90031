"""What a start makes of a directory: a state, a refusal, or something that must not be."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY, SETTINGS
from tests.wal.model import DictState
from wal import digest
from wal.block import Block
from wal.change import Change
from wal.errors import DamagedError, WalError
from wal.inspection import inspect
from wal.recovery import Ready, Recovery
from wal.settings import LogSettings

KIND = "note"


class QuickState(DictState):
    """A dict that keeps its digest, as a server does."""

    def __init__(self) -> None:
        super().__init__()
        self._sum = 0

    @property
    def digest(self) -> int:
        """The state digest."""
        return self._sum

    def apply(self, sequence: int, record_time: int, changes: Sequence[Change]) -> None:
        """Put and remove."""
        for change in changes:
            before = self.values.get((change.kind, change.id))
            if before is not None:
                self._sum = digest.subtract(self._sum, digest.entity_hash(change.kind, change.id, before))
            if change.value is not None:
                self._sum = digest.add(self._sum, digest.entity_hash(change.kind, change.id, change.value))
        super().apply(sequence, record_time, changes)

    def load(self, block: Block) -> None:
        """Put a snapshot's block."""
        super().load(block)
        for entity in block.entities():
            self._sum = digest.add(self._sum, digest.entity_hash(block.kind, entity.id, entity.value))


class Opened(NamedTuple):
    """A directory that was opened: the state, and what was reported."""

    values: dict[tuple[str, str], bytes]
    ready: Ready

    @property
    def sequence(self) -> int:
        """Of the last record."""
        return self.ready.sequence

    @property
    def digest(self) -> int:
        """Of the state, added up from its values."""
        state = DictState()
        state.values = self.values
        return state.digest


class Refused(NamedTuple):
    """A directory that was refused as it is."""

    error: WalError


Outcome = Opened | Refused


def recover(disk: SimulatedDisk, settings: LogSettings = SETTINGS) -> Outcome:
    """Start on a disk, and let it go again. What is no refusal is raised."""
    state = QuickState()
    recovery = Recovery.begin(disk, DIRECTORY, settings, state, lambda _: None, threading.Event())
    try:
        return Opened(state.values, recovery.run())
    except WalError as error:
        return Refused(error)
    finally:
        recovery.lock.release()


def verify(disk: SimulatedDisk) -> WalError | None:
    """Return what `annolog log verify` says against a directory."""
    try:
        inspect(DIRECTORY, file_system=disk)
    except WalError as error:
        return error
    return None


def faults_of_refusal(refused: Refused, disk: SimulatedDisk, before: dict[Path, bytes]) -> list[str]:
    """Return what is wrong with a refusal: it names the place, and nothing was changed."""
    error = refused.error
    found = []
    if isinstance(error, DamagedError) and (not error.path.is_relative_to(DIRECTORY) or "expected" not in str(error)):
        found.append(f"the refusal does not say where and what: {error}")
    there = set(disk.files(DIRECTORY))
    for path, content in before.items():
        is_of_opening = path.name in ("LOCK", "prepared.tmp")
        if not is_of_opening and (path not in there or disk.content(path) != content):
            found.append(f"{path} was changed by a start that refused")
    return found
