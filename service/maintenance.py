"""Maintenance: what is past its time is removed, through the one path that all mutations take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from service.commands import LOCAL_ADMIN, Command, Expire, Outcome
from service.errors import DomainError
from service.settings import Settings
from wal.errors import NoRoomError, WalError

_logger = structlog.get_logger(__name__)
_OPERATION = "maintenance"
_HOUR_US = 3_600_000_000
_MORE = 200


class Engine(Protocol):
    """What maintenance asks of the engine."""

    async def submit(self, command: Command) -> Outcome:
        """Carry out a command."""
        ...


Sleep = Callable[[float], Awaitable[None]]


async def maintain(engine: Engine, settings: Settings, sleep: Sleep = asyncio.sleep) -> None:
    """Remove what is past its time again and again, until the log ends or the task is cancelled.

    Args:
        engine: Decides what is past its time.
        settings: How often, and how much in one record.
        sleep: Waits for some seconds.
    """
    command = Expire(
        actor=LOCAL_ADMIN,
        operation=_OPERATION,
        limit=settings.maintenance.changes_max,
        idempotency_lifetime_us=round(settings.idempotency.lifetime_hours * _HOUR_US),
        idempotency_entries_max=settings.idempotency.entries_max,
    )
    while True:
        await sleep(settings.maintenance.interval_seconds)
        try:
            while (await engine.submit(command)).status == _MORE:
                # Requests go first.
                await sleep(0)
        except NoRoomError:
            # The disk is full, as every client is told; what is past its time is refused all the same.
            continue
        except DomainError as error:
            # Nothing here should be refused. Who runs the server must know, and the next round may go better.
            _logger.exception("what is past its time could not be removed", cause=str(error))
        except WalError:
            return
