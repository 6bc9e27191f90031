"""Ids: TypeIDs, a prefix that names the kind and a UUIDv7 in Crockford's base 32, for example ``ann_01jd…``.

They sort by the time at which they were made and increase within the process, so that neighbours in time are
neighbours in memory and in snapshots.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from service.clock import Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = re.compile(f"[0-7][{_ALPHABET}]{{25}}")
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BYTES = 10
_STEP_MAX = 1 << 32


class Ids:
    """Makes ids, each greater than the one before.

    Args:
        clock: Tells the time that goes into the id.
        entropy: Returns as many random bytes as it is asked for.
    """

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._last = 0

    def new(self, prefix: str) -> str:
        """Return a new id of the kind that has this prefix."""
        random = int.from_bytes(self._entropy(_RANDOM_BYTES))
        number = self._clock.now() // 1000 << 80 | random
        if number <= self._last:
            # Within one millisecond, or after the clock went back: a random step keeps ids hard to guess.
            number = self._last + 1 + random % _STEP_MAX
        number = number & ~(0xF << 76) | 7 << 76
        number = number & ~(3 << 62) | 2 << 62
        if number <= self._last:
            # The step ran over into the version's or the variant's bits: go on with the next millisecond.
            number = ((self._last >> 80) + 1) << 80 | 7 << 76 | 2 << 62
        self._last = number
        return f"{prefix}_{_encode(number)}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` is a well-formed id with this prefix."""
    found, _, suffix = text.rpartition("_")
    return found == prefix and _SUFFIX.fullmatch(suffix) is not None


def prefix_of(id: str) -> str:  # noqa: A002 - the field's name everywhere
    """Return the part of an id that names its kind."""
    return id.rpartition("_")[0]


def _encode(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in range(120, -1, -10)])
