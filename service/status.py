"""What administrators may know of the server."""

from __future__ import annotations

import msgspec

from service.collecting import CollectionStatus
from wal.compactor import CompactionStatus
from wal.log import Batches


class EventLoop(msgspec.Struct, frozen=True):
    """How late the event loop is.

    Attributes:
        lag_seconds_max: At most, in about the last second.
    """

    lag_seconds_max: float


class ServerStatus(msgspec.Struct, frozen=True):
    """What administrators may know of the server.

    Attributes:
        sequence: Of the last record that was applied.
        entities: Kind → how many there are.
        event_loop: How late it is.
        batches: Of records that were made durable; this and what follows is absent while the log is replayed.
        compaction: Of snapshots.
        content: Of documents: what is stored of them.
    """

    sequence: int
    entities: dict[str, int]
    event_loop: EventLoop | msgspec.UnsetType = msgspec.UNSET
    batches: Batches | msgspec.UnsetType = msgspec.UNSET
    compaction: CompactionStatus | msgspec.UnsetType = msgspec.UNSET
    content: CollectionStatus | msgspec.UnsetType = msgspec.UNSET
