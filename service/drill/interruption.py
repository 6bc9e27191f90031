"""What ends a drill before its time: a signal, or a limit. Its server ends with it, and its whole rounds stay."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine

TIME_LIMIT = "the time limit"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_interrupted(work: Coroutine[object, object, None], seconds: float | None = None) -> str:
    """Do something until it is done or interrupted; the first interruption counts, and it may clean up in peace.

    Args:
        work: What is to be done.
        seconds: So long at most; None: as long as it takes.

    Returns:
        What interrupted it, empty if nothing did.
    """
    loop, task, causes = asyncio.get_running_loop(), asyncio.ensure_future(work), list[str]()

    def interrupt(cause: str) -> None:
        # `timeout` sends its signal twice, and people press keys twice: that must not cut the cleaning up.
        if not causes:
            causes.append(cause)
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number.name)
    limit = None if seconds is None else loop.call_later(seconds, interrupt, TIME_LIMIT)
    try:
        await task
    except asyncio.CancelledError:
        if not causes:
            raise
        return causes[0]
    finally:
        if limit is not None:
            limit.cancel()
    return ""
