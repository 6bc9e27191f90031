"""Indexes that were loaded from columns, and indexes that grew row by row."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import pytest
from pyroaring import BitMap

from service.state.indexes import Numbers, Postings
from service.state.planner import Condition, intersect, span
from wal.columns import make_columns, number_term


def found(index: Numbers, bound: float, numbers: Sequence[float]) -> BitMap:
    """Return the rows whose number is not less than a bound."""
    rows = index.at_least(bound)
    return rows - index.less(bound, rows, numbers.__getitem__)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_find_what_is_not_less_whether_loaded_or_added(seed: int) -> None:
    """In several blocks, after removals, at every tenth and hundredth and between them."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    numbers = [chance.choice((round(chance.random(), 2), chance.random(), 0.0, 1.0)) for _ in range(900)]
    loaded, added = Numbers(), Numbers()
    for start in range(0, 900, 300):
        block = [b'{"n":%r}' % number for number in numbers[start : start + 300]]
        loaded.load(make_columns(block, ["n"])["n"], start)
    for row, number in enumerate(numbers):
        added.add(number_term(number), row)
    gone = set(chance.sample(range(900), 200))
    for row in gone:
        loaded.discard(number_term(numbers[row]), row)
        added.discard(number_term(numbers[row]), row)
    bounds = [hundredth / 100 for hundredth in range(-1, 103)] + [chance.random() for _ in range(50)] + numbers[:50]
    for bound in bounds:
        expected = [row for row, number in enumerate(numbers) if number >= bound and row not in gone]
        for index in (loaded, added):
            assert list(found(index, bound, numbers)) == expected, bound
            assert index.count_from(bound) >= len(expected), bound


def test_what_is_handed_out_for_a_bound_is_not_changed_by_the_next_one() -> None:
    """Also for bounds between two tenths, whose rows are put together."""
    index, numbers = Numbers(), [0.55, 0.62, 0.7, 0.97]
    for row, number in enumerate(numbers):
        index.add(number_term(number), row)
    for bound, expected in ((0.6, [1, 2, 3]), (0.56, [1, 2, 3]), (0.6, [1, 2, 3]), (0.95, [3]), (0.5, [0, 1, 2, 3])):
        assert list(found(index, bound, numbers)) == expected


def test_no_bound_is_too_large_or_too_small() -> None:
    """Also where a thousand times the bound is no number any more, and a zero that is negative."""
    index, numbers = Numbers(), [0.0, 0.5, 1.0]
    for row, number in enumerate(numbers):
        index.add(number_term(number), row)
    for bound, expected in ((sys.float_info.max, []), (2.5, []), (-0.0, [0, 1, 2]), (-sys.float_info.max, [0, 1, 2])):
        assert list(found(index, bound, numbers)) == expected
        assert index.count_from(bound) == len(expected)


def test_only_rows_that_all_else_left_are_looked_at_for_their_number() -> None:
    """However many have a number next to the bound: looking at each takes half a microsecond and decodes it."""
    index, numbers, looked = Numbers(), [0.9] * 1000, list[int]()
    for row, number in enumerate(numbers):
        index.add(number_term(number), row)

    def number_of(row: int) -> float:
        looked.append(row)
        return numbers[row]

    assert list(index.less(0.9001, BitMap([3, 5]), number_of)) == [3, 5]
    assert looked == [3, 5]
    assert not index.less(0.9, index.at_least(0.9), number_of)
    assert looked == [3, 5]


def test_a_size_is_known_before_rows_are_touched() -> None:
    """Of a value, of several, of none."""
    postings = Postings()
    for row, value in enumerate("aabac"):
        postings.add(value, row)
    assert (postings.count("a"), postings.count("ac"), postings.count("x")) == (3, 4, 0)


def test_the_most_selective_condition_goes_first_and_nothing_left_ends_the_search() -> None:
    """What would be costly is not even asked."""
    asked: list[str] = []

    def condition(name: str, size: int, rows: list[int]) -> Condition:
        def told() -> BitMap:
            asked.append(name)
            return BitMap(rows)

        return Condition(size, told)

    large, small, none = condition("large", 9, [1, 2, 3]), condition("small", 2, [2, 7]), condition("none", 0, [])
    assert list(intersect([large, small], BitMap())) == [2]
    assert asked == ["small", "large"]
    asked.clear()
    assert not intersect([large, small, none], BitMap())
    assert asked == ["none"]


def test_without_conditions_everything_is_selected() -> None:
    """And a span of rows that ends before it begins selects nothing."""
    assert intersect([], BitMap([1, 2])) == BitMap([1, 2])
    assert list(span(3, 6).rows()) == [3, 4, 5]
    assert not span(6, 3).rows()
