"""A state that knows the sequence of each key's last change, and its digest without adding up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wal import digest
from wal.block import Block
from wal.change import Change


class KeyedState:
    """Keeps values and the sequences of their last changes, by kind and id."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], bytes] = {}
        self.sequences: dict[tuple[str, str], int] = {}
        self._digest = 0

    @property
    def digest(self) -> int:
        """The state digest."""
        return self._digest

    @property
    def counts(self) -> Mapping[str, int]:
        """Entities by kind."""
        return Counter(kind for kind, _ in self.values)

    def number(self, key: str) -> int:
        """Return the number of a key's last change, 0 if there was none."""
        return int(self.values.get(("count", key), b"0"))

    def apply(self, sequence: int, _record_time: int, changes: Sequence[Change]) -> None:
        """Put and remove."""
        for change in changes:
            self._set((change.kind, change.id), change.value, sequence)

    def load(self, block: Block) -> None:
        """Put a snapshot's block."""
        for entity in block.entities():
            self._set((block.kind, entity.id), entity.value, entity.sequence)

    def loaded(self, sequence: int, digest: int) -> None:
        """Nothing follows: the digest was kept all along."""

    def _set(self, key: tuple[str, str], value: bytes | None, sequence: int) -> None:
        before = self.values.pop(key, None)
        if before is not None:
            self._digest = digest.subtract(self._digest, digest.entity_hash(*key, before))
        self.sequences.pop(key, None)
        if value is not None:
            self.values[key] = value
            self.sequences[key] = sequence
            self._digest = digest.add(self._digest, digest.entity_hash(*key, value))
