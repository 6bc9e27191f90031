"""Where a page ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.paging import fitting


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 9), st.integers(1, 40))
def test_a_page_ends_by_number_and_by_bytes(sizes: list[int], limit: int, bytes_max: int) -> None:
    """As if its items were taken one by one, until there are enough, or those before have the bytes."""
    values = [b"x" * size for size in sizes]
    taken: list[bytes] = []
    while len(taken) < min(limit, len(values)) and sum(map(len, taken)) < bytes_max:
        taken.append(values[len(taken)])
    assert fitting(values, limit, bytes_max) == len(taken)
