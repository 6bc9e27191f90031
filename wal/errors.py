"""What can go wrong with a log, each cause a class of its own."""

from collections.abc import Sequence
from pathlib import Path


class WalError(Exception):
    """The root of everything that the engine raises on purpose."""


class DirectoryLockedError(WalError):
    """Another process holds the data directory.

    Attributes:
        path: The LOCK file.
        holder: What the holder wrote there, for example ``pid 4711 on host a``.
    """

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"{path.parent} is in use by {holder}. One directory has one writer: "
            "stop that process, or start this one with another --data-dir."
        )
        self.path = path
        self.holder = holder


class OccupiedError(WalError):
    """A directory that was to be filled holds a log, or what belongs to one.

    Attributes:
        path: The data directory.
        found: What is there.
    """

    def __init__(self, path: Path, found: Sequence[str]) -> None:
        super().__init__(
            f"{path} is in use already: found {', '.join(found)}, expected a directory without a log. "
            "Nothing was changed. Give another --data-dir, or move that away if it is not needed."
        )
        self.path = path
        self.found = tuple(found)


class DamagedError(WalError):
    """Bytes that were durable do not verify. Nothing has been changed.

    Attributes:
        path: The damaged file.
        offset: Where in the file, in bytes.
        sequence: The first sequence that is lost or doubtful, 0 when unknown.
        found: What is there.
    """

    def __init__(self, path: Path, offset: int, sequence: int, *, found: str, expected: str, remedy: str) -> None:
        super().__init__(
            f"{path} is damaged at offset {offset} (sequence {sequence}): "
            f"found {found}, expected {expected}. Nothing was changed. {remedy}"
        )
        self.path = path
        self.offset = offset
        self.sequence = sequence
        self.found = found


class UnsupportedFormatError(WalError):
    """A file is of a format version that this release does not know: an upgrade is missing, nothing is damaged."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} has format version {version}, this release reads up to {known}. "
            "Start it with the release that wrote it, or a newer one."
        )
        self.path = path
        self.version = version


class PoisonedError(WalError):
    """A write or sync of the log failed: the log takes no more, the process must end."""


class OutcomeUnknownError(WalError):
    """The record may or may not be durable; the next recovery decides."""


class NoRoomError(WalError):
    """The disk has no room: for a record of the largest size, which comes back when it has, or for a snapshot."""


class RecordTooLargeError(WalError):
    """One transaction does not fit into a record.

    Attributes:
        size: Of the record at least, in bytes.
        limit: The largest that is taken, in bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"The transaction takes at least {size} bytes in the log, the limit is {limit}. Split it into smaller ones."
        )
        self.size = size
        self.limit = limit


class ClosedError(WalError):
    """The log is closed, or closing, and takes no more."""


class CompactionError(WalError):
    """A compaction did not reach a snapshot that verifies; none was published."""


class PruneError(WalError):
    """What no start needs any more could not be archived or removed: it still takes room, and nothing is lost."""
