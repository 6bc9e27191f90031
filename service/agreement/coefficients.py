"""Coefficients of agreement, from counts. Each is None where it is not defined: there is nothing, or no variation.

- F1 of two sets of spans, one of them taken for right: it does not matter which.
- Cohen's kappa: J. Cohen, "A coefficient of agreement for nominal scales", 1960.
- Krippendorff's alpha, nominal: K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import Any

_PAIR = 2


def f1(matched: int, total: int) -> float | None:
    """Return the share of what two have that is matched.

    Args:
        matched: Of both.
        total: Of both.
    """
    return matched / total if total else None


def kappa(agreed: int, first: Mapping[Any, int], second: Mapping[Any, int]) -> float | None:
    """Return Cohen's kappa of two annotators.

    Args:
        agreed: Units to which both gave the same value.
        first: To how many units the first gave which value.
        second: The same of the second.
    """
    total = sum(first.values())
    by_chance = sum(count * second.get(value, 0) for value, count in first.items())
    if total * total == by_chance:
        return None
    return (total * agreed - by_chance) / (total * total - by_chance)


class Coincidences:
    """What observers said of units, any number of them of each: all that alpha needs."""

    def __init__(self) -> None:
        self.values: Counter[Hashable] = Counter()
        # By the number of observers: ordered pairs of values that differ, in all units.
        self._differing: Counter[int] = Counter()

    def add(self, counts: Mapping[Any, int], weight: int = 1) -> None:
        """Note units whose observers said the same.

        Args:
            counts: How many observers gave which value; what only one says counts nothing.
            weight: How many such units there are.
        """
        observers = sum(counts.values())
        if observers < _PAIR:
            return
        for value, count in counts.items():
            self.values[value] += count * weight
        differing = observers * observers - sum(count * count for count in counts.values())
        if differing:
            self._differing[observers] += differing * weight

    def add_two(self, agreed: int, first: Mapping[Any, int], second: Mapping[Any, int]) -> None:
        """Note units of two observers, as `kappa` takes them."""
        self.values.update(first)
        self.values.update(second)
        self._differing[_PAIR] += _PAIR * (sum(first.values()) - agreed)

    def add_all(self, other: Coincidences) -> None:
        """Note what others have noted."""
        self.values.update(other.values)
        self._differing.update(other._differing)

    def alpha(self) -> float | None:
        """Return Krippendorff's alpha for nominal values."""
        total = sum(self.values.values())
        expected = total * total - sum(count * count for count in self.values.values())
        if not expected:
            return None
        observed = sum((Fraction(count, observers - 1) for observers, count in self._differing.items()), Fraction(0))
        return float(1 - (total - 1) * observed / expected)
