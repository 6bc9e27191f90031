"""A state for tests of the engine: a plain dict, and nothing clever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wal import digest
from wal.block import Block
from wal.change import Change


class DictState:
    """Keeps values by kind and id, and the digest by adding up from scratch."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], bytes] = {}
        self.applied: list[int] = []

    @property
    def digest(self) -> int:
        """The state digest."""
        total = 0
        for (kind, key), value in self.values.items():
            total = digest.add(total, digest.entity_hash(kind, key, value))
        return total

    @property
    def counts(self) -> Mapping[str, int]:
        """Entities by kind."""
        return Counter(kind for kind, _ in self.values)

    def apply(self, sequence: int, _record_time: int, changes: Sequence[Change]) -> None:
        """Put and remove."""
        self.applied.append(sequence)
        for change in changes:
            if change.value is None:
                del self.values[change.kind, change.id]
            else:
                self.values[change.kind, change.id] = change.value

    def load(self, block: Block) -> None:
        """Put a snapshot's block."""
        for entity in block.entities():
            self.values[block.kind, entity.id] = entity.value

    def loaded(self, sequence: int, digest: int) -> None:
        """Nothing follows: the digest is added up when it is asked for."""


def delete(key: str, before: bytes, kind: str = "note") -> Change:
    """Return a change that deletes a value."""
    return Change(b"", f"{kind}.deleted", kind, key, 1, 0, None, before)


def put(key: str, value: bytes, kind: str = "note") -> Change:
    """Return a change that puts a value."""
    return Change(b"", f"{kind}.put", kind, key, 1, 0, value)
