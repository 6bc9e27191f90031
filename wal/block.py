"""A block of a snapshot: entities of one kind as columns, in the order of their creation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from wal import digest
from wal.columns import Column, decode_numbers, encode_numbers, make_columns

BLOCK_ENTITIES = 4096
BLOCK_BYTES = 4 * 1024 * 1024
"""A block is full with this many entities, or this many bytes of values."""

STATE_DIGEST_BYTES = 16


class Stored(NamedTuple):
    """An entity as a snapshot holds it.

    Attributes:
        id: Its id.
        value: Its encoded JSON.
        sequence: Of its last change.
        created: Its position of creation (`position`).
    """

    id: str
    value: bytes
    sequence: int
    created: int


class Block(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Entities of one kind, ascending by position of creation.

    Attributes:
        kind: Of all of them.
        digest: The sum of their hashes, 16 bytes, big endian.
        ids: Of each.
        values: The encoded JSON of each.
        sequences: Of the last change of each, 8 bytes, little endian.
        created: The position of creation of each, 8 bytes, little endian.
        columns: By the path of the indexed field.
    """

    kind: str
    digest: bytes
    ids: list[str]
    values: list[bytes]
    sequences: bytes
    created: bytes
    columns: dict[str, Column]

    def entities(self) -> Iterable[Stored]:
        """Return the entities one by one."""
        return map(Stored, self.ids, self.values, decode_numbers(self.sequences), decode_numbers(self.created))

    @property
    def is_roomy(self) -> bool:
        """It is less than half full: the next compaction puts it together with what comes after it."""
        return len(self.ids) < BLOCK_ENTITIES // 2 and sum(map(len, self.values)) < BLOCK_BYTES // 2


CREATED_SHIFT = 20


def position(sequence: int, place: int) -> int:
    """Return a position of creation: the order of the records, and of the changes in each."""
    return (sequence << CREATED_SHIFT) + place


def make_block(kind: str, entities: Sequence[Stored], paths: Sequence[str]) -> Block:
    """Return the block of some entities of one kind.

    Args:
        kind: Of all of them.
        entities: Ascending by position of creation.
        paths: The indexed fields of the kind.
    """
    values = [entity.value for entity in entities]
    return Block(
        kind,
        block_digest(kind, [entity.id for entity in entities], values),
        [entity.id for entity in entities],
        values,
        encode_numbers(entity.sequence for entity in entities),
        encode_numbers(entity.created for entity in entities),
        make_columns(values, paths) if paths else {},
    )


def block_digest(kind: str, ids: Sequence[str], values: Sequence[bytes]) -> bytes:
    """Return the sum of the hashes of entities, 16 bytes, big endian."""
    total = 0
    for id_, value in zip(ids, values, strict=True):
        total = digest.add(total, digest.entity_hash(kind, id_, value))
    return total.to_bytes(STATE_DIGEST_BYTES)
