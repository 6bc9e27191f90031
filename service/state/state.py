"""The state of the service: a table a kind, and the digest over all of them. It implements `wal.state.State`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from service.kinds.base import Kind
from service.offsets import Utf16
from service.state.supply import Supply
from service.state.table import Table
from service.state.texts import TextCache
from wal import digest
from wal.block import Block, position
from wal.change import Change


class State:
    """Every entity, changed by applied records alone.

    Attributes:
        tables: By kind.
        supply: What of them there is to give out.
        sequence: Of the last record that was applied.
        texts: Decoded, those that were used last.

    Args:
        kinds: All kinds that records may speak of.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.tables: dict[str, Table] = {}
        self.tables.update({kind.name: Table(kind, self.tables) for kind in kinds})
        self.supply = Supply(self.tables)
        self.sequence = 0
        self.texts = TextCache()
        self._digest = 0

    @property
    def digest(self) -> int:
        """The sum of the hashes of all entities."""
        return self._digest

    @property
    def counts(self) -> Mapping[str, int]:
        """Entities by kind."""
        return {name: len(table) for name, table in self.tables.items()}

    def text(self, document_id: str) -> str | None:
        """Return the decoded text of a document, None if it has none."""
        value = self.tables["text"].value(document_id)
        return None if value is None else self.texts.decoded(document_id, value)

    def offsets(self, document_id: str) -> Utf16 | None:
        """Return the offsets of a document's text in UTF-16 units, None if it has none."""
        value = self.tables["text"].value(document_id)
        return None if value is None else self.texts.offsets(document_id, value)

    def apply(self, sequence: int, _record_time: int, changes: Sequence[Change]) -> None:
        """Put and remove values as one record says.

        Args:
            sequence: Of the record.
            changes: Its changes, in order.
        """
        observed = self.supply.observed
        for place, change in enumerate(changes):
            table = self.tables[change.kind]
            row_before = self.supply.leave(change.kind, change.id) if change.kind in observed else None
            if change.value is None:
                before: bytes | None = table.remove(change.id)
            else:
                before = table.put(change.id, change.value, sequence, position(sequence, place))
                self._digest = digest.add(self._digest, digest.entity_hash(change.kind, change.id, change.value))
            if before is not None:
                self._digest = digest.subtract(self._digest, digest.entity_hash(change.kind, change.id, before))
            if change.kind in observed:
                self.supply.enter(change.kind, change.id, row_before)
        self.sequence = sequence

    def load(self, block: Block) -> None:
        """Take over a block of a snapshot; the state is empty before the first one."""
        self.tables[block.kind].load(block)

    def loaded(self, sequence: int, state_digest: int) -> None:
        """Learn that all blocks were given, as of `sequence`, and what their hashes add up to."""
        self.sequence = sequence
        self._digest = state_digest
        for table in self.tables.values():
            table.loaded()
        self.supply.load()


def index_fields(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    """Return the paths that are indexed by kind: all that the engine learns of the domain."""
    return {kind.name: sorted({index.path for index in kind.indexes if not index.is_computed}) for kind in kinds}
