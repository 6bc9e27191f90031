"""Requests are due at a steady rate, or when a client is free."""

from __future__ import annotations

from itertools import islice

import pytest

from service.load.schedule import Schedule


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_an_open_loop_is_due_at_the_rate_whatever_happens() -> None:
    """A client that comes late gets the moment that has passed, not the present one."""
    clock = Clock()
    schedule = Schedule(10, clock.now, 1.0, clock)
    moments = iter(schedule)
    assert list(islice(moments, 2)) == [100.0, pytest.approx(100.1)]
    clock.now = 100.9
    assert next(moments) == pytest.approx(100.2)
    assert schedule.due == 10


def test_what_is_overdue_at_the_end_is_not_sent() -> None:
    """It was due all the same."""
    clock = Clock()
    schedule = Schedule(10, clock.now, 1.0, clock)
    moments = iter(schedule)
    next(moments)
    clock.now = 101.0
    assert list(moments) == []
    assert (schedule.given, schedule.due) == (1, 10)


@pytest.mark.parametrize(("rate", "seconds", "due"), [(10, 1.0, 10), (3, 1.0, 3), (0.5, 1.0, 1), (2.5, 1.0, 3)])
def test_all_that_is_due_is_given_where_nothing_is_late(rate: float, seconds: float, due: int) -> None:
    """The first at once, none at the end itself."""
    clock = Clock()
    schedule = Schedule(rate, clock.now, seconds, clock)
    assert len(list(schedule)) == due == schedule.due


def test_a_closed_loop_is_due_when_somebody_is_free() -> None:
    """Until the end."""
    clock = Clock()
    schedule = Schedule(None, clock.now, 1.0, clock)
    moments = iter(schedule)
    assert next(moments) == 100.0
    clock.now = 100.7
    assert next(moments) == 100.7
    clock.now = 101.0
    assert next(moments, None) is None
    assert schedule.due == 2


def test_a_schedule_that_is_stopped_counts_what_was_due_until_then() -> None:
    """No more is given."""
    clock = Clock()
    schedule = Schedule(10, clock.now, 60.0, clock)
    moments = iter(schedule)
    list(islice(moments, 5))
    clock.now = 100.5
    schedule.stop()
    assert next(moments, None) is None
    assert schedule.seconds == pytest.approx(0.5)
    assert schedule.due == 5
