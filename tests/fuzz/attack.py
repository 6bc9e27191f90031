"""The attack: several connections send drawn requests at once; a canary watches, a ledger keeps, a kill ends it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.fuzz.actor import Actor, Ledger
from tests.fuzz.canary import Wait, Watched
from tests.fuzz.judge import fault_of, filled
from tests.fuzz.requests import draw
from tests.fuzz.server import Victim
from tests.fuzz.wire import Answer, Wire

CONNECTIONS = 6
_REFRESH_EVERY = 250
_UNFRAMED_SECONDS = 0.2
_SHOWN_BYTES = 600
_FINDINGS_MAX = 20


class Attack:
    """One attack on one process.

    Args:
        victim: Started.
        seed: Of the requests.
        size: How many.
        on_progress: Called with how many were sent.

    Attributes:
        findings: What was wrong.
        statuses: How often each was answered; 0 for no answer.
        sent: How many were sent.
        memory_kib: Of the server at the end.
    """

    def __init__(self, victim: Victim, seed: int, size: int, on_progress: Callable[[int], None]) -> None:
        self.findings: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self.memory_kib = 0
        self._victim = victim
        self._seed = seed
        self._size = size
        self._on_progress = on_progress
        self._under_way: list[tuple[float, float, int]] = []
        # The first user is the administrator: one who attacks nobody.
        self._keeper = Actor(Wire(victim.address), "keeper")
        self._actors = [Actor(Wire(victim.address), f"actor{place}") for place in range(CONNECTIONS)]

    async def run(self, calm: Callable[[], Awaitable[None]]) -> None:
        """Send everything, then kill the process while documents are created, and look what is there.

        Args:
            calm: Called before the kill.
        """
        try:
            await self._run(calm)
        finally:
            for actor in (*self._actors, self._keeper):
                await actor.close()

    def blame(self, wait: Wait) -> str:
        """Return which requests were under way during a wait."""
        end = wait.begin + wait.took / 1000
        numbers = [number for begin, done, number in self._under_way if begin < end and done > wait.begin]
        return ", ".join(map(str, numbers[:CONNECTIONS]))

    async def _run(self, calm: Callable[[], Awaitable[None]]) -> None:
        await self._keeper.refresh()
        numbers = iter(range(self._size))
        await asyncio.gather(*(self._attack(actor, numbers) for actor in self._actors))
        if self._victim.process.poll() is not None:
            self.findings.append(f"the process has ended with {self._victim.process.returncode}")
            return
        for actor in (*self._actors, self._keeper):
            await actor.refresh()
        self.memory_kib = self._victim.memory_kib()
        await calm()
        await self._kill()

    async def _attack(self, actor: Actor, numbers: Any) -> None:
        wire = Wire(self._victim.address)
        try:
            for count, number in enumerate(numbers):
                if len(self.findings) > _FINDINGS_MAX or self._victim.process.poll() is not None:
                    return
                if count % _REFRESH_EVERY == 0:
                    await actor.refresh()
                    actor.names[b"@other@"] = self._keeper.names[b"@user@"]
                await self._send(wire, actor, number)
                self.sent += 1
                self._on_progress(self.sent)
        finally:
            await wire.close()

    async def _send(self, wire: Wire, actor: Actor, number: int) -> None:
        request = draw(self._seed, number)
        sent = filled(request.sent, actor.names)
        begin = time.monotonic()
        answer: Answer | None = None
        try:
            if request.is_framed:
                answer = await wire.ask(sent, request.method)
                fault = "the connection was closed without an answer" if answer is None else fault_of(answer)
            else:
                # What its bytes mean is not known here: perhaps it waits for more, perhaps it is several requests.
                answer = await self._ask_alone(sent)
                fault = None if answer is None else fault_of(answer)
        except TimeoutError:
            fault = "no answer"
        except (KeyError, ValueError, IndexError) as error:
            fault = f"an answer that cannot be read: {error!r}"
        self._under_way.append((begin, time.monotonic(), number))
        if answer is not None and answer.status == 401 and actor.token.encode() + b"\r\n" in sent:
            # Logged out, or deleted: the next ones should get further than that.
            await actor.refresh()
        self.statuses[0 if answer is None else answer.status] += 1
        if fault is not None:
            self.findings.append(f"{fault}; seed {self._seed}, request {number}: {sent[:_SHOWN_BYTES]!r}")

    async def _ask_alone(self, sent: bytes) -> Answer | None:
        wire = Wire(self._victim.address)
        try:
            # HEAD may have become GET and the other way round: the header tells enough.
            return await wire.ask(sent, "HEAD" if sent.startswith(b"HEAD") else "GET", _UNFRAMED_SECONDS)
        except TimeoutError:
            return None
        finally:
            await wire.close()

    async def _kill(self) -> None:
        before = [await actor.state() for actor in self._actors]
        ledger = Ledger(Wire(self._victim.address), self._keeper)
        keeping = asyncio.create_task(ledger.keep(1_000_000))
        while len(ledger.acknowledged) < 50 and not keeping.done():
            await asyncio.sleep(0.001)
        if keeping.done():
            self.findings.append(f"a sound request was not taken: {keeping.exception()!r}")
        self._victim.kill()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(self._victim.start)
        for actor in (*self._actors, self._keeper):
            await actor.move(Wire(self._victim.address))
        if [await actor.state() for actor in self._actors] != before:
            self.findings.append("after a kill and a start something else is there than was told before")
        kept = {key for key, _ in await self._keeper.state()}
        lost = ledger.acknowledged - kept
        if lost or not ledger.acknowledged:
            self.findings.append(f"{len(lost)} of {len(ledger.acknowledged)} acknowledged documents are lost")


async def attack(directory: Path, seed: int, size: int, on_progress: Callable[[int], None]) -> tuple[Attack, Watched]:
    """Start a server and attack it; returns what came of it, and what the canary saw."""
    victim = await asyncio.to_thread(Victim, directory)
    try:
        command = (sys.executable, "-m", "tests.fuzz.canary", *map(str, (*victim.address, victim.process.pid)))
        pipe = asyncio.subprocess.PIPE
        canary = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        made = Attack(victim, seed, size, on_progress)
        watched: list[Watched] = []
        await made.run(lambda: _stop(canary, watched))
        return made, watched[0]
    finally:
        victim.kill()


async def _stop(canary: asyncio.subprocess.Process, watched: list[Watched]) -> None:
    told, _ = await canary.communicate(b"")
    watched.append(msgspec.json.decode(told, type=Watched))
