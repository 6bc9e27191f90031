"""Ids: TypeIDs, a prefix that tells the kind and a UUID in base 32.

The format is that of the TypeID specification 0.3. New ids are UUIDv7 of RFC 9562, with the counter of its method 1,
so they increase within the process; ids that follow from a name are its UUIDv8.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX_LENGTH = 26
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(5 * (_SUFFIX_LENGTH - 2), -1, -10)
_SUFFIX = re.compile(rf"[0-7][{_ALPHABET}]{{{_SUFFIX_LENGTH - 1}}}")
_COUNTER_BITS = 12
_VERSION = 0x7
_VERSION_NAMED = 0x8
_VARIANT = 0b10
_UUID_BYTES = 16
# An id is made of three parts, each of whole characters: the milliseconds alone; version, counter, variant and two of
# the random bits; the other sixty.
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 12
_RANDOM_BYTES = _RANDOM_CHARACTERS + 1
_RANDOM_AHEAD = 256
_CHARACTER_OF_BYTE = bytes(_ALPHABET[byte % len(_ALPHABET)].encode()[0] for byte in range(256))


class IdSource:
    """Makes ids, each greater than the one before it, whatever the clock does.

    Args:
        now: Gives microseconds since 1970 UTC.
        random: Gives that many random bytes.
    """

    def __init__(self, now: Callable[[], int], random: Callable[[int], bytes] = os.urandom) -> None:
        self._now = now
        self._random = random
        # Milliseconds and counter in one number, so that a full counter borrows from the next millisecond.
        self._tick = 0
        self._milliseconds = -1
        self._time = ""
        self._tails: list[tuple[int, str]] = []

    def new(self, prefix: str) -> str:
        """Return a new id, for example ``doc_01jdcw3s1vf9t8v3n6y0c1qk2m``."""
        self._tick = max(self._tick + 1, self._now() // 1000 << _COUNTER_BITS)
        milliseconds, counter = divmod(self._tick, 1 << _COUNTER_BITS)
        if milliseconds != self._milliseconds:
            self._milliseconds = milliseconds
            self._time = _encode(milliseconds << 80)[:_TIME_CHARACTERS]
        if not self._tails:
            self._tails = self._ahead()
        bits, tail = self._tails.pop()
        middle = (_VERSION << _COUNTER_BITS | counter) << 4 | _VARIANT << 2 | bits
        return f"{prefix}_{self._time}{_PAIRS[middle >> 10]}{_PAIRS[middle & 1023]}{tail}"

    def _ahead(self) -> list[tuple[int, str]]:
        """Return the random parts of many ids: two bits, and twelve characters of five bits."""
        random = self._random(_RANDOM_BYTES * _RANDOM_AHEAD)
        text = random.translate(_CHARACTER_OF_BYTE).decode("ascii")
        starts = range(0, len(random), _RANDOM_BYTES)
        return [(random[start] & 0b11, text[start + 1 : start + _RANDOM_BYTES]) for start in starts]


def named(prefix: str, name: bytes) -> str:
    """Return the id that follows from a name: the same at each call, for another name another one."""
    number = int.from_bytes(hashlib.blake2b(name, digest_size=_UUID_BYTES).digest())
    number = number & ~(0xF << 76) | _VERSION_NAMED << 76
    return f"{prefix}_{_encode(number & ~(0b11 << 62) | _VARIANT << 62)}"


def pattern(prefix: str) -> str:
    """Return the regular expression that ids with a prefix have the form of."""
    return f"^{prefix}_{_SUFFIX.pattern}$"


def has_form(id: str, prefix: str) -> bool:  # noqa: A002 - the member's name in the API
    """Tell if an id has this prefix and a suffix of the right form."""
    head, separator, suffix = id.rpartition("_")
    return head == prefix and bool(separator) and _SUFFIX.fullmatch(suffix) is not None


def _encode(number: int) -> str:
    # Two characters at a time: every entity that is created needs this.
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
