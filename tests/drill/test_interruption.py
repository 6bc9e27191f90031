"""What ends a drill before its time."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from service.drill.interruption import TIME_LIMIT, until_interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def at_work(done: list[str], sent: tuple[signal.Signals, ...]) -> None:
    """Be signalled, then once more while cleaning up."""
    try:
        for number in sent[:1]:
            os.kill(os.getpid(), number)
        await asyncio.Event().wait()
    finally:
        for number in sent[1:]:
            os.kill(os.getpid(), number)
        await asyncio.sleep(0.01)
        done.append("cleaned up")


def test_what_is_not_interrupted_ends_by_itself() -> None:
    """Nothing is named, and the limit is no more."""

    async def work() -> None:
        """Do nothing."""

    assert asyncio.run(until_interrupted(work(), 5.0)) == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_counts_and_further_ones_do_not_cut_the_cleaning_up(number: signal.Signals) -> None:
    """Whatever they are."""
    done: list[str] = []
    assert asyncio.run(until_interrupted(at_work(done, (number, *SIGNALS)))) == number.name
    assert done == ["cleaned up"]


def test_a_limit_interrupts() -> None:
    """As a signal does."""
    done: list[str] = []
    assert asyncio.run(until_interrupted(at_work(done, ()), 0.01)) == TIME_LIMIT
    assert done == ["cleaned up"]


def test_an_error_is_none_of_its_business() -> None:
    """It comes out as it is."""

    async def work() -> None:
        """Fail."""
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(until_interrupted(work()))
