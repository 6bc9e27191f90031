"""The whole engine against a plain model: random commands, crashes, restarts, compactions and jumps of the clock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any, ClassVar, NamedTuple

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from service.commands import (
    Actor,
    Authenticate,
    Command,
    CredentialOf,
    Delete,
    LogIn,
    Outcome,
    Register,
)
from service.engine import Engine
from service.errors import CascadeTooLargeError, DomainError
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import UserDraft
from service.settings import load
from service.state.state import State, index_fields
from tests.campaigns.expected import Expected, Told, differences
from tests.campaigns.intents import INTENTS, Intent, command_of
from tests.campaigns.simulation import InlineWriter, Simulation
from tests.campaigns.survivors import MODELS, Model, survivor
from tests.service.decide.world import assert_same, rebuild
from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY
from wal.archive import ArchiveSettings
from wal.compaction import Compacted, Job, compact
from wal.compactor import Compactor
from wal.errors import ClosedError, OutcomeUnknownError, PoisonedError, WalError
from wal.log import Log
from wal.opening import open_log
from wal.settings import CompactionSettings, LogSettings

SETTINGS = LogSettings(segment_bytes=24 * 1024, record_bytes_max=8 * 1024, fill_pause_ms=0, retry_seconds=0.01)
LIMITS = load().limits
ENTITY_BYTES_MAX = 1024
"""What the deletion of an entity takes of a record, at the most."""
YEAR_US = 365 * 86_400_000_000


PROMISED = [model for model in MODELS if model.is_promised]


class Asked(NamedTuple):
    """A command under way: what must come of it, and the sequence that its answer rests on."""

    command: Command
    told: Told | type[DomainError]
    is_replayed: bool
    sequence: int
    answer: asyncio.Task[Outcome]


class Machine(RuleBasedStateMachine):
    """An engine over a simulated disk, and what is expected of it.

    Attributes:
        figures: What was done, over all machines of this process.
    """

    figures: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation()
        self.chance = random.Random(0)
        self.disk = SimulatedDisk()
        self.now = 1_700_000_000_000_000
        self.ids = IdSource(lambda: self.now, self.chance.randbytes)
        self.expected = Expected()
        self.history: list[tuple[int, Expected]] = []
        self.acknowledged = 0
        self.sent: list[Command] = []
        self.log: Log

    @initialize()
    def begin(self) -> None:
        """Open, and register two users."""
        self.simulation.run(self._begin())

    def teardown(self) -> None:
        """End."""
        self.disk.off = True
        self.simulation.close()

    @rule(intents=st.lists(INTENTS, min_size=2, max_size=10))
    def ask(self, intents: list[Intent]) -> None:
        """Have some commands carried out, several of them in one batch."""
        self.simulation.run(self._ask(intents))

    @rule(pick=st.integers(0, 40))
    def retry(self, pick: int) -> None:
        """Send a command again, with its idempotency key."""
        if self.sent:
            self.simulation.run(self._retry(self.sent[pick % len(self.sent)]))

    @rule(intents=st.lists(INTENTS, min_size=1, max_size=8), ahead=st.integers(0, 5), model=st.sampled_from(PROMISED))
    def crash(self, intents: list[Intent], ahead: int, model: Model) -> None:
        """Cut the power while commands are under way, and start on what is left."""
        self.disk.cut_at = len(self.disk.operations) + ahead
        self.simulation.run(self._ask(intents))
        self.disk.off = True
        left = survivor(self.disk.moment(), model, f"{len(self.history)}/{ahead}")
        self.simulation.run(self._end())
        self.disk = left
        self.simulation.run(self._open())

    @rule(ahead=st.integers(0, 30), model=st.sampled_from(PROMISED))
    def crash_within_a_start(self, ahead: int, model: Model) -> None:
        """Cut the power, and again while the next start is under way."""
        left = survivor(self.disk.moment(), model, f"{ahead}")
        self.disk.off = True
        self.simulation.run(self._end())
        left.cut_at = ahead
        self.simulation.run(self._try_to_open(left))
        left.off = True
        self.disk = survivor(left.moment(), model, f"{ahead}/again")
        self.simulation.run(self._open())

    @rule()
    def restart(self) -> None:
        """Stop and start."""
        self.simulation.run(self.log.close())
        self.acknowledged = max(self.acknowledged, self.history[-1][0])
        self.simulation.run(self._open())

    @rule()
    def compact(self) -> None:
        """Make a snapshot."""
        self.simulation.run(self._compact())

    @rule(jump_us=st.integers(-3_600_000_000, 86_400_000_000))
    def jump(self, jump_us: int) -> None:
        """Let the clock jump."""
        self.now += jump_us

    async def _begin(self) -> None:
        self.history = [(0, Expected())]
        await self._open()
        self.users = [await self._user(name) for name in ("ada", "bob")]
        self.acknowledged = self.log.sequence
        self.history = [(self.log.sequence, Expected())]

    async def _user(self, name: str) -> Actor:
        draft = UserDraft(email=f"{name}@example.org")
        members: dict[str, Any] = {"actor": None, "operation": "t", "loopback": True, "open": True}
        register = Register(new_id=self.ids.new("user"), draft=draft, password_hash="hash", **members)
        outcome = await self.engine.submit(register)
        credential = await self.engine.credential(CredentialOf(actor=None, user_id=outcome.id))
        assert credential is not None
        command = LogIn(
            actor=None,
            operation="t",
            user_id=outcome.id,
            credential_generation=credential.generation,
            session_id=self.ids.new("sess"),
            token_hash=name,
            lifetime_us=100 * YEAR_US,
            sessions_max=9,
        )
        await self.engine.submit(command)
        return await self.engine.authenticate(Authenticate(actor=None, token_hash=name))

    async def _open(self) -> None:
        """Start, and compare: a prefix with all that was acknowledged, found by every index."""
        self.state = State(KINDS)
        opened = open_log(DIRECTORY, SETTINGS, self.state, file_system=self.disk, writer=InlineWriter())
        self.log, report = await opened
        self.epoch = report.epoch
        self.engine = Engine(self.state, self.log, lambda: self.now, LIMITS)
        assert report.sequence >= self.acknowledged, f"{self.acknowledged} was acknowledged, not {report.sequence}"
        self.history = [(sequence, one) for sequence, one in self.history if sequence <= report.sequence]
        self.expected = self.history[-1][1]
        self._compare()
        assert_same(self.state, rebuild(self.state))
        self.figures["starts"] += 1
        self.figures["starts with a torn tail"] += report.torn_bytes > 0
        self.figures["starts from a snapshot"] += report.snapshot > 0

    async def _try_to_open(self, disk: SimulatedDisk) -> None:
        try:
            log, _ = await open_log(DIRECTORY, SETTINGS, State(KINDS), file_system=disk, writer=InlineWriter())
            disk.off = True
            await log.close()
        except (OSError, WalError):
            assert disk.off, "a start failed, and the power was on"

    async def _end(self) -> None:
        try:
            await self.log.close()
        except (OSError, WalError):
            assert self.disk.off

    def _compare(self) -> None:
        kinds = ("document", "text", "annotation", "tombstone", "idempotency")
        values: dict[str, dict[str, Any]] = {
            kind: {key: msgspec.json.decode(value) for key, value in self.state.tables[kind].items()} for kind in kinds
        }
        assert not differences(self.expected, values)

    async def _compact(self) -> None:
        compactor = Compactor(
            self.log,
            DIRECTORY,
            CompactionSettings(),
            index_fields(KINDS),
            epoch=self.epoch,
            file_system=self.disk,
            run=self._run_job,
            retention=ArchiveSettings(keep_bytes=20_000),
        )
        await compactor.compact()

    async def _run_job(self, job: Job) -> Compacted:
        return await asyncio.to_thread(compact, self.disk, job)

    async def _ask(self, intents: list[Intent]) -> None:
        asked = []
        for intent in intents:
            command = command_of(intent, self.users[intent.user], self.expected, self.ids, len(self.sent))
            if command is not None:
                # The next one may share its batch, or come while it is written.
                asked.append(await self._begun(command, turns=intent.other % 3))
        await self._settle([one for one in asked if one is not None])

    async def _begun(self, command: Command, turns: int) -> Asked | None:
        if self.disk.cut_at is None:
            await self.log.prepared()
        if self.log.poisoned.done() or self.log.is_filling:
            return None
        asked = await self._start(command)
        for _ in range(turns):
            await asyncio.sleep(0)
        return asked

    async def _start(self, command: Command) -> Asked | None:
        """Submit a command, and carry it out in the model at the same time; None if the log takes nothing any more."""
        trial = self.expected.copy()
        told: Told | type[DomainError]
        is_replayed = False
        try:
            told, is_replayed = trial.do(command)
        except DomainError as error:
            told = type(error)
        before = self.log.sequence
        answer = asyncio.ensure_future(self.engine.submit(command))
        await asyncio.sleep(0)
        if answer.done() and isinstance(answer.exception(), PoisonedError | ClosedError):
            return None
        if self._is_too_large(command, trial) and self.log.sequence == before:
            told = CascadeTooLargeError
        if not isinstance(told, type):
            self.expected = trial
        if self.log.sequence > before:
            self.history.append((self.log.sequence, trial))
        if command.idempotency is not None and not is_replayed:
            self.sent.append(command)
        return Asked(command, told, is_replayed, self.history[-1][0], answer)

    def _is_too_large(self, command: Command, trial: Expected) -> bool:
        """Tell if a deletion may be refused, since the model does not know how many bytes a record takes."""
        doomed = len(self.expected.entities) - len(trial.entities)
        return isinstance(command, Delete) and doomed * ENTITY_BYTES_MAX > SETTINGS.record_bytes_max

    async def _retry(self, command: Command) -> None:
        asked = await self._begun(command, turns=0)
        await self._settle([] if asked is None else [asked])

    async def _settle(self, asked: list[Asked]) -> None:
        """Wait for the answers and compare them."""
        for found in asked:
            try:
                outcome: Outcome | type[DomainError] = await found.answer
            except DomainError as error:
                outcome = type(error)
            except OutcomeUnknownError:
                assert self.disk.off, "the outcome is unknown, and the power is on"
                self.figures["commands of unknown outcome"] += 1
                continue
            self._check_answer(found, outcome)
            self.acknowledged = max(self.acknowledged, found.sequence)
        if not self.disk.off:
            self._compare()

    def _check_answer(self, asked: Asked, outcome: Outcome | type[DomainError]) -> None:
        if isinstance(outcome, type) or isinstance(asked.told, type):
            self.figures["refusals"] += 1
            assert outcome == asked.told, f"{asked.command}: {outcome}, expected {asked.told}"
            return
        assert asked.told.fits(outcome), f"{asked.command}: {outcome}, expected {asked.told}"
        assert outcome.replayed == asked.is_replayed
        self.figures["retries answered again" if asked.is_replayed else "commands"] += 1
        asked.told.body = outcome.body
