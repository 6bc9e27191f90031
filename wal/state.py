"""What the engine asks of the state that it replays into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from wal.block import Block
from wal.change import Change


class State(Protocol):
    """Holds the entities. It is pure: no I/O, no clock.

    Attributes:
        digest: The sum of `wal.digest.entity_hash` over all entities.
        counts: Entities by kind.
    """

    @property
    def digest(self) -> int:
        """The state digest."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """Entities by kind."""
        ...

    def apply(self, sequence: int, record_time: int, changes: Sequence[Change]) -> None:
        """Put and remove values as one record says."""
        ...

    def load(self, block: Block) -> None:
        """Take over a block of a snapshot. Blocks come by kind, and within a kind by creation, into an empty state."""
        ...

    def loaded(self, sequence: int, digest: int) -> None:
        """Learn that all blocks were given: the state is as of `sequence` and has this digest."""
        ...
