"""What clients were told of the edits of some entities, and if all of it can be true.

Every version but the first is exactly one edit. An edit that names the version it rests on continues the chain that
was read there, so it fits one state alone; one that names none sets a member that nobody else sets, so it can be lost
only by a fault. That lets the versions be replayed, one by one, from what the clients know.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

DONE = 200
REFUSED = 412


def chained(chain: str, stamp: str) -> str:
    """Return what a chain becomes by an edit."""
    return hashlib.sha256(f"{chain} {stamp}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Seen:
    """An entity as somebody was told it."""

    version: int
    attributes: Mapping[str, str]

    @property
    def chain(self) -> str:
        """What the edits that named a version have made so far."""
        return self.attributes.get("chain", "")


@dataclass(frozen=True)
class Told:
    """An answer to an edit; `seen` is None if it was refused."""

    status: int
    seen: Seen | None = None
    replayed: bool = False


@dataclass
class Edit:
    """An edit, and all answers to it.

    Attributes:
        client: Who sent it.
        entity: What it changes.
        stamp: No other edit has it.
        known: The highest version that anybody had been told of when it was sent first.
        base: What it rests on and named; None if it named no version.
        key: Under which it was sent.
        answers: In their order; none if there was none.
    """

    client: int
    entity: str
    stamp: str
    known: int = 1
    base: Seen | None = None
    key: str | None = None
    answers: list[Told] = field(default_factory=list)

    @property
    def changes(self) -> dict[str, str]:
        """The attributes that it sets."""
        if self.base is None:
            return {f"c{self.client}": self.stamp}
        return {"chain": chained(self.base.chain, self.stamp)}

    @property
    def done(self) -> list[Seen]:
        """What those who carried it out said that came of it."""
        return [told.seen for told in self.answers if told.seen is not None]

    @property
    def is_lost(self) -> bool:
        """Nobody knows if it was carried out."""
        return self.key is None and not self.answers


@dataclass(frozen=True)
class Read:
    """An entity that was read; `refused` is the version that a 412 had refused right before."""

    entity: str
    seen: Seen
    known: int = 1
    refused: int | None = None


@dataclass
class History:
    """All that clients know: how the entities began, and what came then."""

    firsts: dict[str, Seen] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)


class Verdict(NamedTuple):
    """What is wrong, how many versions were replayed, and how many of them are edits that had no answer."""

    findings: list[str]
    versions: int
    kept: int


class World(NamedTuple):
    """A state that may be, and which edits without an answer it takes to have been carried out."""

    attributes: frozenset[tuple[str, str]]
    kept: frozenset[str] = frozenset()

    def after(self, edit: Edit, version: int) -> World | None:
        """Return what an edit makes of it as a version, None if it does not fit."""
        state = dict(self.attributes)
        if edit.base is not None and (edit.base.version, edit.base.chain) != (version - 1, state.get("chain", "")):
            return None
        if edit.is_lost and edit.stamp in self.kept:
            return None
        kept = self.kept | {edit.stamp} if edit.is_lost else self.kept
        return World(frozenset({**state, **edit.changes}.items()), kept)


def judge(history: History) -> Verdict:
    """Tell if everything that clients were told can be true together."""
    findings = [finding for edit in history.edits for finding in _contradictions(edit)]
    findings += [finding for read in history.reads for finding in _staleness(read)]
    versions = kept = 0
    for entity, first in history.firsts.items():
        edits = [edit for edit in history.edits if edit.entity == entity]
        told = [read.seen for read in history.reads if read.entity == entity]
        told += [seen for edit in edits for seen in edit.done]
        verdict = _replayed(entity, first, edits, told)
        findings += verdict.findings
        versions += verdict.versions
        kept += verdict.kept
    return Verdict(findings, versions, kept)


def _contradictions(edit: Edit) -> Iterator[str]:
    """Yield where the answers to one edit contradict each other, or what was known before."""
    name = f"edit {edit.stamp} of {edit.entity}"
    statuses = {told.status for told in edit.answers}
    if edit.key is not None and not edit.answers:
        yield f"{name} was never answered, though it has a key"
    if statuses - {DONE, REFUSED}:
        yield f"{name} was answered {sorted(statuses)}"
    if statuses >= {DONE, REFUSED}:
        yield f"{name} was refused and carried out"
    if REFUSED in statuses and edit.base is None:
        yield f"{name} names no version, and was refused for it"
    done = edit.done
    if any(seen != done[0] for seen in done):
        yield f"{name} was carried out more than once, or told otherwise: {done}"
    first_hand = sum(told.seen is not None and not told.replayed for told in edit.answers)
    if first_hand > 1 or (edit.key is None and first_hand < len(done)):
        yield f"{name} was carried out {first_hand} times in {len(done)} answers under the key {edit.key}"
    if done and done[0].version <= edit.known:
        yield f"{name} became version {done[0].version}, and {edit.known} was known before"
    if done and edit.base is not None and done[0].version != edit.base.version + 1:
        yield f"{name} rests on version {edit.base.version} and became {done[0].version}: what is between was not read"


def _staleness(read: Read) -> Iterator[str]:
    version = read.seen.version
    if version < read.known:
        yield f"{read.entity} was read in version {version}, and {read.known} was known before"
    if read.refused is not None and version <= read.refused:
        yield f"{read.entity} was read in version {version}, and an edit of version {read.refused} had been refused"


def _replayed(entity: str, first: Seen, edits: Iterable[Edit], told: Iterable[Seen]) -> Verdict:
    """Go from the first version to the last one that anybody was told of."""
    of_version: dict[int, list[Edit]] = defaultdict(list)
    lost = []
    for edit in edits:
        if edit.done:
            of_version[edit.done[0].version].append(edit)
        elif edit.is_lost:
            lost.append(edit)
    states: dict[int, set[frozenset[tuple[str, str]]]] = defaultdict(set)
    for seen in (first, *told):
        states[seen.version].add(frozenset(seen.attributes.items()))
    worlds = {World(frozenset(first.attributes.items()))}
    for version in range(1, max(states) + 1):
        where = f"{entity}, version {version}"
        if version > 1:
            known = of_version[version]
            if len(known) > 1:
                return _wrong(f"{where} is {len(known)} edits: {[edit.stamp for edit in known]}", version)
            worlds = {
                after for world in worlds for edit in known or lost if (after := world.after(edit, version)) is not None
            }
            if not worlds:
                reason = f"edit {known[0].stamp} does not fit what was there" if known else "no edit that anybody knows"
                return _wrong(f"{where}: {reason}", version)
        fitting = {world for world in worlds if states[version] <= {world.attributes}}
        if not fitting:
            expected = [dict(world.attributes) for world in worlds]
            return _wrong(f"{where}: told {[dict(state) for state in states[version]]}, expected {expected}", version)
        worlds = fitting
    return Verdict([], max(states) - 1, min(len(world.kept) for world in worlds))


def _wrong(finding: str, version: int) -> Verdict:
    return Verdict([finding], version - 1, 0)
