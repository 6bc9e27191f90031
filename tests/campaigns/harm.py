"""Harm to files, and what must come of it: a refusal that changes nothing, or a state that is known beforehand."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.campaigns.directory import Known, Segment
from tests.campaigns.recovering import Opened, Refused, faults_of_refusal, recover, verify
from tests.campaigns.sweep import Tally
from tests.simulated_disk import SECTOR_BYTES, SimulatedDisk
from wal.record import RecordType
from wal.scanner import Found
from wal.segment import SEGMENT_HEADER_BYTES


class Harm(NamedTuple):
    """Changed files of a directory, and how to name that."""

    known: Known
    changed: dict[Path, bytes]
    name: str

    def disk(self) -> SimulatedDisk:
        """Return a disk with the harm done."""
        return self.known.disk(self.changed)


class SameState(NamedTuple):
    """The start succeeds, with all entities or the first ones.

    Attributes:
        verified: False: `log verify` must find it, because the start does not look there; None: whatever it says.
        entities: How many; None for all.
        torn: What is reported and kept aside.
        refusable: A refusal is right too.
    """

    verified: bool | None
    entities: int | None = None
    torn: bytes = b""
    refusable: bool = False


Must = SameState | None
"""What must come of it; None: a refusal."""


def must_of(harm: Harm) -> Must:
    """Return what must come of changes within files whose sizes stay.

    What a start reads is refused, but for the end of the log: what lies there is torn if it looks so, and if no record
    of a later batch is left that proves that it was durable. What a start does not read is found by the verification.
    """
    known, tail = harm.known, harm.known.tail
    changed = [path for path, content in harm.changed.items() if content != known.files[path]]
    read = [path for path in changed if path in known.read or path == known.snapshot]
    is_hidden = any(path not in read and _matters(path, known.files[path], harm.changed[path]) for path in changed)
    verified = False if is_hidden else None
    if not read:
        return SameState(verified)
    if read != [tail] or harm.changed[tail][:SEGMENT_HEADER_BYTES] != known.files[tail][:SEGMENT_HEADER_BYTES]:
        return None
    return _must_of_tail(known.read[tail], harm.changed[tail], verified)


def _matters(path: Path, before: bytes, after: bytes) -> bool:
    """Tell if a change of a file changes what it says, as far as is known without the program that is tested."""
    if path.suffix != ".gz":
        return path.name != "LOCK"
    try:
        # A few bits of a deflated stream are free, as the lengths of codes that are never used.
        return gzip.decompress(before) != gzip.decompress(after)
    except (OSError, EOFError, zlib.error):
        return True


def _must_of_tail(segment: Segment, content: bytes, verified: bool | None) -> Must:
    records = segment.records
    harmed = [one for one in records if content[one.offset : one.end] != segment.content[one.offset : one.end]]
    if records and not harmed:
        is_shut = records[-1].header.type == RecordType.SHUTDOWN_SEAL
        torn = content[records[-1].end :].rstrip(b"\0")
        return None if is_shut else SameState(verified, torn=torn, refusable=True)
    first = harmed[0]
    is_proven = any(one.header.batch > first.header.sequence for one in records if one not in harmed)
    pieces = [content[start:end] for start, end in _by_sector(first)]
    if is_proven or not (content[first.end - 1] == 0 or any(not any(piece) for piece in pieces)):
        return None
    torn = content[first.offset :].rstrip(b"\0")
    return SameState(verified, segment.entities(first), torn, refusable=True)


def _by_sector(record: Found) -> list[tuple[int, int]]:
    """Return the parts of a record that lie in one sector each."""
    inner = range((record.offset // SECTOR_BYTES + 1) * SECTOR_BYTES, record.end, SECTOR_BYTES)
    return list(pairwise([record.offset, *inner, record.end]))


def examine(harm: Harm, must: Must, tally: Tally) -> None:
    """Start on harmed files, and tell what should not have come of it."""
    disk = harm.disk()
    try:
        outcome = recover(disk)
        found = _faults(harm, must, outcome, disk)
    except Exception as error:  # noqa: BLE001 - a crash of the program is what is looked for
        tally.findings.append(f"{harm.name}: ended with {type(error).__name__}: {error}")
        return
    tally.count("refused" if isinstance(outcome, Refused) else "opened")
    tally.findings += [f"{harm.name}: {fault}" for fault in found]


def _faults(harm: Harm, must: Must, outcome: Opened | Refused, disk: SimulatedDisk) -> list[str]:
    if isinstance(outcome, Refused):
        expected = [] if must is None or must.refusable else [f"refused ({outcome.error}), not opened with {must}"]
        return expected + faults_of_refusal(outcome, disk, harm.known.files | harm.changed)
    if must is None:
        return [f"opened with {len(outcome.values)} entities, not refused"]
    return faults_of_state(harm.known, must, outcome, disk) + faults_of_verification(harm, must)


def faults_of_state(known: Known, must: SameState, outcome: Opened, disk: SimulatedDisk) -> list[str]:
    """Return what is wrong with a start that succeeded."""
    report = outcome.ready.report
    expected = dict(list(known.values.items())[: must.entities])
    found = []
    if outcome.values != expected:
        found.append(f"{len(outcome.values)} entities, not the first {len(expected)}")
    if report.epoch <= known.epoch:
        found.append(f"epoch {report.epoch} after {known.epoch}")
    if report.torn_bytes != len(must.torn):
        found.append(f"{report.torn_bytes} torn bytes reported, not {len(must.torn)}")
    elif must.torn and bytes(disk.content(Path(report.torn_path))) != must.torn:
        found.append("what was torn is not kept as it was")
    return found


def faults_of_verification(harm: Harm, must: SameState) -> list[str]:
    """Return what is wrong with what `log verify` says."""
    if must.verified is None or (verify(harm.disk()) is None) == must.verified:
        return []
    return ["neither the start nor the verification notices it"]
