"""The plan of a repair: the base and the chain that keep the most, and what must go out of their way. It only reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from wal.change import decode_record
from wal.decision import Last, Verdict, decide
from wal.file_system import FileSystem
from wal.judgement import Segment, facts_of
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY
from wal.lock import LOCK_NAME
from wal.record import RecordType, Seal
from wal.repair_chain import Chain, follow
from wal.repair_evidence import Evidence, SegmentFile
from wal.repair_indexes import index_steps
from wal.repair_steps import NOTHING, BeyondRepairError, GivenUp, NameLog, Plan, SetAside, Step
from wal.segment import SegmentHeader

_SHOWN = 5
_SWAPPED = "; if files were renamed, name them back instead of repairing"


def make_plan(files: FileSystem, directory: Path) -> Plan:
    """Find everything that a start, a compaction or `verify` would refuse, and what to do about it.

    What only a replay can tell, that the records lead to the state that was sealed, is not looked at.

    Args:
        files: Where.
        directory: A data directory that nobody else uses.

    Raises:
        NoLogError: There is no log.
        BeyondRepairError: There is no state to go on from.
        UnsupportedFormatError: A newer release wrote it.
        OSError: Something cannot be read.
    """
    return _Planner(Evidence(files, directory)).run()


class _Told(NamedTuple):
    """What is told of a record that is given up; its values are not kept."""

    time: int
    keys: list[tuple[str, str]]


class _Planner:
    """Makes one plan."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._doubtful: dict[Path, str] = {}
        for one in evidence.snapshots:
            fault = one.fault
            if not fault and one.header is not None and one.header.log_id != evidence.log_id:
                fault = f"a snapshot of another log, {one.header.log_id.hex()}"
            if fault:
                self._doubtful[one.path] = fault

    def run(self) -> Plan:
        while True:
            chain = self._best()
            history, seals = self._history(chain)
            known = len(self._doubtful)
            self._compare(seals)
            if chain.base is None or chain.base.path not in self._doubtful:
                break
            if known == len(self._doubtful):
                raise AssertionError("a base that is in doubt was chosen")
        later = self._later(chain)
        snapshots = self._snapshots(chain)
        evidence = self._evidence
        archive = evidence.directory / ARCHIVE_DIRECTORY
        indexes = index_steps(evidence.files, archive, {step.path for step in history})
        steps: list[Step] = [*chain.writes, *later, *snapshots, *history, *indexes]
        if evidence.lock_fault:
            # The last: until then a start refuses a directory whose LOCK names another log.
            steps.append(NameLog(evidence.directory / LOCK_NAME, evidence.epoch, evidence.lock_fault))
        given_up, highest = self._given_up(chain, later)
        return Plan(
            log_id=evidence.log_id.hex(),
            snapshot=chain.base.sequence if chain.base else 0,
            kept=chain.kept,
            known=highest,
            given_up=given_up,
            steps=steps,
        )

    def _best(self) -> Chain:
        """Return the chain that keeps the most; of equal ones that with the newest snapshot."""
        sound = [one for one in self._evidence.snapshots if one.path not in self._doubtful]
        best: Chain | None = None
        for base in (*reversed(sound), None):
            chain = follow(self._evidence, base)
            if chain is not None and (best is None or chain.kept > best.kept):
                best = chain
            if chain is not None and chain.continues:
                break
        if best is None:
            raise self._beyond()
        return best

    def _beyond(self) -> BeyondRepairError:
        evidence = self._evidence
        snapshots = [f"{one.path} ({self._doubtful[one.path]})" for one in evidence.snapshots]
        begins = min(evidence.log, default=0)
        found = f"the log begins with sequence {begins}" if begins else "there is no segment"
        first = evidence.log.get(1)
        if first is not None:
            found = f"{first.path} holds {first.fault or 'a segment of another log'}"
        return BeyondRepairError(
            f"{evidence.directory} cannot be repaired: no snapshot in it verifies (found: "
            f"{', '.join(snapshots) or 'none'}), and {found}, so that what came before is gone. Nothing was changed. "
            "Restore one of these snapshots, or the segments from sequence 1 on, from a copy; or restore the whole "
            "directory from a cold copy."
        )

    def _later(self, chain: Chain) -> list[SetAside]:
        """Return what must go from the log behind the base, the last first: so a start sees it until all is done."""
        after = chain.base.sequence if chain.base else 0
        steps = []
        for one in reversed(self._evidence.log.values()):
            if one.first <= after or one.path in chain.paths:
                continue
            if not self._evidence.is_ours(one):
                steps.append(SetAside(one.path, "a segment of another log", NOTHING))
                continue
            swapped = _SWAPPED if one.header is not None and one.header.first != one.first else ""
            found = one.fault or "a segment behind a place where records are missing"
            steps.append(SetAside(one.path, f"{found}{swapped}", f"its records, behind sequence {chain.kept}"))
        return steps

    def _snapshots(self, chain: Chain) -> list[SetAside]:
        """Return the snapshots that must go, the newest first."""
        steps = []
        newest = chain.base.sequence if chain.base else 0
        for one in reversed(self._evidence.snapshots):
            if one.sequence <= newest and one.path not in self._doubtful:
                continue
            found = self._doubtful.get(one.path, "a snapshot that the log does not continue")
            loses = NOTHING if one.sequence <= chain.kept else f"the state at sequence {one.sequence}"
            steps.append(SetAside(one.path, found, loses))
        return steps

    def _history(self, chain: Chain) -> tuple[list[SetAside], dict[int, tuple[bytes, Seal]]]:
        """Return what must go of what the base covers, the oldest first, and the seals of what stays, by sequence.

        What stays has no gaps: what lies before something that does not verify leads nowhere, and goes with it.
        """
        evidence = self._evidence
        base = chain.base.header if chain.base else None
        covered = base.sequence if base else 0
        steps = [self._aside(one, NOTHING) for one in evidence.archive.values() if self._is_astray(one, chain, covered)]
        seals: dict[int, tuple[bytes, Seal]] = {}
        if base is None:
            return steps, seals
        behind = Segment(Path(), SegmentHeader(base.sequence + 1, 0, 0, base.log_id, base.digest))
        for first in sorted({*evidence.log, *evidence.archive}, reverse=True):
            here = [files[first] for files in (evidence.log, evidence.archive) if first in files and first <= covered]
            read = [(one, self._seal_of(one, behind)) for one in here]
            sound = [(one.header, seal) for one, seal in read if seal is not None and one.header is not None]
            loses = NOTHING if sound else self._history_lost(first, covered)
            steps[:0] = [self._aside(one, loses) for one, seal in read if seal is None]
            if sound:
                header, seal = sound[0]
                seals[behind.header.first - 1] = behind.header.previous, seal
                behind = Segment(Path(), header)
        return steps, seals

    def _history_lost(self, first: int, covered: int) -> str:
        older = [one.sequence for one in self._evidence.snapshots if one.path not in self._doubtful]
        if any(sequence < covered and first > sequence for sequence in older):
            return (
                "history, and the way from the older snapshot to the newest: until the next one there is no second way"
            )
        return "history: no start needs it"

    def _is_astray(self, one: SegmentFile, chain: Chain, covered: int) -> bool:
        """Tell if an archived segment behind the base does not verify, or stands for none of the log."""
        beside = self._evidence.directory / LOG_DIRECTORY / one.path.name.removesuffix(".gz")
        return one.first > covered and (bool(one.fault) or not self._evidence.is_ours(one) or beside not in chain.paths)

    def _aside(self, one: SegmentFile, loses: str) -> SetAside:
        found = one.fault or "a segment that does not lead to what is behind it"
        return SetAside(one.path, found if self._evidence.is_ours(one) else "a segment of another log", loses)

    def _seal_of(self, one: SegmentFile, behind: Segment) -> Seal | None:
        """Return the seal of a segment that verifies and leads to the one behind it."""
        if one.header is None or one.fault or not self._evidence.is_ours(one):
            return None
        scanned = self._evidence.scan(one.header, self._evidence.content(one))
        facts = facts_of([Segment(one.path, one.header), behind], 0, scanned.replayed, is_empty=False)
        if (
            decide(facts).verdict is not Verdict.NEXT
            or scanned.seal is None
            or scanned.replayed.last is not Last.ROTATION
        ):
            return None
        return scanned.seal if self._evidence.has_sealed_time(one, scanned.seal) else None

    def _compare(self, seals: dict[int, tuple[bytes, Seal]]) -> None:
        """Doubt the snapshots that are not what their seals say."""
        for one in self._evidence.snapshots:
            sealed = seals.get(one.sequence)
            if sealed is None or one.header is None or one.footer is None or one.path in self._doubtful:
                continue
            if (one.header.digest, one.footer.state_digest) != (sealed[0], sealed[1].state_digest):
                self._doubtful[one.path] = f"the state {one.footer.state_digest.hex()}, another one than was sealed"

    def _given_up(self, chain: Chain, later: list[SetAside]) -> tuple[GivenUp | None, int]:
        """Return what still verifies behind the last record that stays, and the highest sequence that is known."""
        evidence = self._evidence
        paths = {step.path for step in chain.writes} | {step.path for step in later}
        touched = [one for one in evidence.log.values() if one.path in paths and evidence.is_ours(one)]
        headers = [one.header.first - 1 for one in touched if one.header is not None]
        snapshots = [one.header for one in evidence.snapshots if one.header is not None]
        known = max(chain.kept, *headers, *(one.sequence for one in snapshots if one.log_id == evidence.log_id), 0)
        found = dict(record for one in touched for record in self._verifying(one, chain.kept))
        if not found:
            return None, known
        records = [told for told in found.values() if told is not None]
        keys = dict.fromkeys(key for told in records for key in told.keys)
        times = [told.time for told in records] or [0]
        first, last = min(found), max(found)
        some = list(keys)[:_SHOWN]
        return GivenUp(len(records), first, last, min(times), max(times), len(keys), some), max(known, last)

    def _verifying(self, one: SegmentFile, kept: int) -> Iterator[tuple[int, _Told | None]]:
        for header, payload in self._evidence.records(one):
            if header.sequence <= kept:
                continue
            if header.type != RecordType.TRANSACTION:
                yield header.sequence, None
                continue
            with contextlib.suppress(msgspec.DecodeError):
                record = decode_record(payload)
                yield header.sequence, _Told(record.time, [(change.kind, change.id) for change in record.changes])
