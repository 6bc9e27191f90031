"""Who comes while the next segment is being prepared waits for it, and is not told that the disk is full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bench.memory_log import MemoryLog
from service.commands import Command, Create
from service.engine import Engine
from service.kinds.document import DocumentDraft
from tests.service.decide.world import World
from wal.errors import NoRoomError


class FillingLog(MemoryLog):
    """Has no room before it is told that there is some.

    Attributes:
        filled: There is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_filling = True
        self.filled = asyncio.Event()

    async def room(self) -> None:
        """Wait until there is."""
        await self.filled.wait()
        self.is_filling = False

    def admit(self) -> None:
        """Refuse while there is none."""
        if self.is_filling:
            raise NoRoomError("There is no room.")


@pytest.mark.parametrize("ask", [Engine.submit, Engine.foresee])
async def test_whoever_comes_while_a_segment_is_prepared_waits(
    ask: Callable[[Engine, Command], Awaitable[object]],
) -> None:
    """Be it a command, or one that is foreseen before its body is read."""
    world, log = World(), FillingLog()
    actor = world.user("ada@example.org")
    engine = Engine(world.state, log, lambda: world.now, world.limits)
    draft = DocumentDraft(title="t")
    command = Create(actor=actor, operation="o", kind="document", new_id=world.ids.new("doc"), draft=draft)
    asking = asyncio.ensure_future(ask(engine, command))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not asking.done()
    log.filled.set()
    await asking
