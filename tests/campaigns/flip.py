"""Rotten bits: each bit of all that matters in a directory is turned over, one at a time."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import accumulate
from pathlib import Path

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.directory import CRASHED, LOCK, SHUT, Known, known
from tests.campaigns.harm import Harm, examine, must_of
from tests.campaigns.sweep import Tally, sweep
from tests.wal.drive import DIRECTORY
from wal.segment import SEGMENT_HEADER_BYTES

_HEADER = range(96)
_BEHIND = 600


def _part(of: Known, path: Path) -> list[tuple[Known, Path, range]]:
    """Return what matters of a file: of a segment its header, its records, and the zeros right behind them."""
    size = len(of.files[path])
    if path.suffix != ".wal":
        return [(of, path, range(size))]
    used = len(of.files[path].rstrip(b"\0"))
    return [(of, path, _HEADER), (of, path, range(SEGMENT_HEADER_BYTES, min(size, used + _BEHIND)))]


@cache
def _parts() -> tuple[list[tuple[Known, Path, range]], list[int]]:
    """Return what is flipped, and how many bytes there are up to each part."""
    crashed, shut = known(CRASHED), known(SHUT)
    covered = min(path for path in crashed.files if path.suffix == ".wal")
    archived = sorted(path for path in crashed.files if path.parent.name == "archive")[:2]
    chosen = [covered, *list(crashed.read)[-2:], crashed.snapshot, *archived, LOCK]
    parts = [part for path in chosen for part in _part(crashed, path)] + _part(shut, shut.tail)
    return parts, list(accumulate((len(where) for _, _, where in parts), initial=0))


def harm_at(place: int) -> Harm:
    """Return the harm with a number: a bit of all the bits."""
    parts, starts = _parts()
    number, bit = divmod(place, 8)
    part = bisect_right(starts, number) - 1
    of, path, where = parts[part]
    offset = where[number - starts[part]]
    content = bytearray(of.files[path])
    content[offset] ^= 1 << bit
    name = f"place {place}: bit {bit} of byte {offset} of {path.relative_to(DIRECTORY)}, {of.end}"
    return Harm(of, {path: bytes(content)}, name)


def check(_seed: int, places: list[int]) -> Tally:
    """Make and judge some flips."""
    tally = Tally()
    for place in places:
        harm = harm_at(place)
        tally.states += 1
        examine(harm, must_of(harm), tally)
    return tally


def total() -> int:
    """Return how many bits there are."""
    return 8 * _parts()[1][-1]


def run(task: Task) -> Result:
    """Flip."""
    return sweep(task, total(), check)


CAMPAIGN = Campaign(
    name="flip",
    claim="none of {states} flipped bits of log, snapshot, archive, index and LOCK changed the state unnoticed",
    full=228_000,
    run=run,
)
