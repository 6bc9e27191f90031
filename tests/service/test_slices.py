"""Long computations on the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator

import pytest

from service.slices import SLICE_SECONDS, in_slices


def counting(steps: int, ended: list[bool]) -> Generator[None, None, int]:
    """Take some time a step, and return how many there were."""
    try:
        for _ in range(steps):
            until = time.perf_counter() + SLICE_SECONDS / 10
            while time.perf_counter() < until:
                pass
            yield
        return steps
    finally:
        ended.append(True)


async def test_others_have_their_turn_meanwhile() -> None:
    """Again and again, and the result comes all the same."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert await in_slices(counting(100, [])) == 100
    task.cancel()
    assert 5 <= turns <= 60


async def test_what_is_given_up_is_closed() -> None:
    """By a cancellation, or by an error of its own, which is told."""
    ended: list[bool] = []
    task = asyncio.create_task(in_slices(counting(10_000, ended)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]

    def failing() -> Generator[None, None, int]:
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await in_slices(failing())
    assert await in_slices(counting(0, [])) == 0
