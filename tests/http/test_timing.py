"""`Server-Timing`: what a request took, and how much of it was waiting for the disk."""

from __future__ import annotations

import asyncio
import re

from service.timing import WAITED, Waited, durable
from tests.harness import Member

_FORM = re.compile(r"app;dur=(\d+\.\d\d), sync;dur=(\d+\.\d\d)")


class SlowLog:
    """A log whose syncs take as long as they are told."""

    def __init__(self) -> None:
        self.durable = 3
        self.synced = asyncio.Event()
        self.waited_for: list[int] = []

    async def wait(self, sequence: int) -> None:
        """Wait until the sync is done."""
        self.waited_for.append(sequence)
        await self.synced.wait()


async def test_every_answer_tells_what_it_took(anna: Member) -> None:
    """Refusals too, and streams until they begin; a change waits for the disk, what the state holds does not."""
    created = await anna.call("POST", "/v1/documents", {"title": "x"})
    read = await anna.call("GET", "/v1/me")
    refused = await anna.call("GET", "/nothing")
    stream = await anna.call("GET", "/v1/export")
    told = [_FORM.fullmatch(answer.headers["Server-Timing"]) for answer in (created, read, refused, stream)]
    assert None not in told
    app, sync = zip(*((float(one[1]), float(one[2])) for one in told if one is not None), strict=True)
    assert all(took >= 0 for took in app)
    assert sync[0] > 0
    assert sync[1:] == (0, 0, 0)


async def test_a_wait_is_counted_for_the_request_that_waits() -> None:
    """Once it is durable, or the sync has failed; what is durable already costs nothing."""
    log, waited = SlowLog(), Waited(0.0)
    WAITED.set(waited)
    log.synced.set()
    await durable(log, 3)
    assert waited.seconds == 0
    log.synced.clear()
    waiting = asyncio.ensure_future(durable(log, 4))
    await asyncio.sleep(0)
    log.synced.set()
    await waiting
    assert waited.seconds > 0


async def test_outside_of_a_request_nothing_is_counted() -> None:
    """Maintenance waits too, for the sync as requests do."""
    log = SlowLog()
    WAITED.set(None)
    waiting = asyncio.ensure_future(durable(log, 4))
    await asyncio.sleep(0)
    assert log.waited_for == [4]
    assert not waiting.done()
    log.synced.set()
    await waiting
    assert WAITED.get() is None
