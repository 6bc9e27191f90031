"""What the faults do."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from service.client import ClientError
from service.drill.history import OUTCOME_UNKNOWN
from service.drill.processes import Child
from service.drill.scene import Scene
from service.drill.server_process import SEGMENT_BYTES
from service.drill.strace import failing
from wal.file_store import PREPARED_NAME
from wal.layout import LOG_DIRECTORY

_START_SHARE = 1.2
_SHUTDOWN_SECONDS = 0.04
_PAUSE_SECONDS = 1.5
_BACK_SECONDS = 20.0
_COMPACTION_SECONDS = 15.0
_COMPACTION_LIFE_SECONDS = 0.3
_COMPACTION_TRIES = 5
_FULL_SECONDS = 60.0
_FULL_HOLD_SECONDS = 1.0
_HALF = 0.5
_POLL_SECONDS = 0.002
_TOLD_SECONDS = 2.0
_SECTOR_BYTES = 512
NO_ROOM = "no-room"


async def kill(scene: Scene) -> None:
    """SIGKILL at a random moment."""
    await scene.moment()
    scene.kill()


async def kill_in_start(scene: Scene) -> None:
    """SIGKILL, and once more at a random moment of the start that follows."""
    await kill(scene)
    scene.server.spawn()
    await scene.pause(scene.server.start_seconds * _START_SHARE)
    scene.felt = scene.server.is_running
    scene.kill()


async def kill_writer(scene: Scene) -> None:
    """SIGKILL to the process that writes the log: the server must end by itself."""
    await scene.moment()
    writer = scene.server.writer()
    scene.strike()
    if not scene.signal_process(writer and writer.pid, signal.SIGKILL):
        scene.complaints.append("The server had no process that writes its log.")
        scene.kill()
    await scene.end()


async def kill_compaction(scene: Scene) -> None:
    """SIGKILL to the process that makes a snapshot, or to the server while there is one."""
    await scene.moment(_HALF)
    child = await _compaction(scene)
    scene.felt = child is not None
    if scene.chance.random() < _HALF:
        scene.strike()
        scene.felt = scene.signal_process(child and child.pid, signal.SIGKILL)
        await scene.moment(_HALF)
    scene.kill()


async def _compaction(scene: Scene) -> Child | None:
    """Return the process of a compaction at a random moment of its short life; None if it always ended before."""
    for _ in range(_COMPACTION_TRIES):
        try:
            await scene.compact()
        except ClientError as error:
            scene.complaints.append(f"A snapshot was asked for in vain: {error}")
            return None
        await scene.load.until(lambda: scene.server.compaction() is not None, _COMPACTION_SECONDS)
        await scene.pause(_COMPACTION_LIFE_SECONDS)
        child = scene.server.compaction()
        if child is not None:
            return child
    return None


async def term(scene: Scene) -> None:
    """SIGTERM under load."""
    await scene.moment()
    scene.strike()
    scene.server.send(signal.SIGTERM)
    await scene.end()


async def term_kill(scene: Scene) -> None:
    """SIGTERM under load, and SIGKILL a little later."""
    await scene.moment()
    scene.strike()
    scene.server.send(signal.SIGTERM)
    await scene.pause(_SHUTDOWN_SECONDS)
    scene.felt = scene.server.is_running
    scene.kill()


async def pause(scene: Scene) -> None:
    """SIGSTOP to the server or its writer, SIGCONT, and SIGKILL when it works again."""
    await scene.moment(_HALF)
    writer = scene.server.writer()
    pid = scene.server.process.pid if writer is None or scene.chance.random() < _HALF else writer.pid
    scene.strike()
    scene.signal_process(pid, signal.SIGSTOP)
    await scene.pause(_PAUSE_SECONDS)
    scene.signal_process(pid, signal.SIGCONT)
    await scene.must_acknowledge(_BACK_SECONDS, "a pause")
    await scene.moment(_HALF)
    scene.kill()


def failing_writer(call: str, error: str) -> Callable[[Scene], Awaitable[None]]:
    """Return a strike in which a system call of the process that writes the log fails."""

    async def strike(scene: Scene) -> None:
        await scene.moment()
        writer = scene.server.writer()
        if writer is None:
            scene.complaints.append("The server had no process that writes its log.")
            scene.kill()
            return
        scene.strike()
        async with failing(writer.pid, call, error):
            await scene.end()
        # Nothing writes here but clients, so one of them waited for that batch: it must have been told, not cut off.
        if not await scene.load.until(lambda: scene.load.refused[OUTCOME_UNKNOWN] > 0, _TOLD_SECONDS):
            scene.complaints.append(f"The log failed, and nobody was told {OUTCOME_UNKNOWN}.")

    return strike


async def disk_full(scene: Scene) -> None:
    """No new file of the log for a while: ENOSPC."""
    path = scene.server.directory / LOG_DIRECTORY / PREPARED_NAME
    await _without_room(scene, failing(scene.server.process.pid, "openat", "ENOSPC", path))


async def size_limit(scene: Scene) -> None:
    """The zero-filling of the log's next file is cut short for a while: EFBIG at its last sector."""
    await _without_room(scene, _limited(scene.server.process.pid))


async def _without_room(scene: Scene, condition: AbstractAsyncContextManager[None]) -> None:
    await scene.moment(_HALF)
    scene.strike()
    async with condition:
        scene.felt = await scene.load.until(lambda: scene.load.refused[NO_ROOM] > 0, _FULL_SECONDS)
        read = scene.load.read
        await scene.pause(_FULL_HOLD_SECONDS)
        if not await scene.load.until(lambda: scene.load.read > read, _BACK_SECONDS):
            scene.complaints.append("No read was answered while the disk was full.")
    await scene.must_acknowledge(_BACK_SECONDS, "there was room again")
    await scene.moment(_HALF)
    scene.kill()


@contextlib.asynccontextmanager
async def _limited(pid: int) -> AsyncIterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # A segment's last sector stays zero for ever: nothing but the zero-filling reaches it.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SEGMENT_BYTES - _SECTOR_BYTES, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    await asyncio.sleep(_POLL_SECONDS)
