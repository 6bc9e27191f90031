"""Index columns: which entities of a block have which value in a field that the service looks up by.

The service tells the engine a table of kind → paths, and nothing else of its domain. A path names a member of the
entity's JSON (``label``), or a member of each object of a list (``arguments.target``); a number is looked up by its
thousandths. A compaction decodes these members of what changed, once; loading a snapshot then needs no JSON at all.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

_STEPS = 1000
IndexFields = Mapping[str, Sequence[str]]
"""Paths by kind."""


class Column(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One indexed field of a block.

    Attributes:
        terms: The distinct values, sorted.
        rows: For each of them the places in the block that have it: ascending, 4 bytes each, little endian.
    """

    terms: list[str]
    rows: list[bytes]


def make_columns(values: Sequence[bytes], paths: Sequence[str]) -> dict[str, Column]:
    """Return the columns of entities' JSON values, by path.

    Raises:
        msgspec.DecodeError: A value is no JSON object.
    """
    heads = sorted({path.partition(".")[0] for path in paths})
    decoder = msgspec.json.Decoder(msgspec.defstruct("Members", [(head, Any, None) for head in heads]))
    found: dict[str, dict[str, list[int]]] = {path: {} for path in paths}
    for row, value in enumerate(values):
        members = decoder.decode(value)
        for path, postings in found.items():
            for term in _terms(members, path):
                postings.setdefault(term, []).append(row)
    return {path: _column(postings) for path, postings in found.items()}


def number_term(number: float) -> str:
    """Return the term of a number: its thousandths, rounded down, so that few terms cover a range."""
    return str(math.floor(number * _STEPS))


def _column(postings: Mapping[str, list[int]]) -> Column:
    terms = sorted(postings)
    return Column(terms, [encode_rows(postings[term]) for term in terms])


def encode_rows(rows: Iterable[int]) -> bytes:
    """Return numbers as 4 bytes each, little endian."""
    return _little_endian(array("I", rows)).tobytes()


def decode_rows(data: bytes) -> array[int]:
    """Return the numbers that `encode_rows` encoded."""
    return _decoded("I", data)


def encode_numbers(numbers: Iterable[int]) -> bytes:
    """Return numbers as 8 bytes each, little endian."""
    return _little_endian(array("Q", numbers)).tobytes()


def decode_numbers(data: bytes) -> array[int]:
    """Return the numbers that `encode_numbers` encoded."""
    return _decoded("Q", data)


def _decoded(code: Literal["I", "Q"], data: bytes) -> array[int]:
    numbers = array(code)
    numbers.frombytes(data)
    return _little_endian(numbers)


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _terms(members: Any, path: str) -> Iterable[str]:
    head, _, rest = path.partition(".")
    value = getattr(members, head)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, int | float):
        return (number_term(value),)
    return {item[rest] for item in value if rest in item} if rest else set(value)
