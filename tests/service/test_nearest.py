"""The name that is most like what was found: which one it is, and how much is compared for it."""

from __future__ import annotations

import pytest

from service.nearest import nearest
from tests.service.conftest import Compared

CODES = [f"{letter}{number:02}.{part}" for letter in "ABCDE" for number in range(20) for part in range(10)]


@pytest.mark.parametrize(
    ("found", "names", "expected"),
    [
        ("persom", ["place", "person", "impersonator"], "person"),
        ("agee", ["certain", "age", "roles"], "age"),
        ("drug", ["place", "druid", "drugs", "gurd"], "drugs"),
        ("C17.44", CODES, "C17.4"),
        ("xyz", ["place"], "place"),
        ("", ["place"], "place"),
    ],
)
def test_the_nearest_is_told(found: str, names: list[str], expected: str) -> None:
    """However far it is, and however many there are."""
    assert nearest(found, names) == f"; the nearest is {expected!r}"


def test_of_no_names_none_is_the_nearest() -> None:
    """And nothing is told."""
    assert nearest("person", []) == ""


def test_few_names_are_compared_whole(compared: Compared) -> None:
    """Those that have the most letters in common."""
    nearest("C17.44", CODES)
    assert (compared.letters, compared.whole) == (len(CODES), 10)


@pytest.mark.parametrize(
    ("found", "names"), [("a" * 1_000_000, ["ab", "b"]), ("ab", ["b", "a" * 1_000_000]), ("a" * 1000, ["a" * 500])]
)
def test_what_is_long_is_compared_by_its_beginning(compared: Compared, found: str, names: list[str]) -> None:
    """To compare it whole takes as long as its length to the power of two, or of three."""
    assert nearest(found, names)
    assert compared.longest <= 40
