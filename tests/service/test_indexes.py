"""Indexes that were loaded from columns, and indexes that grew row by row."""

from __future__ import annotations

import random

import pytest
from pyroaring import BitMap

from service.state.indexes import Numbers, Postings
from service.state.planner import Condition, intersect, span
from wal.columns import make_columns, number_term


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
            assert list(index.at_least(bound, numbers.__getitem__)) == expected, bound
            assert index.count_from(bound) >= len(expected), bound


def test_what_is_handed_out_for_a_bound_is_not_changed_by_the_next_one() -> None:
    """Also for bounds between two tenths, whose rows are put together."""
    index, numbers = Numbers(), [0.55, 0.62, 0.7, 0.97]
    for row, number in enumerate(numbers):
        index.add(number_term(number), row)
    for bound, expected in ((0.6, [1, 2, 3]), (0.56, [1, 2, 3]), (0.6, [1, 2, 3]), (0.95, [3]), (0.5, [0, 1, 2, 3])):
        assert list(index.at_least(bound, numbers.__getitem__)) == expected


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
