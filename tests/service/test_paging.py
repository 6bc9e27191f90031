"""Where a page ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.paging import page_of


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 9), st.integers(1, 40))
def test_a_page_ends_by_number_and_by_bytes(sizes: list[int], limit: int, bytes_max: int) -> None:
    """As if its items were taken one by one, until there are enough, or those before have the bytes."""
    values, positions = [b"x" * size for size in sizes], list(range(100, 100 + len(sizes)))
    taken: list[bytes] = []
    while len(taken) < min(limit, len(values)) and sum(map(len, taken)) < bytes_max:
        taken.append(values[len(taken)])
    items, last = page_of(values, positions, limit, bytes_max)
    assert items == taken
    assert last == (positions[len(taken) - 1] if len(taken) < len(values) else None)
