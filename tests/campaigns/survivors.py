"""Which disks a power cut leaves: fault models of what was not synced, each a way to choose entries and sectors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.simulated_disk import SECTOR_BYTES, Inode, Moment, Pending, SimulatedDisk

Entries = Callable[[random.Random, Sequence[Pending]], Sequence[Pending]]
Content = Callable[[random.Random, Inode], bytes]


class Model(NamedTuple):
    """A fault model.

    Attributes:
        name: What is lost.
        entries: Chooses the changes of a directory that reached the disk.
        content: Gives what is left of a file.
        is_promised: The state must be right after it. Otherwise a refusal is right too: sectors are atomic, so bits
            that turn within one, and parts of one, are damage.
    """

    name: str
    entries: Entries
    content: Content
    is_promised: bool = True


def _no_entries(_chance: random.Random, _pending: Sequence[Pending]) -> Sequence[Pending]:
    return ()


def _all_entries(_chance: random.Random, pending: Sequence[Pending]) -> Sequence[Pending]:
    return pending


def _first_entries(chance: random.Random, pending: Sequence[Pending]) -> Sequence[Pending]:
    return pending[: chance.randint(0, len(pending))]


def _any_entries(chance: random.Random, pending: Sequence[Pending]) -> Sequence[Pending]:
    return [one for one in pending if chance.random() < 0.5]


def _length(inode: Inode) -> int:
    return max(len(inode.synced), len(inode.content))


def _synced(_chance: random.Random, inode: Inode) -> bytes:
    return inode.synced


def _written(_chance: random.Random, inode: Inode) -> bytes:
    return inode.with_sectors(sorted(inode.dirty), _length(inode))


def _long(_chance: random.Random, inode: Inode) -> bytes:
    return inode.with_sectors((), _length(inode))


def _any_sectors(chance: random.Random, inode: Inode) -> bytes:
    return inode.survivor(chance)


def _one_missing(chance: random.Random, inode: Inode) -> bytes:
    sectors = sorted(inode.dirty)
    if sectors:
        sectors.remove(chance.choice(sectors))
    return inode.with_sectors(sectors, _length(inode))


def _one_only(chance: random.Random, inode: Inode) -> bytes:
    sectors = [chance.choice(sorted(inode.dirty))] if inode.dirty else []
    return inode.with_sectors(sectors, _length(inode))


def _first_sectors(chance: random.Random, inode: Inode) -> bytes:
    sectors = sorted(inode.dirty)
    return inode.with_sectors(sectors[: chance.randint(0, len(sectors))], _length(inode))


def _last_sectors(chance: random.Random, inode: Inode) -> bytes:
    sectors = sorted(inode.dirty)
    return inode.with_sectors(sectors[chance.randint(0, len(sectors)) :], _length(inode))


def _flipped(chance: random.Random, inode: Inode) -> bytes:
    content = bytearray(_written(chance, inode))
    if inode.dirty:
        start = chance.choice(sorted(inode.dirty)) * SECTOR_BYTES
        content[chance.randrange(start, min(start + SECTOR_BYTES, len(content)))] ^= 1 << chance.randrange(8)
    return bytes(content)


def _torn(chance: random.Random, inode: Inode) -> bytes:
    content = bytearray(_written(chance, inode))
    if inode.dirty:
        start = chance.choice(sorted(inode.dirty)) * SECTOR_BYTES
        middle, end = start + chance.randrange(1, SECTOR_BYTES), min(start + SECTOR_BYTES, len(content))
        content[middle:end] = inode.with_sectors((), len(content))[middle:end]
    return bytes(content)


MODELS = (
    Model("all that was not synced", _no_entries, _synced),
    Model("nothing", _all_entries, _written),
    Model("data, not entries", _all_entries, _synced),
    Model("entries, not data", _no_entries, _written),
    Model("sectors, not sizes", _all_entries, _long),
    Model("any sectors and the last entries", _first_entries, _any_sectors),
    Model("any sectors and any entries", _any_entries, _any_sectors),
    Model("any sectors", _all_entries, _any_sectors),
    Model("one sector a file", _all_entries, _one_missing),
    Model("all but one sector a file", _all_entries, _one_only),
    Model("the last sectors", _all_entries, _first_sectors),
    Model("the first sectors", _all_entries, _last_sectors),
    Model("nothing, with a bit flipped", _all_entries, _flipped, is_promised=False),
    Model("nothing, with half a sector", _all_entries, _torn, is_promised=False),
)
"""By what is lost."""


def survivor(moment: Moment, model: Model, seed: str) -> SimulatedDisk:
    """Return the disk that a power cut leaves by a model."""
    chance = random.Random(seed)
    return moment.survivor(lambda pending: model.entries(chance, pending), lambda inode: model.content(chance, inode))


def fingerprint(disk: SimulatedDisk) -> int:
    """Return a number by which equal disks are told, nearly always, from others."""
    # Bytes keep their hash, and most files of two survivors are the same object.
    return hash(tuple((path, hash(inode.synced)) for path, inode in sorted(disk._names.items(), key=_path)))


def _path(item: tuple[Path, Inode]) -> Path:
    return item[0]
