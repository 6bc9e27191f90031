"""Ids and their rows: in dictionaries, or in stretches that are bisected."""

from __future__ import annotations

import random

import pytest

from service.state.rows import Rows


def some(count: int, start: int = 0) -> list[str]:
    """Return ascending ids."""
    return [f"id_{number:06d}" for number in range(start, start + count)]


def test_ids_that_were_loaded_in_order_and_ids_that_came_later_are_found() -> None:
    """In blocks that continue each other, in blocks that do not, in small ones, and one by one."""
    rows, loaded = Rows(), [some(300), some(300, 300), some(300, 100_000), some(300, 50_000), some(3, 90_000)]
    scattered = some(500, 200_000)
    random.Random(3).shuffle(scattered)
    expected: list[str] = []
    for block in (*loaded, scattered):
        assert rows.extend(block) == len(expected)
        expected += block
    for id_ in some(5, 300_000):
        assert rows.add(id_) == len(expected)
        expected.append(id_)
    assert [rows.find(id_) for id_ in expected] == list(range(len(expected)))
    assert [rows.id_of(row) for row in range(len(expected))] == expected
    assert rows.find("id_000000x") is None
    assert rows.find("id_") is None
    assert rows.find("zz") is None
    assert len(rows._stretches) == 2


def test_nothing_may_be_loaded_too() -> None:
    """Between two blocks that continue each other."""
    rows = Rows()
    for block in ([], some(300), [], some(300, 300)):
        rows.extend(block)
    assert [rows.find(id_) for id_ in some(600)] == list(range(600))


def test_more_stretches_than_are_kept_are_found_all_the_same() -> None:
    """Blocks that each begin before the end of the one before."""
    rows, expected = Rows(), list[str]()
    for block in range(20, 0, -1):
        rows.extend(some(256, block * 1000))
        expected += some(256, block * 1000)
    assert [rows.find(id_) for id_ in expected] == list(range(len(expected)))


def test_two_equal_neighbours_never_make_a_stretch_of_wrong_rows() -> None:
    """An id is created again only after its deletion, so what a block holds differs; the last id of a stretch too."""
    rows = Rows()
    rows.extend(some(256))
    rows.remove("id_000255")
    rows.extend(["id_000255", *some(300, 1000)])
    assert rows.find("id_000255") == 256
    assert rows.find("id_000254") == 254


@pytest.mark.parametrize("seed", range(5))
def test_rows_equal_a_dictionary_after_random_changes(seed: int) -> None:
    """Whatever was loaded, added, removed, added again and forgotten at the front."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    rows, model = Rows(), dict[str, int]()
    for block in range(4):
        loaded = some(300, block * 300)
        rows.extend(loaded)
        model |= dict(zip(loaded, range(len(model), len(model) + 300), strict=True))
    for _ in range(3000):
        id_ = f"id_{chance.randrange(1500):06d}"
        if id_ in model:
            assert rows.remove(id_) == model.pop(id_)
        else:
            assert rows.remove(id_) is None
            if chance.random() < 0.5:
                model[id_] = rows.add(id_)
        if chance.random() < 0.01 and model:
            rows.forget(min(model.values()) - rows.base)
    assert {f"id_{number:06d}": rows.find(f"id_{number:06d}") for number in range(1500)} == {
        f"id_{number:06d}": model.get(f"id_{number:06d}") for number in range(1500)
    }
    assert list(rows.alive) == sorted(model.values())
    assert all(rows.id_of(row) == id_ for id_, row in model.items())
