"""The decision table of recovery: what was found, where, and what follows. Pure and total.

Every combination of the facts matches exactly one row; `tests/wal/test_decision.py` enumerates them. Where the
table says REFUSE nothing is changed: bytes that were durable, and perhaps acknowledged, are gone, and only a
person can say what to do about that.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from wal.scanner import End


class Place(Enum):
    """Where the segment stands."""

    FOLLOWED = "a later segment holds records, or is not the one this segment's end leads to"
    BEFORE_EMPTY = "the last segment comes right after it and holds no record"
    LAST = "no segment comes after it"


class Last(Enum):
    """The last record that verified."""

    NOTHING = "the segment holds no record"
    TRANSACTION = "a transaction"
    ROTATION = "a rotation seal"
    SHUTDOWN = "a shutdown seal of this opening of the segment"
    REOPENED = "a shutdown seal; the segment was opened again since"


class Verdict(Enum):
    """What follows."""

    NEXT = "go on with the next segment"
    APPEND = "go on writing right here"
    REBUILD = "copy what verified into a fresh file and go on there"
    CUT = "keep the torn bytes aside, then as REBUILD"
    UNDO_ROTATION = "remove the empty successor, then as CUT"
    REFUSE = "damage: change nothing"


class Facts(NamedTuple):
    """What was found in one segment.

    Attributes:
        place: Where it stands.
        last: The last record that verified.
        end: What came behind that.
        later: A record of a later batch verifies behind it.
        linked: The next segment begins right after the last record and names its digest (FOLLOWED), or where it
            would if only the rotation seal were missing (BEFORE_EMPTY). Without a next segment: False.
    """

    place: Place
    last: Last
    end: End
    later: bool
    linked: bool


class Row(NamedTuple):
    """A row of the table: a condition a column (None: whatever it is), the verdict, and why."""

    place: tuple[Place, ...] | None
    last: tuple[Last, ...] | None
    end: tuple[End, ...] | None
    later: bool | None
    linked: bool | None
    verdict: Verdict
    why: str

    def matches(self, facts: Facts) -> bool:
        """Tell if this row speaks of these facts."""
        return (
            (self.place is None or facts.place in self.place)
            and (self.last is None or facts.last in self.last)
            and (self.end is None or facts.end in self.end)
            and (self.later is None or facts.later is self.later)
            and (self.linked is None or facts.linked is self.linked)
        )


_UNSEALED = (Last.NOTHING, Last.TRANSACTION, Last.REOPENED)
_BAD = (End.HOLED, End.GARBLED)
_SEALED_OR_SHUT = (Last.SHUTDOWN,)
_NEXT_PLACES = (Place.FOLLOWED, Place.BEFORE_EMPTY)

TABLE = (
    Row(None, None, None, True, None, Verdict.REFUSE, "a later batch proves that what is missing was durable"),
    Row(None, None, (End.GARBLED,), False, None, Verdict.REFUSE, "a crash leaves zeros, not other bytes"),
    # A rotation seal was the last thing written.
    Row(
        _NEXT_PLACES,
        (Last.ROTATION,),
        (End.ZEROS,),
        False,
        True,
        Verdict.NEXT,
        "sealed, and its successor follows",
    ),
    Row(_NEXT_PLACES, (Last.ROTATION,), (End.ZEROS,), False, False, Verdict.REFUSE, "another segment follows"),
    Row(
        (Place.LAST,),
        (Last.ROTATION,),
        (End.ZEROS,),
        False,
        None,
        Verdict.REFUSE,
        "the successor was durable before the seal, and is gone",
    ),
    Row(None, (Last.ROTATION,), (End.HOLED,), False, None, Verdict.REFUSE, "nothing is written behind a seal"),
    # No seal: only the tail, or the segment whose rotation did not finish, may look so.
    Row(
        (Place.FOLLOWED,),
        (*_UNSEALED, *_SEALED_OR_SHUT),
        (End.ZEROS, End.HOLED),
        False,
        None,
        Verdict.REFUSE,
        "a successor holds records, so the seal was durable",
    ),
    Row(
        (Place.BEFORE_EMPTY,),
        _UNSEALED,
        (End.ZEROS, End.HOLED),
        False,
        True,
        Verdict.UNDO_ROTATION,
        "the successor was made, the seal was not durable",
    ),
    Row(
        (Place.BEFORE_EMPTY,),
        _UNSEALED,
        (End.ZEROS, End.HOLED),
        False,
        False,
        Verdict.REFUSE,
        "the successor proves that records before it were durable",
    ),
    Row(
        (Place.BEFORE_EMPTY,),
        (Last.SHUTDOWN,),
        (End.ZEROS, End.HOLED),
        False,
        None,
        Verdict.REFUSE,
        "nothing is written behind a shutdown seal before the segment is opened again",
    ),
    Row((Place.LAST,), _UNSEALED, (End.ZEROS,), False, None, Verdict.REBUILD, "a crash between two batches"),
    Row((Place.LAST,), _UNSEALED, (End.HOLED,), False, None, Verdict.CUT, "a crash within the last batch"),
    Row((Place.LAST,), (Last.SHUTDOWN,), (End.ZEROS,), False, None, Verdict.APPEND, "a clean shutdown"),
    Row(
        (Place.LAST,),
        (Last.SHUTDOWN,),
        (End.HOLED,),
        False,
        None,
        Verdict.REFUSE,
        "after a shutdown's seal nothing is torn",
    ),
)


def decide(facts: Facts) -> Row:
    """Return the one row that speaks of these facts."""
    for row in TABLE:
        if row.matches(facts):
            return row
    raise AssertionError(f"no row for {facts}")


class Start(Enum):
    """What the log begins with, of what the base does not cover."""

    NOTHING = "no segment"
    CONTINUES = "the segment right after the base, which names its digest"
    OTHER = "another segment"


class BaseVerdict(Enum):
    """What follows for the whole directory."""

    CREATE = "make an empty log"
    REPLAY = "load the base and replay what continues it"
    REFUSE = "damage: change nothing"


class BaseFacts(NamedTuple):
    """What was found in the directory.

    Attributes:
        snapshot: There is one, and its header verifies.
        start: What the log begins with.
        known: LOCK tells that there has been a log.
    """

    snapshot: bool
    start: Start
    known: bool


class BaseRow(NamedTuple):
    """A row of the table of bases: a condition a column (None: whatever it is), the verdict, and why."""

    snapshot: bool | None
    start: Start
    known: bool | None
    verdict: BaseVerdict
    why: str

    def matches(self, facts: BaseFacts) -> bool:
        """Tell if this row speaks of these facts."""
        return (
            self.snapshot in (None, facts.snapshot) and self.start is facts.start and self.known in (None, facts.known)
        )


BASE_TABLE = (
    BaseRow(False, Start.NOTHING, False, BaseVerdict.CREATE, "a new directory"),
    BaseRow(False, Start.NOTHING, True, BaseVerdict.REFUSE, "there has been a log, and it is gone"),
    BaseRow(True, Start.NOTHING, None, BaseVerdict.REFUSE, "a segment was durable behind the snapshot, and is gone"),
    BaseRow(None, Start.CONTINUES, None, BaseVerdict.REPLAY, "the log continues the base"),
    BaseRow(None, Start.OTHER, None, BaseVerdict.REFUSE, "what lies between the base and the log is gone"),
)


def decide_base(facts: BaseFacts) -> BaseRow:
    """Return the one row that speaks of these facts."""
    for row in BASE_TABLE:
        if row.matches(facts):
            return row
    raise AssertionError(f"no row for {facts}")
