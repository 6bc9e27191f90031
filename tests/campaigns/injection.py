"""Drivers under strace: workloads, the directories that they begin with, and one run with one injection."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from tests.campaigns import strace
from tests.campaigns.campaign import Result, Task
from tests.campaigns.driver import Plan
from tests.campaigns.judging import Said, Values, broken_end, judge, recovered, said
from tests.campaigns.sessions import Ended, run
from tests.campaigns.strace import Injection, Point
from wal.segment import SEGMENT_HEADER_BYTES

RUN_SECONDS = 60.0
"""After this a process hangs; the writer alone may take thirty to start."""
OWN, WRITER, COMPACTION, ARCHIVE = "server", "writer", "compaction", "archive"
WORKERS = 2
KILL, KILL_UNDONE = "signal=KILL", "error=EIO:signal=KILL"
"""A process that is killed at a call has made it, or not."""
_SECTOR = 512
_Item = TypeVar("_Item")


class Workload(NamedTuple):
    """What a driver does under injections, and what it begins with (the name of a template)."""

    template: str
    steps: tuple[str, ...]
    roles: tuple[str, ...]
    batch: int = 2


_ALL = (OWN, WRITER, COMPACTION, ARCHIVE)
WORKLOADS = (
    Workload("new", ("append:30",), (OWN, WRITER), 1),
    Workload("new", ("append:24", "compact", "append:24", "compact"), (OWN, WRITER, COMPACTION), 3),
    Workload("used", ("append:8", "compact", "append:24", "compact", "append:4"), _ALL, 2),
    Workload("used", ("append:4", "both:30", "append:4"), _ALL, 1),
    Workload("closed", ("append:40",), (OWN, WRITER), 5),
    *(
        Workload(template, ("append:2",), (OWN, WRITER))
        for template in ("used", "closed", "torn", "rotating", "writing", "compacting", "archiving", "recovering")
    ),
)


class Target(NamedTuple):
    """Where one injection goes."""

    workload: Workload
    role: str
    point: Point

    def __str__(self) -> str:
        """Return it for a reader."""
        steps = ",".join(self.workload.steps)
        return f"{self.role}: {self.point}; begins {self.workload.template}, {steps}, batches of {self.workload.batch}"


class Attempt(NamedTuple):
    """What came of one run."""

    ended: Ended
    told: Said
    carried_out: bool
    wrong: str | None


Job = Callable[[], tuple[str, Attempt]]


class Bench:
    """Directories to begin with, and runs that begin with them.

    Args:
        scratch: An empty directory.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._templates: dict[str, tuple[Path | None, Values]] = {"new": (None, {})}
        self._runs = 0

    def prepare(self) -> None:
        """Make the templates."""
        used = Plan(steps=("append:40", "compact", "append:30", "compact", "append:18", "die"), batch=3)
        self._make("used", "new", used)
        self._make("closed", "used", Plan(steps=("append:12",)))
        self._make("torn", "used", Plan(steps=("append:5", "die"), batch=5), tear=True)
        some = Plan(steps=("append:20", "compact", "append:20"))
        self._make("rotating", "used", some, OWN, Point("rename", None, 2))
        self._make("writing", "used", some, WRITER, Point("fdatasync", None, 7))
        self._make("compacting", "used", some, COMPACTION, Point("pwrite64", None, 2), then_die=True)
        self._make("archiving", "used", some, ARCHIVE, Point("fdatasync", None, 1), then_die=True)
        self._make("recovering", "torn", some, OWN, Point("rename", None, 1))

    def _make(
        self,
        name: str,
        begin: str,
        plan: Plan,
        role: str = "",
        point: Point | None = None,
        *,
        tear: bool = False,
        then_die: bool = False,
    ) -> None:
        place = self._place()
        if then_die:
            plan = msgspec.structs.replace(plan, steps=(*plan.steps, "die"))
        injection = None if point is None else Injection(point, KILL)
        self._run(place, begin, plan, role, injection, watch=False)
        data = self._scratch / f"template-{name}"
        (place / "data").rename(data)
        if tear:
            _tear(max((data / "log").glob("*.wal")))
        shutil.copytree(data, place / "data")
        self._templates[name] = data, recovered(place / "data")
        shutil.rmtree(place)

    def targets(self, workloads: Sequence[Workload] = WORKLOADS) -> list[Target]:
        """Return every call of every process of the workloads."""
        wanted = [(workload, role) for workload in workloads for role in workload.roles]
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(lambda one: self._watched(*one), wanted)
            return [target for some in found for target in some]

    def _watched(self, workload: Workload, role: str) -> list[Target]:
        place = self._place()
        ended = self._run(place, workload.template, _plan(workload), role, None, watch=True)
        if ended.code != 0:
            raise AssertionError(f"{workload} ends with {ended.code} without any fault: {ended.output} {ended.errors}")
        lines = (place / "trace").read_text(errors="replace").splitlines()
        found = [Target(workload, role, point) for point in strace.points(lines, place / "data")]
        shutil.rmtree(place)
        return found

    def attempt(self, target: Target, effect: str, times: str = "", *, early: bool = False) -> Attempt:
        """Run a workload with one injection, recover, and judge; `early`: with a driver that lies."""
        place = self._place()
        try:
            injection = Injection(target.point, effect, times)
            plan = _plan(target.workload, early=early)
            ended = self._run(place, target.workload.template, plan, target.role, injection, watch=False)
            told = said(ended.output)
            done = strace.was_carried_out(place / "trace")
            wrong = broken_end(ended.code, ended.errors, killed=KILL in effect)
            return Attempt(ended, told, done, wrong or self._judged(target, told, place / "data"))
        finally:
            shutil.rmtree(place)

    def _judged(self, target: Target, told: Said, data: Path) -> str | None:
        try:
            found = recovered(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            return f"the restart is refused: {type(error).__name__}: {error}"
        return judge(self._templates[target.workload.template][1], told, found)

    def _place(self) -> Path:
        self._runs += 1
        place = self._scratch / f"run-{self._runs}"
        place.mkdir()
        return place

    def _run(
        self, place: Path, begin: str, plan: Plan, role: str, injection: Injection | None, *, watch: bool
    ) -> Ended:
        data, trace = place / "data", place / "trace"
        template, _ = self._templates[begin]
        if template is not None:
            shutil.copytree(template, data, ignore=shutil.ignore_patterns("*.sock"))
        own = role == OWN
        under: list[str] = []
        if watch:
            under = strace.watching(trace, own=own)
        elif injection is not None:
            under = strace.injecting(trace, injection, data, own=own)
        if under and not own:
            launcher = strace.launcher(place / "launcher", under, "wal")
            plan = msgspec.structs.replace(plan, traced=role, launcher=str(launcher))
        command = [sys.executable, "-m", "tests.campaigns.driver", str(data), msgspec.json.encode(plan).decode()]
        return run([*under, *command] if own else command, place, RUN_SECONDS)


def _plan(workload: Workload, *, early: bool = False) -> Plan:
    return Plan(steps=workload.steps, batch=workload.batch, early=early)


def _tear(tail: Path) -> None:
    """Let the last batch of a segment miss its last sector, as a power cut may."""
    content = tail.read_bytes()
    end = len(content.rstrip(b"\0"))
    cut = (end - 1) // _SECTOR * _SECTOR
    if cut < SEGMENT_HEADER_BYTES:
        raise AssertionError(f"{tail} holds nothing to tear")
    tail.write_bytes(content[:cut].ljust(len(content), b"\0"))


def spread(found: Sequence[_Item], size: int) -> list[_Item]:
    """Return `size` of them: each n-th, or all of them more than once."""
    return [found[index * len(found) // size % len(found)] for index in range(size)]


def canary(bench: Bench, targets: Sequence[Target], effect: str) -> list[str]:
    """Have a driver lie, and return a finding if that is not found."""
    target = next(one for one in targets if one.role == WRITER and one.point.call == "pwrite64")
    if bench.attempt(target, effect, early=True).wrong is None:
        return [f"THE CAMPAIGN IS BROKEN: a driver that acknowledges before the sync was not caught at {target}"]
    return []


def carried_out(task: Task, jobs: Iterable[Job]) -> Result:
    """Run attempts, two at a time, and collect what is wrong."""
    result = Result(0, [], {"runs": 0, "not met": 0, "changes durable": 0})
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for future in as_completed([pool.submit(job) for job in jobs]):
            name, attempt = future.result()
            result.figures["runs"] += 1
            result.figures["changes durable"] += attempt.told.durable
            if attempt.carried_out:
                result.states += 1
            else:
                result.figures["not met"] += 1
            slowest = result.figures.get("slowest run, seconds", 0.0)
            result.figures["slowest run, seconds"] = round(max(slowest, attempt.ended.seconds), 1)
            if attempt.wrong is not None:
                result.findings.append(f"{name}: {attempt.wrong}")
            task.on_progress(result.figures["runs"])
    finally:
        pool.shutdown(cancel_futures=True)
    return result
