"""The state digest: a sum of hashes, so that its order of computation does not matter.

The live server adds and subtracts as it applies; a compaction adds up what it writes. Both must reach the same
number, which is how a snapshot is proved against an independent path before anything is pruned.
"""

from __future__ import annotations

from hashlib import blake2b

_MODULUS = 1 << 128


def entity_hash(kind: str, id: str, value: bytes) -> int:  # noqa: A002 - the field's name in the format
    """Return the 128-bit hash of one entity."""
    key = f"{kind}\0{id}\0".encode()
    return int.from_bytes(blake2b(key + value, digest_size=16).digest())


def add(digest: int, hashed: int) -> int:
    """Return the digest of a state with one more entity."""
    return (digest + hashed) % _MODULUS


def subtract(digest: int, hashed: int) -> int:
    """Return the digest of a state with one entity less."""
    return (digest - hashed) % _MODULUS
