"""Iterables are gone through in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from service.client.pulling import Pulled, pulled

AHEAD = 64


async def test_all_items_come_in_their_order() -> None:
    """Those that are None or false too."""
    items = [None, 0, "", *range(500)]
    assert [item async for item in pulled(items)] == items


async def test_an_iterable_is_gone_through_again_and_an_iterator_once() -> None:
    """As they are themselves."""
    source = Pulled([1, 2])
    assert [[item async for item in source] for _ in range(2)] == [[1, 2], [1, 2]]
    once = Pulled(iter([1, 2]))
    assert [[item async for item in once] for _ in range(2)] == [[1, 2], []]


async def test_what_it_raises_comes_behind_its_items() -> None:
    """Whatever it is."""

    def items() -> Iterator[int]:
        yield from range(3)
        raise KeyError("broken")

    source = pulled(items())
    assert [await anext(source) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="broken"):
        await anext(source)


async def test_no_more_is_taken_than_so_many_ahead_and_nothing_once_nobody_wants_it() -> None:
    """The thread ends then."""
    is_full, is_too_full = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        for number in range(10_000):
            if number == AHEAD + 1:
                is_full.set()
            if number > AHEAD + 1:
                is_too_full.set()
            yield number

    source = pulled(items())
    assert await anext(source) == 0
    assert is_full.wait(10)
    assert not is_too_full.wait(0.2)
    (thread,) = (one for one in threading.enumerate() if one.name == "annolog-client-items")
    await source.aclose()
    thread.join(10)
    assert not thread.is_alive()
    assert not is_too_full.is_set()
