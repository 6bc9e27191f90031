"""Opening a data directory: recovery on a thread, then a log that is ready; and what to do if nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

from wal.file_store import FileStore
from wal.file_system import FileSystem, RealFileSystem
from wal.log import Log
from wal.recovery import Progress, Recovery, Report
from wal.settings import LogSettings
from wal.state import State
from wal.writer import Writer, WriterThread
from wal.writer_process import WriterProcess


async def open_log(
    directory: Path,
    settings: LogSettings,
    state: State,
    *,
    file_system: FileSystem | None = None,
    writer: Writer | None = None,
    on_progress: Progress = lambda _: None,
) -> tuple[Log, Report]:
    """Open a data directory: hold it, replay its log into `state`, and get it ready for appending.

    Args:
        directory: The data directory; it is made if it is not there.
        settings: Sizes.
        state: Empty; afterwards it holds what the log says.
        file_system: Where; this machine's by default.
        writer: Who writes the log; a process of its own by default, and a thread where `file_system` is given.
        on_progress: Called with the number of transactions replayed so far, on another thread.

    Raises:
        DirectoryLockedError: Another process holds it.
        DamagedError: Something that was durable does not verify.
        UnsupportedFormatError: A newer release wrote it.
        OSError: The disk refused.
        asyncio.CancelledError: It was cancelled; the directory is free again. No segment and no snapshot was changed,
            unless recovery had come to its last step: then that was finished, and the log was sealed.
    """
    stopping = threading.Event()
    opening = asyncio.ensure_future(_open(directory, settings, state, file_system, writer, on_progress, stopping))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        stopping.set()
        await _abandon(opening)
        raise


async def _abandon(opening: asyncio.Future[tuple[Log, Report]]) -> None:
    """Wait for an opening that nobody wants any more: a thread cannot be cancelled, and holds the directory."""
    while not opening.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([opening])
    if opening.exception() is None:
        log, _ = opening.result()
        await log.close()


async def _open(
    directory: Path,
    settings: LogSettings,
    state: State,
    file_system: FileSystem | None,
    writer: Writer | None,
    on_progress: Progress,
    stopping: threading.Event,
) -> tuple[Log, Report]:
    files = file_system or RealFileSystem()
    recovery = await asyncio.to_thread(Recovery.begin, files, directory, settings, state, on_progress, stopping)
    try:
        ready = await asyncio.to_thread(recovery.run)
    except BaseException:
        recovery.lock.release()
        raise
    try:
        # Another process can write the files of this machine, and no others.
        if writer is None:
            writer = WriterThread("log-writer") if file_system else await WriterProcess.start()
    except BaseException:
        ready.tail.file.close()
        recovery.lock.release()
        raise
    store = FileStore(files, recovery.log_directory, settings, ready.tail, epoch=recovery.epoch, writer=writer)
    log = Log(
        store,
        settings,
        state,
        sequence=ready.sequence,
        time=ready.time,
        release=recovery.lock.release,
        sealed=recovery.sealed,
        replayed_bytes=recovery.replayed_bytes,
    )
    return log, ready.report
