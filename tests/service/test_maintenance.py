"""Maintenance removes what is past its time, as fast as it comes, and gives up only with the log."""

from __future__ import annotations

import asyncio

import pytest

from service.commands import Command, Expire, Outcome
from service.errors import TooLargeError
from service.maintenance import maintain
from tests.harness import quick_settings
from wal.errors import NoRoomError, PoisonedError


class Script:
    """An engine that answers from a list, and a sleep that counts."""

    def __init__(self, answers: list[int | Exception]) -> None:
        self.answers = answers
        self.commands: list[Command] = []
        self.slept: list[float] = []

    async def submit(self, command: Command) -> Outcome:
        """Answer."""
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Outcome(status=answer)

    async def sleep(self, seconds: float) -> None:
        """Count."""
        self.slept.append(seconds)


async def test_it_goes_on_at_once_while_there_is_more() -> None:
    """And rests only when nothing is left, when the disk is full, or when it is refused."""
    script = Script([200, 200, 204, NoRoomError("full"), TooLargeError("no"), 204, PoisonedError("gone")])
    settings = quick_settings({"maintenance": {"interval_seconds": 7.0, "changes_max": 3}})
    await asyncio.wait_for(maintain(script, settings, script.sleep), 5)
    assert script.slept == [7.0, 0, 0, 7.0, 7.0, 7.0, 7.0]
    command = script.commands[0]
    assert isinstance(command, Expire)
    assert (command.limit, command.idempotency_lifetime_us, command.idempotency_entries_max) == (
        3,
        24 * 3_600_000_000,
        1_000_000,
    )


async def test_an_error_of_the_program_is_not_hidden() -> None:
    """It ends the task, and whoever waits for it learns of it."""
    script = Script([RuntimeError("a fault")])
    with pytest.raises(RuntimeError, match="a fault"):
        await maintain(script, quick_settings(), script.sleep)
