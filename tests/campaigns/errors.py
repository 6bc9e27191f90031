"""Errors of the disk: each operation of whole lives fails, with each error that it can have, once or from then on.

A failed write or sync of the log, or a failed call of a rotation, poisons it: nothing is acknowledged any more, and
the next start decides. Whatever else fails is refused, nothing that was acknowledged is lost, and once the disk works
again the log comes back by itself. EINTR is not among the errors: Python tries an interrupted call again, so that the
seam never tells of one.
"""

from __future__ import annotations

import errno
import random
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.life import Life, Step, left_alone, steps_of, whole
from tests.campaigns.recovering import Refused, recover
from tests.campaigns.simulation import InlineWriter, chance_of, simulate
from tests.campaigns.survivors import MODELS, survivor
from tests.campaigns.sweep import Tally, sweep
from tests.simulated_disk import SimulatedDisk
from wal.errors import DirectoryLockedError, NoRoomError, OutcomeUnknownError, PoisonedError, WalError

_CHANGING = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_OPENING = (errno.EIO, errno.EMFILE, errno.ENOMEM)
ERRORS = {
    "open": _OPENING,
    "create": (*_CHANGING, errno.EMFILE),
    "write": (*_CHANGING, errno.EFBIG),
    "sync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "sync_directory": (errno.EIO, errno.ENOSPC, errno.EMFILE),
    "rename": _CHANGING,
    "remove": (errno.EIO, errno.EROFS),
    "make_directory": _CHANGING,
    "list": _OPENING,
}
"""What each operation can fail with; of others, EIO."""
LIVES = 6
_TRIES = 4


class Fault(NamedTuple):
    """An operation that fails.

    Attributes:
        number: Of the operation, from 0.
        operation: Its name.
        error: With which number.
        is_lasting: All operations of this name fail from then on, until somebody looks after the disk.
    """

    number: int
    operation: str
    error: int
    is_lasting: bool

    def __str__(self) -> str:
        how = "from then on" if self.is_lasting else "once"
        return f"operation {self.number} ({self.operation}) fails with {errno.errorcode[self.error]} {how}"


def _life(seed: str) -> tuple[Life, list[Step]]:
    chance = random.Random(seed)
    return Life(SimulatedDisk(), chance), steps_of(chance)


@cache
def faults_of_life(seed: str) -> list[Fault]:
    """Return all faults of a life, in the order of its operations."""
    life, steps = _life(seed)
    with chance_of(seed):
        simulate(whole(life, steps))
    return [
        Fault(number, operation, error, is_lasting)
        for number, operation in enumerate(life.disk.operations)
        for error in ERRORS.get(operation, (errno.EIO,))
        for is_lasting in (False, True)
    ]


def live(seed: str, fault: Fault) -> Life:
    """Live through a life with a fault, until the log is closed or poisoned."""
    life, steps = _life(seed)
    disk, broken = life.disk, [True]

    def fail(operation: str) -> None:
        number = len(disk.operations) - 1
        lasts = fault.is_lasting and number > fault.number and operation == fault.operation
        if broken[0] and (number == fault.number or lasts):
            raise OSError(fault.error, "the disk fails by plan")

    disk.on_step = fail
    with chance_of(seed):
        simulate(_endure(life, steps, broken))
    return life


async def _endure(life: Life, steps: list[Step], broken: list[bool]) -> None:
    await _open(life, broken)
    for step in steps:
        try:
            await life.do(step)
        except (OSError, WalError) as error:
            _note_refusal(life, error)
            if _is_poisoned(life):
                break
            if step.name == "restart":
                await left_alone(life)
                await _open(life, broken)
    broken[0] = False
    if _is_poisoned(life):
        await _stays_poisoned(life)
    else:
        await _comes_back(life)
    await left_alone(life)


async def _open(life: Life, broken: list[bool]) -> None:
    """Open, and have somebody look after the disk if that goes wrong twice."""
    for attempt in range(3):
        broken[0] = broken[0] and attempt < 2
        try:
            await life.open()
        except OSError:
            continue
        except DirectoryLockedError as error:
            life.faults.append(f"a failed opening does not let the directory go: {error}")
            raise
        return
    life.faults.append("it does not open, although the disk works again")


def _is_poisoned(life: Life) -> bool:
    return life.log is not None and life.log.poisoned.done()


def _note_refusal(life: Life, error: Exception) -> None:
    writer = life.writer
    has_failed = isinstance(writer, InlineWriter) and writer.failed is not None
    if has_failed and not _is_poisoned(life):
        life.faults.append(f"the log failed ({error}), and is not poisoned")
    if _is_poisoned(life) and not has_failed:
        life.faults.append(f"the log is poisoned, although it did not fail ({error})")


async def _stays_poisoned(life: Life) -> None:
    """A poisoned log takes nothing, also when the disk works again."""
    try:
        await life.acknowledge(life.put())
    except (PoisonedError, OutcomeUnknownError):
        return
    life.faults.append("a poisoned log took a record")


async def _comes_back(life: Life) -> None:
    """Everything works again, by itself and soon."""
    refusal: Exception | None = None
    for _ in range(_TRIES):
        try:
            await life.append(3)
            await life.compact()
            await life.append(2)
        except NoRoomError as error:
            refusal = error
            await life.rested()
        except (OSError, WalError) as error:
            refusal = error
            break
        else:
            return
    life.faults.append(f"it does not come back: {type(refusal).__name__}: {refusal}")


@cache
def _starts(seed: int) -> list[int]:
    """Return how many faults there are before each life."""
    return list(accumulate((len(faults_of_life(f"{seed}/{number}")) for number in range(LIVES)), initial=0))


def check(seed: int, places: list[int]) -> Tally:
    """Make some faults; a place is one of one of the lives."""
    tally = Tally()
    for place in places:
        number = bisect_right(_starts(seed), place) - 1
        name = f"{seed}/{number}"
        fault = faults_of_life(name)[place - _starts(seed)[number]]
        _check(f"place {place}: {fault}", name, fault, tally)
    return tally


def _check(name: str, seed: str, fault: Fault, tally: Tally) -> None:
    tally.states += 1
    try:
        life = live(seed, fault)
        found = list(life.faults)
        tally.count("poisoned" if _is_poisoned(life) else "came back")
        chance = random.Random(name)
        for model in (MODELS[0], MODELS[1], chance.choice([model for model in MODELS if model.is_promised])):
            outcome = recover(survivor(life.disk.moment(), model, name), life.settings)
            if isinstance(outcome, Refused):
                found.append(f"lost {model.name}: refused: {outcome.error}")
            else:
                found += [
                    f"lost {model.name}: {one}"
                    for one in life.faults_of(outcome.sequence, outcome.digest, acknowledged=life.acknowledged)
                ]
    except Exception as error:  # noqa: BLE001 - a crash of the program is what is looked for
        found = [f"ended with {type(error).__name__}: {error}"]
    tally.findings += [f"{name}: {one}" for one in found]


def run(task: Task) -> Result:
    """Let operations fail."""
    return sweep(task, _starts(task.seed)[-1], check)


CAMPAIGN = Campaign(
    name="errors",
    claim="nothing lost, nothing acknowledged after a failed sync, and a log that comes back, in {states} runs",
    full=20_000,
    run=run,
)
