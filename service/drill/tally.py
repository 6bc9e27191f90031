"""What a drill has seen, in figures."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from service.drill.history import Operation
from service.drill.violation import Broken, Violation

BUCKET_SECONDS = 0.25
_LOST = frozenset({Broken.LOST, Broken.OLDER, Broken.RETURNED})
_DUPLICATED = frozenset({Broken.DUPLICATED, Broken.VERSIONS})
_CHANGED = frozenset({Broken.ANSWER, Broken.REFUSED})


class RoundReport(msgspec.Struct, kw_only=True):
    """A round.

    Attributes:
        number: From 1, over all directories.
        fault: Its name.
        directory: Over which it was carried out, from 1.
        complete: The last of its directory: everything that was acknowledged there was sent again, the server was
            stopped in order, and all files were verified once more.
        felt: The fault did what it was to do; else its moment never came, and the round was an ordinary kill.
        began_at: When the load began, in seconds since the drill did.
        struck_at: When the fault struck.
        ready_at: When the server was ready again.
        exit_code: Of the server.
        cut_short: What it had not finished.
        recovery_seconds: From the start of the process to its readiness.
        acknowledged: Mutations that were answered with success.
        refused: Requests that were answered with a problem.
        unacknowledged: Mutations that nobody answered.
        kept: Of those, what was there after the restart.
        read: Reads that were answered.
        retried: Requests that were sent again, of this round and of earlier ones.
        lost: Entities that were gone, or older, or came back.
        duplicated: What was done twice.
        changed: Retries that were answered otherwise.
        other: Further violations.
        violations: All of them.
    """

    number: int
    fault: str
    directory: int = 1
    complete: bool = False
    felt: bool = True
    began_at: float = 0.0
    struck_at: float = 0.0
    ready_at: float = 0.0
    exit_code: int | None = None
    cut_short: list[str] = []
    recovery_seconds: float = 0.0
    acknowledged: int = 0
    refused: int = 0
    unacknowledged: int = 0
    kept: int = 0
    read: int = 0
    retried: int = 0
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    other: int = 0
    violations: list[Violation] = []

    def count(self, operations: Iterable[Operation]) -> None:
        """Count the load's requests."""
        for one in operations:
            self.retried += len(one.retries)
            if one.answer is not None and one.answer.problem and not one.answer.is_open:
                self.refused += 1
            elif one.is_read:
                self.read += one.answer is not None
            else:
                self.acknowledged += one.is_acknowledged
                self.unacknowledged += one.is_unknown
                self.kept += one.is_kept

    def judge(self, violations: Sequence[Violation]) -> None:
        """Count violations, those of one sort about one entity once."""
        self.violations = list(violations)
        kinds = Counter(broken for broken, _ in {(one.broken, one.subject) for one in violations})
        self.lost = sum(kinds[one] for one in _LOST)
        self.duplicated = sum(kinds[one] for one in _DUPLICATED)
        self.changed = sum(kinds[one] for one in _CHANGED)
        self.other = kinds.total() - self.lost - self.duplicated - self.changed


class Total(msgspec.Struct, kw_only=True):
    """All rounds of one fault, or all rounds."""

    fault: str
    rounds: int
    felt: int
    acknowledged: int
    retried: int
    kept: int
    lost: int
    duplicated: int
    changed: int
    other: int
    recovery_seconds_median: float
    recovery_seconds_max: float


class DrillReport(msgspec.Struct, kw_only=True):
    """A whole drill.

    Attributes:
        seed: Of its choices.
        clients: At work at the same time.
        seconds: Of load in each round, about.
        faults: That the rounds could draw.
        command: Replays it.
        began: The date, in RFC 3339.
        version: Of Annolog.
        machine: What it ran on.
        rounds_planned: How many were asked for.
        rounds_per_directory: After so many a new data directory was begun.
        interrupted: By what, empty if nothing did.
        seconds_in_all: That it took.
        rounds: Those that were carried out as a whole, in order.
        throughput: Answers in each quarter of a second since the drill began.
        directory: Where the data is, empty if it was removed.
    """

    seed: int
    clients: int
    seconds: float
    faults: list[str]
    command: str
    began: str
    version: str
    machine: str
    rounds_planned: int
    rounds_per_directory: int
    interrupted: str = ""
    seconds_in_all: float = 0.0
    rounds: list[RoundReport] = []
    throughput: list[int] = []
    directory: str = ""

    @property
    def violations(self) -> list[Violation]:
        """Of all rounds."""
        return [one for each in self.rounds for one in each.violations]

    @property
    def unasked(self) -> list[RoundReport]:
        """The last rounds, of a directory whose last round did not come: not every key was sent again."""
        complete = max((one.number for one in self.rounds if one.complete), default=0)
        return [one for one in self.rounds if one.number > complete]

    def tick(self, operations: Iterable[Operation]) -> None:
        """Count answers by their time."""
        for one in operations:
            if one.answer is not None:
                bucket = int(one.answer.at / BUCKET_SECONDS)
                self.throughput += [0] * (bucket + 1 - len(self.throughput))
                self.throughput[bucket] += 1

    @property
    def cut_short(self) -> Counter[str]:
        """What the faults struck in the middle of, and how often."""
        return Counter(one for each in self.rounds for one in each.cut_short)

    def totals(self) -> list[Total]:
        """Return the figures of each fault, and those of all."""
        names = list(dict.fromkeys(one.fault for one in self.rounds))
        parts = [(name, [one for one in self.rounds if one.fault == name]) for name in sorted(names)]
        return [_total(name, rounds) for name, rounds in (*parts, ("all", self.rounds)) if rounds]


def _total(name: str, rounds: Sequence[RoundReport]) -> Total:
    seconds = [one.recovery_seconds for one in rounds]
    return Total(
        fault=name,
        rounds=len(rounds),
        felt=sum(one.felt for one in rounds),
        acknowledged=sum(one.acknowledged for one in rounds),
        retried=sum(one.retried for one in rounds),
        kept=sum(one.kept for one in rounds),
        lost=sum(one.lost for one in rounds),
        duplicated=sum(one.duplicated for one in rounds),
        changed=sum(one.changed for one in rounds),
        other=sum(one.other for one in rounds),
        recovery_seconds_median=statistics.median(seconds),
        recovery_seconds_max=max(seconds),
    )
