"""What happened to one entity: its versions in order, each with the time in which it came about."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from service.drill.history import Effect, Operation, Shown


class Timeline:
    """An entity's versions and its end.

    Args:
        effects: Mutations that left a version of it.
        deletions: Those that took it away, its document's among them.

    Attributes:
        versions: Version → the mutation that made it; of several, the first one.
        repeated: Pairs of mutations that made the same version.
        born: When it was there at the latest; infinite if it never was.
        deleted_begin: When it was gone at the earliest; infinite if it never was.
        deleted_end: When it was gone at the latest.
    """

    def __init__(self, effects: Sequence[Effect], deletions: Sequence[Effect]) -> None:
        self.versions: dict[int, Effect] = {}
        self.repeated: list[tuple[Effect, Effect]] = []
        self.deletions = deletions
        for effect in sorted(effects, key=lambda one: one.begin):
            version = _shown(effect).version
            first = self.versions.setdefault(version, effect)
            if first is not effect:
                self.repeated.append((first, effect))
        first_effect = self.versions.get(1)
        self.born = math.inf if first_effect is None else first_effect.end
        self.deleted_begin = min((one.begin for one in deletions), default=math.inf)
        self.deleted_end = min((one.end for one in deletions), default=math.inf)
        ended = sorted((effect.end, version) for version, effect in self.versions.items())
        self._ends = [end for end, _ in ended]
        self._newest = list(accumulate((version for _, version in ended), max))

    @property
    def operations(self) -> list[Operation]:
        """All mutations."""
        repeated = (effect for pair in self.repeated for effect in pair)
        return [effect.operation for effect in (*self.versions.values(), *repeated, *self.deletions)]

    @property
    def missing(self) -> list[int]:
        """Versions up to the newest that no mutation made."""
        return [version for version in range(1, max(self.versions, default=0) + 1) if version not in self.versions]

    def in_order(self) -> Iterator[tuple[int, Effect]]:
        """Yield versions and what made them."""
        yield from sorted(self.versions.items())

    def newest_before(self, at: float) -> int:
        """Return the newest version that was certainly there before a moment, 0 if none was."""
        count = bisect_left(self._ends, at)
        return self._newest[count - 1] if count else 0

    def states(self, begin: float, end: float) -> Iterator[Shown | None]:
        """Yield what it may have been at some moment between two, None: it was not there."""
        if self.born >= begin:
            yield None
        if self.deleted_begin <= end:
            yield None
        ordered = list(self.in_order())
        for place, (_, effect) in enumerate(ordered):
            until = ordered[place + 1][1].end if place + 1 < len(ordered) else self.deleted_end
            if effect.begin <= end and until >= begin:
                yield _shown(effect)


def _shown(effect: Effect) -> Shown:
    if effect.shown is None:
        raise AssertionError("only deletions leave nothing, and they are kept apart")
    return effect.shown
