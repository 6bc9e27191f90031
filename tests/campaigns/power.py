"""Power cuts: before every operation of whole lives of a log, and within the recoveries from them.

Besides what a cut may leave of what was not synced, a sync may have lied before it. Annolog cannot notice that, so what
was acknowledged may be lost then; but what a start accepts is still a state that the log once had.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.life import Life, Step, goes_on, steps_of, whole
from tests.campaigns.recovering import Opened, Outcome, Refused, recover, verify
from tests.campaigns.simulation import chance_of, simulate
from tests.campaigns.survivors import MODELS, Model, fingerprint, survivor
from tests.campaigns.sweep import Tally, sweep
from tests.simulated_disk import Moment, SimulatedDisk
from wal.looking import NoLogError

LIFE_STATES = 850
"""Of a life, about: what is the same is checked once."""
_LIFE_STATES_MAX = 1_000
_LYING = 8
_LIAR_STATES = 20
_LIES = (1, 1, 30, 1 << 30)
_NEAR = 25
_NESTED = 6
_NESTED_STATES = 40
_GO_ON_EACH = 12
_VERIFY_EACH = 5


class Cut(NamedTuple):
    """A moment at which the power goes: before which operation, and what was acknowledged by then."""

    number: int
    operation: str
    acknowledged: int
    moment: Moment

    def __str__(self) -> str:
        return f"cut before operation {self.number} ({self.operation})"


class Watched(NamedTuple):
    """A life, and every moment of it."""

    life: Life
    cuts: list[Cut]


def _life(seed: str) -> tuple[Life, list[Step]]:
    chance = random.Random(seed)
    return Life(SimulatedDisk(), chance), steps_of(chance)


def watch(seed: str, lying: range | None = None) -> Watched:
    """Live through a life, undisturbed but for syncs that lie, and keep its moments from the first of these on."""
    life, steps = _life(seed)
    cuts: list[Cut] = []
    disk = life.disk

    def note(operation: str) -> None:
        number = len(disk.operations) - 1
        if lying is None or number > lying.start:
            cuts.append(Cut(number, operation, life.acknowledged, disk.moment()))

    disk.on_step = note
    disk.lying = lying or range(0)
    with chance_of(seed):
        simulate(whole(life, steps))
    return Watched(life, cuts)


class Explorer:
    """Goes through the states of one life.

    Args:
        place: Number of the life.
        seed: Of all campaigns.
        tally: Where it is told.
    """

    def __init__(self, seed: int, place: int, tally: Tally) -> None:
        self._seed = f"{seed}/{place}"
        self._name = f"place {place}"
        self._tally = tally
        self._seen: set[tuple[int, int, bool]] = set()
        self._checked = 0

    def explore(self, states: int) -> None:
        """Make so many states: most of the life itself, the others of lies and of recoveries that are cut."""
        watched = watch(self._seed)
        syncs = [cut.number for cut in watched.cuts if cut.operation.startswith("sync")]
        chance = random.Random(self._seed)
        lies, nestings = min(_LYING, states // 120), min(_NESTED, states // 160)
        for lie in chance.sample(syncs, lies):
            self._explore_lie(lie)
        others = states - lies * _LIAR_STATES
        nested = 0
        done = self._tally.states
        pairs = [(cut, model) for cut in watched.cuts for model in MODELS]
        for cut, model in chance.sample(pairs, len(pairs)):
            if self._tally.states - done >= others:
                break
            outcome = self._check(watched.life, cut, model)
            if outcome is not None and model.is_promised and nested < nestings:
                nested += 1
                self._explore_recovery(watched.life, cut, model, chance)

    def _check(self, life: Life, cut: Cut, model: Model) -> Outcome | None:
        """Start on what a cut left; None if that was seen before."""
        seed = f"{self._seed}/{cut.number}/{model.name}"
        disk = survivor(cut.moment, model, seed)
        if not self._is_new(disk, cut.acknowledged, model.is_promised):
            return None
        name = f"{self._name}: {cut}, lost {model.name}"
        self._checked += 1
        if model.is_promised and self._checked % _VERIFY_EACH == 0:
            self._verify(name, disk)
        outcome = self._start(life, disk, name)
        if isinstance(outcome, Opened):
            self._tell(name, life.faults_of(outcome.sequence, outcome.digest, acknowledged=cut.acknowledged))
            if self._checked % _GO_ON_EACH == 0:
                self._go_on(name, life, disk)
        elif outcome is not None and model.is_promised:
            self._tell(name, [f"refused: {outcome.error}"])
        return outcome

    def _is_new(self, disk: SimulatedDisk, acknowledged: int, is_promised: bool) -> bool:
        state = (fingerprint(disk), acknowledged, is_promised)
        is_new = state not in self._seen
        self._seen.add(state)
        return is_new

    def _start(self, life: Life, disk: SimulatedDisk, name: str) -> Outcome | None:
        self._tally.states += 1
        try:
            outcome = recover(disk, life.settings)
        except Exception as error:  # noqa: BLE001 - a crash of the program is what is looked for
            self._tell(name, [f"ended with {type(error).__name__}: {error}"])
            return None
        self._tally.count("refused" if isinstance(outcome, Refused) else "opened")
        if isinstance(outcome, Opened) and outcome.ready.report.torn_bytes:
            self._tally.count("torn")
        return outcome

    def _verify(self, name: str, disk: SimulatedDisk) -> None:
        """Look on before anything is mended: archive, indexes and all snapshots are sound too."""
        error = verify(disk)
        self._tally.count("verified")
        if error is not None and not isinstance(error, NoLogError):
            self._tell(name, [f"the verification says: {error}"])

    def _go_on(self, name: str, before: Life, disk: SimulatedDisk) -> None:
        """Use the log after the crash, and start again."""
        life = Life(disk, random.Random(self._seed))
        life.settings, life.made, life.digests = before.settings, before.made, before.digests
        try:
            with chance_of(self._seed):
                simulate(goes_on(life))
            outcome = recover(SimulatedDisk.holding({path: bytes(disk.content(path)) for path in disk._names}))
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(f"{name}, then used again", [f"ended with {type(error).__name__}: {error}"])
            return
        found = [*life.faults, f"refused: {outcome.error}"] if isinstance(outcome, Refused) else life.faults
        if isinstance(outcome, Opened):
            found += life.faults_of(outcome.sequence, outcome.digest, acknowledged=life.acknowledged)
        self._tell(f"{name}, then used again", found)
        self._tally.count("used again")

    def _explore_recovery(self, life: Life, cut: Cut, model: Model, chance: random.Random) -> None:
        """Cut a recovery before each of its operations: the next one must come to the same."""
        seed = f"{self._seed}/{cut.number}/{model.name}"
        disk = survivor(cut.moment, model, seed)
        cuts: list[Cut] = []
        disk.on_step = lambda operation: cuts.append(
            Cut(len(disk.operations) - 1, operation, cut.acknowledged, disk.moment())
        )
        first = recover(disk, life.settings)
        if not isinstance(first, Opened):
            return
        pairs = [(one, which) for one in cuts for which in MODELS if which.is_promised]
        for one, which in chance.sample(pairs, min(_NESTED_STATES, len(pairs))):
            again = survivor(one.moment, which, f"{seed}/{one.number}/{which.name}")
            if not self._is_new(again, cut.acknowledged, True):
                continue
            name = f"{self._name}: {cut}, lost {model.name}; recovery {one}, lost {which.name}"
            outcome = self._start(life, again, name)
            self._tally.count("within a recovery")
            if isinstance(outcome, Refused):
                self._tell(name, [f"refused: {outcome.error}"])
            elif outcome is not None and (outcome.sequence, outcome.values) != (
                first.sequence,
                first.values,
            ):
                self._tell(name, [f"ends with {outcome.sequence}, not {first.sequence} as before"])

    def _explore_lie(self, lie: int) -> None:
        """Let one sync lie, or several, or all from here on: what is accepted afterwards is still what the log was."""
        chance = random.Random(f"{self._seed}/{lie}")
        lying = range(lie, lie + chance.choice(_LIES))
        watched = watch(self._seed, lying)
        # What one sync has not done, the next one of the same file does.
        near = watched.cuts[:_NEAR]
        pairs = [(cut, model) for cut in [*near, *chance.sample(watched.cuts, len(near))] for model in MODELS]
        for cut, model in chance.sample(pairs, min(_LIAR_STATES, len(pairs))):
            disk = survivor(cut.moment, model, f"{self._seed}/{cut.number}/{model.name}")
            if not self._is_new(disk, -lie, True):
                continue
            name = f"{self._name}: syncs lie from operation {lie} to {lying.stop}, {cut}, lost {model.name}"
            outcome = self._start(watched.life, disk, name)
            self._tally.count("after a lie")
            if isinstance(outcome, Refused):
                self._tally.count("refused after a lie")
            elif outcome is not None:
                self._tell(name, watched.life.faults_of(outcome.sequence, outcome.digest, acknowledged=0))
                if outcome.sequence < cut.acknowledged:
                    self._tally.count("lost after a lie, as nothing can notice")

    def _tell(self, name: str, found: list[str]) -> None:
        self._tally.findings += [f"{name}: {fault}" for fault in found]


def check(seed: int, places: list[int]) -> Tally:
    """Go through some lives in full."""
    return check_some(seed, places, _LIFE_STATES_MAX)


def check_some(seed: int, places: list[int], states: int) -> Tally:
    """Go through some lives, of each so many states."""
    tally = Tally()
    for place in places:
        Explorer(seed, place, tally).explore(states)
    return tally


def run(task: Task) -> Result:
    """Cut the power."""
    if task.size < LIFE_STATES and not task.places:
        tally = check_some(task.seed, [0], task.size)
        return Result(tally.states, tally.findings, dict(tally.figures))
    lives = -(-task.size // LIFE_STATES)
    return sweep(task, lives, check, size=lives)


CAMPAIGN = Campaign(
    name="power",
    claim="no acknowledged write lost, and nothing that was never appended, in {states} disks after a power cut",
    full=100_000,
    run=run,
)
