"""Annotations as agreement sees them: who says what of which part of a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import msgspec

from service.kinds.mark import Argument, Fragment


class Claim(msgspec.Struct, frozen=True):
    """What comparison and agreement need of an annotation."""

    id: str
    document_id: str
    author_id: str
    type: str
    label: str | None = None
    start: int | None = None
    end: int | None = None
    fragments: list[Fragment] | None = None
    regions: Any = None
    arguments: list[Argument] | None = None
    attributes: dict[str, Any] = {}
    verdict: str | None = None
    rests_on: list[str] | None = None

    @property
    def is_decided(self) -> bool:
        """It is no annotator's, but what an adjudication made of them."""
        return self.rests_on is not None

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """The parts of the text that it covers, ascending."""
        if self.fragments:
            return tuple((piece.start, piece.end) for piece in self.fragments)
        return () if self.start is None or self.end is None else ((self.start, self.end),)


decode_claim = msgspec.json.Decoder(Claim).decode


class Cover:
    """Parts of a text that are covered, found by bisection.

    Args:
        pieces: Start and end of each, in any order.
    """

    def __init__(self, pieces: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(pieces):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def meets(self, pieces: Iterable[tuple[int, int]]) -> bool:
        """Tell if at least one code point of some pieces is covered."""
        for start, end in pieces:
            # The last part that begins before the piece ends is the only one that can reach into it.
            place = bisect_left(self._starts, end) - 1
            if place >= 0 and self._ends[place] > start:
                return True
        return False
