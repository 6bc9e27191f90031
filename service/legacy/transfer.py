"""A snapshot on its way into a log: through the engine, in the order of time, verified, and put in place as a whole."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path

import msgspec

from service import clock
from service.kinds import KINDS
from service.legacy.mapping import Mapping
from service.legacy.plan import Plan, make_plan
from service.legacy.report import LeftOut, Report, counts
from service.legacy.snapshot import read_snapshot
from service.legacy.writer import Ahead, Writer
from service.settings import Settings
from service.state.state import State
from wal.file_system import FileSystem, RealFileSystem
from wal.opening import open_log
from wal.staging import Staging

Progress = Callable[[int], object]


class UnverifiedError(Exception):
    """What was written reads back differently; nothing was put in place."""


async def import_snapshot(
    path: Path,
    directory: Path,
    settings: Settings,
    *,
    skip_invalid: bool = False,
    zone: tzinfo = UTC,
    on_total: Progress = lambda _: None,
    on_progress: Progress = lambda _: None,
    file_system: FileSystem | None = None,
) -> Report:
    """Make a snapshot of the proof of concept the log of a data directory that has none.

    Args:
        path: Of the snapshot; it is only read.
        directory: The data directory; it is made if it is not there.
        settings: Sizes and limits.
        skip_invalid: Leave out what cannot be taken over; otherwise anything of that kind means that nothing is.
        zone: Of times that name none.
        on_total: Called with the number of entities.
        on_progress: Called with the number of entities since the last call.
        file_system: Where the directory is; this machine's by default.

    Returns:
        What came of it; `imported` tells if the log is in its place.

    Raises:
        LegacyError: The file is no snapshot.
        OccupiedError: The directory has a log.
        DirectoryLockedError: Another process holds it.
        WalError: The log takes no more.
        UnverifiedError: What was written reads back differently.
        OSError: The disk refused.
    """
    snapshot = await asyncio.to_thread(read_snapshot, path)
    plan = await asyncio.to_thread(make_plan, snapshot, Mapping(zone=zone, now=clock.now()))
    on_total(len(plan.steps))
    files = file_system or RealFileSystem()
    staging = await asyncio.to_thread(Staging.begin, files, directory)
    try:
        made = await _make(staging.path, plan, settings, on_progress, file_system)
        imported = skip_invalid or not made.left_out
        if imported:
            await _verify(staging.path, made, settings, file_system)
            await _to_its_end(staging.publish)
        await asyncio.to_thread(staging.clear)
    except BaseException:
        await _abandon(staging)
        raise
    finally:
        staging.release()
    return Report(
        file=str(path),
        directory=str(directory),
        imported=imported,
        kinds=counts(made.imported, made.left_out),
        left_out=tuple(made.left_out),
        notes=tuple(made.notes),
        users=made.users,
    )


async def _to_its_end(step: Callable[[], None]) -> None:
    """Run a step on a thread; who is cancelled waits for its end, because what follows undoes what it stands on."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def _abandon(staging: Staging) -> None:
    # The cause counts; what cannot be removed now the next import removes.
    with contextlib.suppress(OSError):
        await asyncio.to_thread(staging.clear)


class _Made(msgspec.Struct, kw_only=True):
    """What was written into a log that is closed."""

    left_out: list[LeftOut]
    notes: list[str]
    imported: Counter[str]
    users: dict[str, str]
    counts: dict[str, int]
    digest: int


async def _make(
    directory: Path, plan: Plan, settings: Settings, on_progress: Progress, file_system: FileSystem | None
) -> _Made:
    state = State(KINDS)
    log, _ = await open_log(directory, settings.log, state, file_system=file_system)
    try:
        writer = Writer(state, Ahead(log), settings)
        for step in plan.steps:
            await writer.create(step)
            on_progress(1)
        notes = [*plan.notes, *await writer.ensure_admin()]
    finally:
        await log.close()
    left_out = [*plan.left_out, *writer.left_out]
    return _Made(
        left_out=left_out,
        notes=notes,
        imported=writer.imported,
        users=writer.users,
        counts=dict(state.counts),
        digest=state.digest,
    )


async def _verify(directory: Path, made: _Made, settings: Settings, file_system: FileSystem | None) -> None:
    """Open the log as a start would, and compare."""
    state = State(KINDS)
    log, _ = await open_log(directory, settings.log, state, file_system=file_system)
    await log.close()
    if (dict(state.counts), state.digest) != (made.counts, made.digest):
        raise UnverifiedError(
            f"{directory} holds {dict(state.counts)} with the digest {state.digest:032x}, expected "
            f"{made.counts} with {made.digest:032x}, as was written. Nothing was put in place. "
            "This is a fault of the disk, the memory or the program: ask for help with this message."
        )
