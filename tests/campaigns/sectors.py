"""Sectors that a disk lost or mixed up: zeroed, garbled, swapped, written twice, and written where another belongs."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.directory import CRASHED, Known, known
from tests.campaigns.harm import Harm, examine, must_of
from tests.campaigns.sweep import Tally, sweep
from tests.simulated_disk import SECTOR_BYTES
from tests.wal.drive import DIRECTORY

_GARBLED = 8
_ZEROS = bytes(SECTOR_BYTES)


class _Sector:
    """A sector of a file."""

    def __init__(self, path: Path, start: int, content: bytes) -> None:
        self.path = path
        self.start = start
        self.content = content

    def __str__(self) -> str:
        return f"{self.path.relative_to(DIRECTORY)}:{self.start}"


@cache
def _sectors() -> list[_Sector]:
    files = known(CRASHED).files.items()
    return [
        _Sector(path, start, content[start : start + SECTOR_BYTES])
        for path, content in files
        if path.name != "prepared.tmp"
        for start in range(0, len(content), SECTOR_BYTES)
    ]


def _changed(of: Known, changes: list[tuple[_Sector, bytes]]) -> dict[Path, bytes]:
    """Return the files with some sectors overwritten; none gets another size."""
    files: dict[Path, bytearray] = {}
    for sector, content in changes:
        file = files.setdefault(sector.path, bytearray(of.files[sector.path]))
        file[sector.start : sector.start + len(sector.content)] = content.ljust(SECTOR_BYTES, b"\0")[
            : len(sector.content)
        ]
    return {path: bytes(content) for path, content in files.items()}


def harm_at(place: int) -> Harm:
    """Return the harm with a number: of each sector a few alone, and three with each other sector."""
    of, sectors = known(CRASHED), _sectors()
    number, kind = divmod(place, _kinds())
    sector = sectors[number]
    if kind == 0:
        return Harm(of, _changed(of, [(sector, _ZEROS)]), f"place {place}: {sector} zeroed")
    if kind <= _GARBLED:
        garbage = random.Random(place).randbytes(SECTOR_BYTES)
        return Harm(of, _changed(of, [(sector, garbage)]), f"place {place}: {sector} garbled")
    pair, way = divmod(kind - 1 - _GARBLED, 3)
    other = sectors[pair]
    name, changes = (
        ("swapped with", [(sector, other.content), (other, sector.content)]),
        ("written over", [(other, sector.content)]),
        ("written only over", [(sector, _ZEROS), (other, sector.content)]),
    )[way]
    return Harm(of, _changed(of, changes), f"place {place}: {sector} {name} {other}")


def _kinds() -> int:
    return 1 + _GARBLED + 3 * len(_sectors())


def check(_seed: int, places: list[int]) -> Tally:
    """Make and judge some harms."""
    tally = Tally()
    for place in places:
        harm = harm_at(place)
        if all(content == harm.known.files[path] for path, content in harm.changed.items()):
            # One empty sector instead of another is no harm.
            continue
        tally.states += 1
        examine(harm, must_of(harm), tally)
    return tally


def total() -> int:
    """Return how many harms there are, those included that change nothing."""
    return len(_sectors()) * _kinds()


def run(task: Task) -> Result:
    """Go through the sectors."""
    return sweep(task, total(), check)


CAMPAIGN = Campaign(
    name="sectors",
    claim="none of {states} sectors zeroed, garbled, swapped, doubled or misdirected changed the state unnoticed",
    full=78_000,
    run=run,
)
