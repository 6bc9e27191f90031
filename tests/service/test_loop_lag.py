"""How late the event loop is."""

from __future__ import annotations

import asyncio
import contextlib

from service.loop_lag import PROBE_SECONDS, LoopLag


async def probed(late: list[float]) -> LoopLag:
    """Return what has been woken that late, one time after the other."""
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        if not late:
            raise asyncio.CancelledError
        now += seconds + late.pop(0)

    lag = LoopLag(lambda: now, sleep)
    with contextlib.suppress(asyncio.CancelledError):
        await lag.run()
    return lag


async def test_the_largest_lag_is_told() -> None:
    """In seconds; before the first look it is nothing."""
    assert LoopLag().told() == {"lag_seconds_max": 0.0}
    assert round((await probed([0.001, 0.2, 0.0])).told()["lag_seconds_max"], 6) == 0.2


async def test_what_is_more_than_a_second_ago_is_not_told() -> None:
    """Whoever asks each second sees every lag."""
    looks = round(1 / PROBE_SECONDS)
    within, past = await probed([0.2] + [0.01] * (looks - 1)), await probed([0.2] + [0.01] * looks)
    assert round(within.told()["lag_seconds_max"], 6) == 0.2
    assert round(past.told()["lag_seconds_max"], 6) == 0.01
