"""What a repair would do: typed steps, each with what was found and what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from wal.errors import WalError
from wal.segment import SegmentHeader

NOTHING = "nothing"
"""What a step loses that loses nothing."""
TIME = "time: histories read that segment whole"
"""What is lost with an index: it is made from a segment that stays."""


class BeyondRepairError(WalError):
    """Nothing that is there leads to a state that is known to have been one. Nothing was changed."""


class SetAside(msgspec.Struct, frozen=True):
    """Move a file out of the way.

    Attributes:
        path: Which.
        found: Why a start, a compaction or `verify` trips over it.
        loses: What is not there any more without it.
    """

    path: Path
    found: str
    loses: str


class WriteSegment(msgspec.Struct, frozen=True):
    """Write a segment anew, of what verified of it; the file that is in its place is moved aside.

    Attributes:
        path: Of the segment.
        header: What it says of itself afterwards.
        source: The file whose records it takes over, None if it holds none.
        end: Up to which offset in the source; zeros follow.
        found: What a start trips over.
        loses: What is not there any more afterwards.
    """

    path: Path
    header: SegmentHeader
    source: Path | None
    end: int
    found: str
    loses: str


class NameLog(msgspec.Struct, frozen=True):
    """Write LOCK anew, so that it names this log.

    Attributes:
        path: Of LOCK.
        epoch: How many times the directory has been opened, as far as is known.
        found: What it says.
        loses: Nothing.
    """

    path: Path
    epoch: int
    found: str
    loses: str = NOTHING


Step = WriteSegment | SetAside | NameLog


class GivenUp(msgspec.Struct, frozen=True):
    """Records behind the cut that still verify, each by itself.

    Attributes:
        records: How many transactions.
        first: The lowest sequence.
        last: The highest.
        since: The earliest time, in microseconds since 1970 UTC.
        until: The latest.
        keys: How many entities they touched.
        some: Kind and id of the first few.
    """

    records: int
    first: int
    last: int
    since: int
    until: int
    keys: int
    some: Sequence[tuple[str, str]]


class Plan(msgspec.Struct, frozen=True):
    """What a repair would do, in this order, and what is left then.

    Attributes:
        log_id: Of the log that stays, in hex.
        snapshot: The sequence of the snapshot that a start will load, 0 for none.
        kept: The sequence of the last record that stays.
        known: The highest sequence that there has been for certain.
        given_up: Of what lies between, the records that still verify.
        steps: None: nothing is wrong, as far as this can tell.
    """

    log_id: str
    snapshot: int
    kept: int
    known: int
    given_up: GivenUp | None
    steps: Sequence[Step]
