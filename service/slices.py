"""Long computations on the loop: in steps, so that nobody waits long for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

SLICE_SECONDS = 0.004
T = TypeVar("T")


async def in_slices(steps: Generator[None, None, T]) -> T:
    """Return what a computation returns; every few milliseconds between its steps others have their turn.

    Args:
        steps: Yields between its steps, which take well under a millisecond each.
    """
    try:
        while True:
            until = time.perf_counter() + SLICE_SECONDS
            while time.perf_counter() < until:
                next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()
