"""The load itself: clients on connections of their own, what they count, and who looks at the clock meanwhile."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from service.load.answer import Answer
from service.load.connection import Address, Connection, LostError
from service.load.mix import CREATE, KINDS, drawn
from service.load.report import Generator, Interval
from service.load.schedule import Schedule
from service.load.server_figures import ServerWatch
from service.load.tally import Tally

_EXPECTED = {kind: 201 if kind == CREATE else 200 for kind in KINDS}
_PROBLEM = re.compile(rb'"type":"/problems/([a-z-]+)"')
_WATCH_SECONDS = 0.1
_RECONNECT_SECONDS = 0.2
_INTERVALS_MAX = 600


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        weights: Of the kinds of requests.
        clients: Connections.
        rate: Requests a second that are due; None for a closed loop.
        duration: Seconds.
        seed: Of the choices.
        timeout_seconds: After which an answer is not waited for any more.
        gone_seconds: After which a server that cannot be reached is given up.
    """

    weights: dict[str, int]
    clients: int
    rate: float | None
    duration: float
    seed: int
    timeout_seconds: float = 30.0
    gone_seconds: float = 10.0

    @property
    def interval_seconds(self) -> float:
        """Between two looks at the figures."""
        return max(1.0, self.duration / _INTERVALS_MAX)


class Source(Protocol):
    """What requests come from."""

    def request(self, kind: str) -> bytes:
        """Return the next request of a kind."""
        ...

    def learn(self, kind: str, body: bytes) -> None:
        """Take from an answer what later requests may ask for."""
        ...


class Load:
    """One run.

    Args:
        plan: What is to be done.
        address: Of the server.
        source: Of the requests.
        watch: Asks the server how it is.
        show: Called with each interval.

    Attributes:
        tally: What was counted.
        intervals: Over time.
        gone: Why the server was given up; empty if it was not.
    """

    def __init__(
        self,
        plan: Plan,
        address: Address,
        source: Source,
        watch: ServerWatch,
        show: Callable[[Interval], None],
    ) -> None:
        self.tally = Tally(plan.weights)
        self.intervals: list[Interval] = []
        self.gone = ""
        self._plan = plan
        self._address = address
        self._source = source
        self._watch = watch
        self._show = show
        self._clock = asyncio.get_running_loop().time
        self._connections: dict[int, Connection] = {}
        self._kinds = drawn(plan.weights, plan.seed)
        self._schedule = Schedule(plan.rate, self._clock(), plan.duration, self._clock)
        self._sleeping: set[asyncio.Task[None]] = set()
        self._cpu_share = 0.0

    @property
    def schedule(self) -> Schedule:
        """When requests were due."""
        return self._schedule

    def stop(self) -> None:
        """Send nothing more; what is open is waited for."""
        self._schedule.stop()
        for task in self._sleeping:
            task.cancel()

    def generator(self) -> Generator:
        """Return how the load tester itself did."""
        return Generator(cpu_share=self._cpu_share, late_ms=self.tally.late.percentile_ms(99.0))

    async def run(self) -> None:
        """Do it.

        Raises:
            OSError: The server cannot be reached at the beginning.
        """
        opened = await asyncio.gather(*(Connection.open(self._address) for _ in range(self._plan.clients)))
        self._connections = dict(enumerate(opened))
        await self._watch.look()
        begin, cpu = self._clock(), time.process_time()
        self._schedule = Schedule(self._plan.rate, begin, self._plan.duration, self._clock)
        moments = iter(self._schedule)
        beside = [asyncio.create_task(self._look(begin)), asyncio.create_task(self._give_up_slow())]
        try:
            clients = [asyncio.create_task(self._client(number, moments)) for number in self._connections]
            for ended in await asyncio.gather(*clients, return_exceptions=True):
                # Those that waited for their next moment when the load was stopped were cancelled.
                if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                    raise ended
        finally:
            self._cpu_share = (time.process_time() - cpu) / max(self._clock() - begin, 1e-9)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            for connection in self._connections.values():
                connection.abort("the load has ended")
        # What was answered last is in an interval too, a short one.
        await self._close_interval(begin)

    async def _client(self, number: int, moments: Iterator[float]) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a coroutine runs in a task")
        for due in moments:
            wait = due - self._clock()
            if wait > 0:
                self._sleeping.add(task)
                await asyncio.sleep(wait)
                self._sleeping.discard(task)
                self.tally.late.record(max(0.0, self._clock() - due))
            await self._ask(number, due)

    async def _ask(self, number: int, due: float) -> None:
        if not self._connections[number].is_open and not await self._reopened(number):
            self.tally.fail("not reachable")
            return
        kind = next(self._kinds)
        request = self._source.request(kind)
        sent = self._clock()
        self.tally.sent += 1
        try:
            answer = await self._connections[number].ask(request)
        except LostError as error:
            self.tally.fail(str(error))
            return
        if answer.status != _EXPECTED[kind]:
            self.tally.fail(_name(answer))
            return
        now = self._clock()
        self.tally.answer(kind, latency=now - due, service=now - sent)
        self._source.learn(kind, answer.body)

    async def _reopened(self, number: int) -> bool:
        """Connect again; tells if it came about before the server was given up, here or by another client."""
        since = self._clock()
        while not self.gone:
            try:
                self._connections[number] = await Connection.open(self._address)
            except OSError as error:
                if self._clock() - since > self._plan.gone_seconds:
                    self.gone = f"for {self._plan.gone_seconds:g} s it could not be reached ({error})"
                    self.stop()
                    return False
                await asyncio.sleep(_RECONNECT_SECONDS)
            else:
                return True
        return False

    async def _give_up_slow(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = self._clock()
            for connection in list(self._connections.values()):
                if connection.sent_at is not None and now - connection.sent_at > self._plan.timeout_seconds:
                    connection.abort(f"no answer within {self._plan.timeout_seconds:g} s")

    async def _look(self, begin: float) -> None:
        for number in range(1, 1 << 62):
            await asyncio.sleep(begin + number * self._plan.interval_seconds - self._clock())
            await self._close_interval(begin)
            self._show(self.intervals[-1])

    async def _close_interval(self, begin: float) -> None:
        server = await self._watch.look()
        at = self._clock() - begin
        before = self.intervals[-1].at if self.intervals else 0.0
        self.intervals.append(self.tally.interval(at, at - before, server))


def _name(answer: Answer) -> str:
    found = _PROBLEM.search(answer.body)
    return f"{answer.status} {found[1].decode()}" if found else f"status {answer.status}"
