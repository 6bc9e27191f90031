"""The log store of one machine: a directory of segments, of which the last, the tail, is written.

`append` and `rotate` are called on the event loop, one at a time, and leave what blocks to the writer. `prepare` blocks
and is called from a thread; it touches only the file that is not a segment yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from wal.file_system import File, FileSystem
from wal.record import Entry, frame_batch
from wal.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
    fill,
    segment_path,
)
from wal.settings import LogSettings
from wal.writer import Done, Writer

PREPARED_NAME = "prepared.tmp"


class Tail:
    """The segment that is written.

    Attributes:
        file: Open.
        header: Its header.
        position: Where the next record goes, in bytes.
        digest: Of the last record before it.
    """

    def __init__(self, file: File, header: SegmentHeader, position: int, digest: bytes) -> None:
        self.file = file
        self.header = header
        self.position = position
        self.digest = digest


class FileStore:
    """Appends batches to the tail.

    Args:
        file_system: Where.
        directory: The directory of the segments.
        settings: Sizes.
        tail: The segment to go on with.
        epoch: Of this opening.
        writer: Stopped by `close`.
    """

    def __init__(
        self,
        file_system: FileSystem,
        directory: Path,
        settings: LogSettings,
        tail: Tail,
        *,
        epoch: int,
        writer: Writer,
    ) -> None:
        self._file_system = file_system
        self._directory = directory
        self._settings = settings
        self._tail = tail
        self._epoch = epoch
        self._writer = writer
        self._prepared: File | None = None
        self._stopping = False

    def on_end(self, done: Done) -> None:
        """Have `done` called with an error once nothing can be written any more."""
        self._writer.on_end = done

    @property
    def segment_bytes(self) -> int:
        """The size of the tail's file, which an earlier setting may have made."""
        return self._tail.header.size

    @property
    def position(self) -> int:
        """Where in the tail the next record goes, in bytes."""
        return self._tail.position

    def append(self, entries: Sequence[Entry], done: Done) -> None:
        """Write a batch with one write and make it durable with one sync.

        Args:
            entries: The batch.
            done: Called with an error if it may or may not be durable; nothing may be appended any more then.
        """
        tail = self._tail
        frames, digest = self._frame(entries)
        offset = tail.position
        if offset + len(frames) > tail.header.size:
            # Never: room is measured before. A file that grew would be refused at the next start.
            error = AssertionError(f"a batch of {len(frames)} bytes at {offset} is larger than what was prepared")
            asyncio.get_running_loop().call_soon(done, error)
            return
        tail.position += len(frames)
        tail.digest = digest
        self._writer.write(tail.file, offset, frames, done)

    def rotate(self, seal: Entry, done: Done) -> None:
        """Put the prepared segment behind the tail, then seal the tail; `done` as for `append`."""
        self._writer.run(lambda: self._rotate(seal), done)

    def prepare(self) -> None:
        """Make the next segment's file: zero-filled, in pieces with a rest between them, and synced.

        Raises:
            OSError: There is no room; what was made is removed.
        """
        path = self._directory / PREPARED_NAME
        with contextlib.suppress(FileNotFoundError):
            self._file_system.remove(path)
        file = self._file_system.open(path, create=True)
        try:
            for _ in fill(file, 0, self._settings.segment_bytes):
                if self._stopping:
                    file.close()
                    return
                time.sleep(self._settings.fill_pause_ms / 1000)
        except OSError:
            file.close()
            self._file_system.remove(path)
            raise
        self._prepared = file

    def stop_preparing(self) -> None:
        """Let a preparation that is under way end early; its file is removed at the next opening."""
        self._stopping = True

    async def close(self) -> None:
        """Stop the writer and close the files; nothing is written."""
        await self._writer.stop()
        self._tail.file.close()
        if self._prepared is not None:
            self._prepared.close()

    def _rotate(self, seal: Entry) -> None:
        # The successor is durable before the seal names it; only then may a record go into it.
        if self._prepared is None:
            raise OSError("no segment is prepared")
        frames, digest = self._frame([seal])
        first = seal.sequence + 1
        header = SegmentHeader(first, self._epoch, self._settings.segment_bytes, self._tail.header.log_id, digest)
        successor = publish(self._file_system, self._directory, self._prepared, header)
        self._prepared = None
        self._tail.file.write_at(self._tail.position, frames)
        self._tail.file.sync()
        self._tail.file.close()
        self._tail = successor

    def _frame(self, entries: Sequence[Entry]) -> tuple[bytes, bytes]:
        header = self._tail.header
        return frame_batch(
            entries,
            segment=header.first,
            epoch=self._epoch,
            log_id=header.log_id,
            previous=self._tail.digest,
        )


def write_segment(file_system: FileSystem, directory: Path, header: SegmentHeader, records: bytes) -> Tail:
    """Write a segment into a fresh file and put it in its place, durably. Nothing may be prepared at this time.

    Raises:
        OSError: What was in its place is still there, or it is. A file that could not be filled is removed.
    """
    path = directory / PREPARED_NAME
    file = file_system.open(path, create=True)
    try:
        file.write_at(SEGMENT_HEADER_BYTES, records)
        for _ in fill(file, SEGMENT_HEADER_BYTES + len(records), header.size):
            pass
    except OSError:
        file.close()
        file_system.remove(path)
        raise
    return publish(file_system, directory, file, header)


def publish(file_system: FileSystem, directory: Path, prepared: File, header: SegmentHeader) -> Tail:
    """Turn the prepared, zero-filled file into a segment, durably.

    Raises:
        OSError: It may or may not have become one.
    """
    prepared.write_at(0, encode_segment_header(header))
    prepared.sync()
    file_system.rename(directory / PREPARED_NAME, segment_path(directory, header.first))
    file_system.sync_directory(directory)
    return Tail(prepared, header, SEGMENT_HEADER_BYTES, header.previous)
