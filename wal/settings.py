"""The engine's settings, with the defaults that a lone machine wants."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from wal.record import frame_bytes
from wal.segment import SEGMENT_HEADER_BYTES

SEAL_BYTES_MAX = 4096
"""Kept free at the end of each segment for its seal."""


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of the log.

    Attributes:
        segment_bytes: Of each segment file, prepared and zero-filled ahead of need.
        record_bytes_max: The payload of the largest transaction.
        fill_pause_ms: Rest between two pieces of the zero-filling, so that it does not delay syncs.
        retry_seconds: Time until the preparation of a segment is tried again after it failed.
    """

    segment_bytes: int = 64 * 1024 * 1024
    record_bytes_max: int = 16 * 1024 * 1024
    fill_pause_ms: float = 1.0
    retry_seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a segment that cannot hold the largest record."""
        if self.segment_bytes < SEGMENT_HEADER_BYTES + self.frame_bytes_max + SEAL_BYTES_MAX:
            raise ValueError(
                f"segment_bytes is {self.segment_bytes}, too small for a record of {self.record_bytes_max} bytes. "
                "Make segments larger or records smaller."
            )

    @property
    def frame_bytes_max(self) -> int:
        """The size of the largest frame."""
        return frame_bytes(self.record_bytes_max)

    @property
    def usable_bytes(self) -> int:
        """Where in a segment the last record must end, the seal's room left free."""
        return self.segment_bytes - SEAL_BYTES_MAX


class CompactionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a snapshot is made.

    Attributes:
        growth_share: The log since the last snapshot has grown to this share of the snapshot's size ...
        growth_bytes_min: ... and to this many bytes at least.
        age_seconds: Or this long has passed since, and anything has changed.
        retry_seconds: Until a failed one is tried again; doubled at each failure after the first.
        retry_seconds_max: At most.
    """

    growth_share: Annotated[float, Meta(gt=0)] = 0.75
    growth_bytes_min: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    age_seconds: Annotated[float, Meta(gt=0)] = 3600.0
    retry_seconds: Annotated[float, Meta(gt=0)] = 10.0
    retry_seconds_max: Annotated[float, Meta(gt=0)] = 600.0
