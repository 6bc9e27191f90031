"""Fixtures for the tests of the service's modules."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest


@dataclass
class Compared:
    """What was compared to find names that are like others.

    Attributes:
        letters: How often only the letters were.
        whole: How often the order was too, which takes longer.
        longest: Characters of the longest that was compared.
    """

    letters: int = 0
    whole: int = 0
    longest: int = 0


class Watched(str):
    """A name that counts what is asked of it.

    Attributes:
        asked: How often one of them was compared, or its hash taken.
    """

    __slots__ = ()
    asked = 0

    def __hash__(self) -> int:
        """Count."""
        Watched.asked += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        """Count."""
        Watched.asked += 1
        return super().__eq__(other)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """Count what is asked of names from now on."""
    monkeypatch.setattr(Watched, "asked", 0)
    return Watched


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    """Count comparisons of names: how long they take depends on the machine."""
    found = Compared()

    class Counting(difflib.SequenceMatcher[str]):
        def set_seq1(self, a: Sequence[str]) -> None:
            found.longest = max(found.longest, len(a))
            super().set_seq1(a)

        def set_seq2(self, b: Sequence[str]) -> None:
            found.longest = max(found.longest, len(b))
            super().set_seq2(b)

        def quick_ratio(self) -> float:
            found.letters += 1
            return super().quick_ratio()

        def ratio(self) -> float:
            found.whole += 1
            return super().ratio()

    monkeypatch.setattr(difflib, "SequenceMatcher", Counting)
    return found
