"""The chain of one key's changes: what is missing between two of them is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wal.change import Change
from wal.errors import DamagedError
from wal.past import Chain, Past

PATH = Path("/somewhere/1.wal")


def checked(first: int, *steps: tuple[int, int, bool]) -> None:
    """Check changes, each by sequence, the sequence that it follows, and if it leaves a value."""
    chain = Chain()
    for sequence, previous, alive in steps:
        change = Change(b"", "note.put", "note", "x", 1, previous, b"{}" if alive else None)
        chain.check(PATH, first, Past(sequence, 0, None, "t", change))


@pytest.mark.parametrize(
    ("first", "steps"),
    [
        (1, []),
        (1, [(5, 0, True), (7, 5, True), (9, 7, False)]),
        # Created again: it follows nothing, or its deletion.
        (1, [(5, 0, True), (7, 5, False), (9, 0, True), (12, 9, True)]),
        (1, [(5, 0, True), (7, 5, False), (9, 7, True)]),
        # What it follows at first is not retained any more.
        (50, [(55, 49, True), (57, 55, True)]),
        (50, [(55, 0, True)]),
        # Several changes in one record follow the same one, or each other.
        (1, [(5, 0, True), (7, 5, True), (7, 5, True), (7, 7, False), (9, 0, True)]),
        (1, [(5, 0, True), (5, 0, False), (5, 0, True), (6, 5, True)]),
        (1, [(5, 0, True), (7, 5, False), (7, 0, True), (7, 5, True)]),
    ],
)
def test_whole_chains_are_sound(first: int, steps: list[tuple[int, int, bool]]) -> None:
    """Whatever an entity lived through."""
    checked(first, *steps)


@pytest.mark.parametrize(
    ("first", "steps"),
    [
        (1, [(5, 3, True)]),
        (50, [(55, 50, True)]),
        (1, [(5, 0, True), (9, 7, True)]),
        (1, [(5, 0, True), (7, 5, True), (9, 5, True)]),
        # Only what was deleted can be created anew.
        (1, [(5, 0, True), (9, 0, True)]),
        (1, [(5, 0, True), (7, 5, False), (9, 0, True), (12, 0, True)]),
        (1, [(5, 0, True), (7, 5, False), (9, 8, True)]),
        (1, [(5, 0, True), (7, 5, True), (7, 6, True)]),
        (1, [(5, 0, True), (7, 5, True), (7, 7, True), (9, 5, True)]),
    ],
)
def test_a_gap_is_damage(first: int, steps: list[tuple[int, int, bool]]) -> None:
    """The last change of each follows one that is not there; it is named."""
    checked(first, *steps[:-1])
    with pytest.raises(DamagedError, match=rf"follows the one in record {steps[-1][1]}, expected") as caught:
        checked(first, *steps)
    assert caught.value.sequence == steps[-1][0]
