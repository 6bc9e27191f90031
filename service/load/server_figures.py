"""What the server says about itself while it is under load: /v1/status, for administrators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from service.client import ClientError, ProblemError
from service.load.report import ServerFigures

_FORBIDDEN = 403
ONLY_ADMINISTRATORS = "It tells them to administrators only."


class _Batches(msgspec.Struct):
    count: int
    records: int
    seconds: float


class _Loop(msgspec.Struct):
    lag_seconds_max: float


class _Status(msgspec.Struct):
    """Of the status what is looked at; older servers tell less."""

    batches: _Batches | None = None
    event_loop: _Loop | None = None


class ServerWatch:
    """Asks again and again, and tells what came about between two times.

    Args:
        status: Asks the server for its status.
        clock: Seconds.

    Attributes:
        says: Why there are no figures; empty if there are.
    """

    def __init__(self, status: Callable[[], Awaitable[dict[str, Any]]], clock: Callable[[], float]) -> None:
        self._status = status
        self._clock = clock
        self._before: tuple[float, _Batches] | None = None
        self.says = ""

    async def look(self) -> ServerFigures | None:
        """Return the figures since the last look, None if there are none."""
        if self.says:
            return None
        try:
            told = msgspec.convert(await self._status(), _Status)
        except ProblemError as error:
            if error.status == _FORBIDDEN:
                self.says = ONLY_ADMINISTRATORS
            return None
        except (ClientError, msgspec.ValidationError):
            # The load counts what goes wrong; the next look may succeed.
            return None
        if told.batches is None and told.event_loop is None:
            self.says = "It is of a release that does not tell them."
            return None
        lag = None if told.event_loop is None else told.event_loop.lag_seconds_max * 1000
        return self._since(told.batches, lag)

    def _since(self, batches: _Batches | None, lag: float | None) -> ServerFigures:
        if batches is None:
            return ServerFigures(lag_ms_max=lag)
        now, before = self._clock(), self._before
        self._before = (now, batches)
        if before is None or batches.count < before[1].count:
            return ServerFigures(lag_ms_max=lag)
        count, records = batches.count - before[1].count, batches.records - before[1].records
        return ServerFigures(
            records_a_second=records / (now - before[0]) if now > before[0] else None,
            batch_records=records / count if count else None,
            sync_ms=(batches.seconds - before[1].seconds) / count * 1000 if count else None,
            lag_ms_max=lag,
        )
