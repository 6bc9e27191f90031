"""A change that happened, and the chain that the changes of one key make."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wal.change import Change
from wal.errors import DamagedError

REMEDY = "`annolog log verify` tells which file is to blame. Restore it, or the whole directory, from a cold copy."


class Past(NamedTuple):
    """A change that happened.

    Attributes:
        sequence: Of its record.
        time: Of its record, in microseconds since 1970 UTC.
        actor: Who did it, None for the system itself.
        operation: The request or maintenance run that asked for it.
        change: What happened.
    """

    sequence: int
    time: int
    actor: str | None
    operation: str
    change: Change


class Chain:
    """Checks that each change of a key names the one before it: the proof that nothing between them is missing."""

    def __init__(self) -> None:
        self._sequence = 0
        # What a change may name that comes next: in a later record, and in the same one.
        self._later: set[int] = set()
        self._within: set[int] = set()

    def check(self, path: Path, first: int, past: Past) -> None:
        """Check the next change.

        Args:
            path: Where it was found.
            first: The first sequence that is retained.
            past: The change.

        Raises:
            DamagedError: A change before it is missing.
        """
        previous, sequence = past.change.previous, past.sequence
        named = self._within if sequence == self._sequence else self._later
        if previous not in named if self._sequence else previous >= first:
            found = f"a change of {past.change.kind} {past.change.id} that follows the one in record {previous}"
            expected = f"{self._sequence}, the one found before it" if self._sequence else f"one before {first}"
            raise DamagedError(path, 0, sequence, found=found, expected=expected, remedy=REMEDY)
        if sequence != self._sequence:
            # All changes of a record may name what the first one follows.
            self._within = {previous}
        # What is created again after its deletion follows nothing.
        self._later = {sequence, 0} if past.change.value is None else {sequence}
        self._within |= self._later
        self._sequence = sequence
