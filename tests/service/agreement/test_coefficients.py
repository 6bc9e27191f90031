"""Coefficients, against published worked examples."""

from __future__ import annotations

from collections import Counter

import pytest

from service.agreement.coefficients import Coincidences, f1, kappa

# K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: sections A to C.
EXAMPLES = {
    "two observers, binary": (["0100000010", "1110010000"], 0.095),
    "two observers, nominal": (["aabbdcccedda", "babbbccceddd"], 0.692),
    "four observers, some missing": (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
}


def alpha_of(observers: list[str]) -> float | None:
    """Return alpha of what observers said of each unit, a character each; a dot is nothing."""
    found = Coincidences()
    for unit in zip(*observers, strict=True):
        found.add(Counter(value for value in unit if value != "."))
    return found.alpha()


@pytest.mark.parametrize("name", EXAMPLES)
def test_alpha_is_that_of_the_published_examples(name: str) -> None:
    """To the digits that are published."""
    observers, expected = EXAMPLES[name]
    assert alpha_of(observers) == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize(
    ("both", "first", "second", "neither", "expected"),
    [(20, 5, 10, 15, 0.4), (45, 15, 25, 15, 0.1304), (25, 35, 5, 35, 0.2593)],
)
def test_kappa_is_that_of_the_published_examples(
    both: int, first: int, second: int, neither: int, expected: float
) -> None:
    """Those of the article on Cohen's kappa in Wikipedia: grant proposals, and two with the same agreement."""
    ones, others = {"y": both + first, "n": second + neither}, {"y": both + second, "n": first + neither}
    assert kappa(both + neither, ones, others) == pytest.approx(expected, abs=0.00006)


def test_what_does_not_vary_has_no_coefficient() -> None:
    """Nor does nothing; perfect agreement is 1, and a unit that one observer saw counts nothing."""
    assert (kappa(0, {}, {}), kappa(5, {"a": 5}, {"a": 5}), f1(0, 0)) == (None, None, None)
    assert (alpha_of(["aaa", "aaa"]), alpha_of(["ab", ".."]), alpha_of(["", ""])) == (None, None, None)
    assert (alpha_of(["aab", "aab"]), kappa(3, {"a": 2, "b": 1}, {"a": 2, "b": 1})) == (1.0, 1.0)


def test_weights_are_many_units() -> None:
    """A stretch of alike code points counts as they would one by one."""
    weighted, single = Coincidences(), Coincidences()
    for values, count in ((Counter("aab"), 7), (Counter("ab"), 3), (Counter("bbb"), 2)):
        weighted.add(values, count)
        for _ in range(count):
            single.add(values)
    assert weighted.alpha() == single.alpha()
