"""The process: it opens the data directory, listens, and ends in order. The one place that wires everything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from aiohttp import http_parser, web

from service import clock
from service.app import make_app, make_runner, make_services
from service.blobs import Blobs
from service.collecting import Collector, Register
from service.control import listening
from service.engine import Engine
from service.http.call import Gate
from service.kinds import KINDS
from service.loop_lag import LoopLag
from service.maintenance import maintain
from service.settings import Settings
from service.state.state import State, index_fields
from wal.compactor import Compactor
from wal.errors import OutcomeUnknownError, PruneError
from wal.file_system import FileSystem, RealFileSystem
from wal.log import Log
from wal.opening import open_log
from wal.recovery import Report
from wal.retention import oldest_retained

EXIT_POISONED = 1
_Result = TypeVar("_Result")
_logger = structlog.get_logger(__name__)


async def serve(settings: Settings, *, file_system: FileSystem | None = None) -> int:
    """Serve until a signal or a failed sync ends it.

    Args:
        settings: In force.
        file_system: Where the data is; this machine's by default.

    Returns:
        The exit code: 0 after a signal, 1 after a failed sync.

    Raises:
        WalError: The data directory is held, damaged, or of a newer release.
        OSError: The address or the directory cannot be used.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    state = State(KINDS)
    status = _Status(state)
    services = make_services(settings, status.told, status.compact, file_system)
    runner = make_runner(make_app(services))
    await runner.setup()
    site = web.TCPSite(runner, settings.server.host, settings.server.port)
    await site.start()
    try:
        opened = await _unless_stopped(stop, _open(settings, state, file_system))
        if opened is None:
            _logger.info("stopped before the log was open; what is stored is as it was")
            return 0
        log, compactor, clean = opened
        if not clean:
            services.attempts.distrust()
        status.log, status.compactor = log, compactor
        engine = Engine(state, log, clock.now, settings.limits)
        left = await services.blobs.prepare()
        if left:
            _logger.warning("removed uploads that were not finished", files=left)
        services.gate.open(engine)
        collector = _collector(settings, state, engine, services.blobs, file_system)
        status.collector = collector
        collecting = collector.run(settings.maintenance.blobs_seconds)
        work = (compactor.run(), maintain(engine, settings), collecting, status.lag.run())
        background = [asyncio.create_task(each) for each in work]
        for task in background:
            task.add_done_callback(_say_fault)
        async with listening(Path(settings.data.directory), engine, services.passwords, services.ids):
            _say_where(runner)
            if not state.counts["user"] and not services.registration_open:
                _say_how_to_begin(services.setup.issue())
            return await _run(log, services.gate, runner, stop, background)
    finally:
        await runner.cleanup()


class _Status:
    """What administrators may know; there is more of it once the log is open."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.log: Log | None = None
        self.compactor: Compactor | None = None
        self.collector: Collector | None = None
        self.lag = LoopLag()

    def compact(self) -> None:
        if self.compactor is not None:
            self.compactor.request()

    def told(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "sequence": self._state.sequence,
            "entities": dict(self._state.counts),
            "event_loop": self.lag.told(),
        }
        if self.log is not None:
            status["batches"] = msgspec.structs.asdict(self.log.batches)
        if self.compactor is not None:
            status["compaction"] = msgspec.structs.asdict(self.compactor.status)
        if self.collector is not None:
            status["content"] = msgspec.structs.asdict(self.collector.status)
        return status


def require_c_parser() -> None:
    """Make sure that aiohttp parses HTTP in C: most smuggling advisories were about its parser in Python.

    Raises:
        RuntimeError: It does not.
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp is installed without its C parser. Install it from a wheel, or with a compiler.")


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, _Result]) -> _Result | None:
    """Return what comes of some work, None if the process is to stop before: then it is cancelled and waited for."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    return None


async def _open(settings: Settings, state: State, file_system: FileSystem | None) -> tuple[Log, Compactor, bool]:
    directory = await asyncio.to_thread(Path(settings.data.directory).absolute)
    _logger.info(
        "opening",
        directory=str(directory),
        durability="every answer is synced to this disk before it is given",
        not_protected_from=[
            "the loss of this disk or this machine: keep copies",
            "readers of the directory: it holds texts, contents and password hashes, unencrypted",
        ],
    )
    log, report = await open_log(
        directory,
        settings.log,
        state,
        file_system=file_system,
        on_progress=lambda records: _logger.info("replaying", records=records),
    )
    _say_what(state, report)
    # What was recovered stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    compactor = Compactor(
        log,
        directory,
        settings.compaction,
        index_fields(KINDS),
        epoch=report.epoch,
        file_system=file_system,
        retention=settings.archive,
        on_failure=_tell,
    )
    return log, compactor, report.clean


def _tell(failure: Exception) -> None:
    # After a failed pruning the snapshot is there.
    what = "pruning failed" if isinstance(failure, PruneError) else "the compaction failed"
    _logger.error(what, cause=str(failure))


def _collector(
    settings: Settings, state: State, engine: Engine, blobs: Blobs, file_system: FileSystem | None
) -> Collector:
    directory = Path(settings.data.directory).absolute()
    register = Register(state, engine, settings.maintenance.changes_max)
    return Collector(engine, register, blobs, partial(oldest_retained, file_system or RealFileSystem(), directory))


def _say_what(state: State, report: Report) -> None:
    if report.torn_bytes:
        _logger.warning("cut a torn tail", bytes=report.torn_bytes, kept_in=report.torn_path)
    counts = state.counts
    message = (
        "No existing snapshot found, starting with an empty database"
        if report.new
        else f"Recovered: {counts['user']} users, {counts['document']} documents, "
        f"{counts['extraction']} extractions, {counts['annotation']} annotations"
    )
    _logger.info(
        message,
        seconds=round(report.seconds, 3),
        snapshot=report.snapshot,
        records=report.records,
        clean=report.clean,
    )


def _say_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _logger.error("a background task has ended: start the server again soon", exc_info=task.exception())


def _say_where(runner: web.BaseRunner) -> None:
    for host, port, *_ in runner.addresses:
        _logger.info("listening", url=f"http://{host}:{port}")
    sys.stderr.flush()


def _say_how_to_begin(token: str) -> None:
    _logger.warning(
        "nobody can log in yet, and registration is closed",
        way_on="run 'annolog user add --role admin EMAIL', or send POST /v1/users with this token",
        token=token,
    )


async def _run(
    log: Log, gate: Gate, runner: web.BaseRunner, stop: asyncio.Event, background: list[asyncio.Task[None]]
) -> int:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((stopping, log.poisoned), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    gate.stop()
    # A compaction's child ends with it; what that has written is a temporary file.
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    # What is under way is finished before the log is sealed.
    await runner.cleanup()
    with contextlib.suppress(OutcomeUnknownError):
        # The log may fail at its last sync too; it is told below.
        await log.close()
    if log.poisoned.done():
        _logger.error("the log failed to sync; the next start decides", cause=str(log.poisoned.result()))
        return EXIT_POISONED
    _logger.info("stopped", sequence=log.sequence)
    return 0
