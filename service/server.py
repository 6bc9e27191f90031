"""The process: it opens the data directory, listens, and ends in order. The one place that wires everything."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path

import structlog
from aiohttp import http_parser, web

from service import clock
from service.app import make_app, make_runner, make_services
from service.engine import Engine
from service.http.call import Gate
from service.kinds import KINDS
from service.settings import Settings
from service.state.state import State, index_fields
from wal.compactor import Compactor
from wal.log import Log
from wal.recovery import Report, open_log

EXIT_POISONED = 1
_logger = structlog.get_logger(__name__)


async def serve(settings: Settings) -> int:
    """Serve until a signal or a failed sync ends it.

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
    services = make_services(settings, lambda: {"sequence": state.sequence, "entities": dict(state.counts)})
    runner = make_runner(make_app(services))
    await runner.setup()
    site = web.TCPSite(runner, settings.server.host, settings.server.port)
    await site.start()
    try:
        log, compactor = await _open(settings, state)
        services.gate.open(Engine(state, log, clock.now))
        _say_where(runner)
        compacting = asyncio.create_task(compactor.run())
        return await _run(log, services.gate, runner, stop, compacting)
    finally:
        await runner.cleanup()


def require_c_parser() -> None:
    """Make sure that aiohttp parses HTTP in C: most smuggling advisories were about its parser in Python.

    Raises:
        RuntimeError: It does not.
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp is installed without its C parser. Install it from a wheel, or with a compiler.")


async def _open(settings: Settings, state: State) -> tuple[Log, Compactor]:
    directory = await asyncio.to_thread(Path(settings.data.directory).absolute)
    _logger.info(
        "opening",
        directory=str(directory),
        durability="every answer is synced to this disk first",
        protects_not_from="the loss of this disk or machine, nor readers of the directory: it is not encrypted",
    )
    log, report = await open_log(
        directory, settings.log, state, on_progress=lambda records: _logger.info("replaying", records=records)
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
        on_failure=lambda error: _logger.error("the compaction failed", cause=str(error)),
    )
    return log, compactor


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


def _say_where(runner: web.BaseRunner) -> None:
    for host, port, *_ in runner.addresses:
        _logger.info("listening", url=f"http://{host}:{port}")
    sys.stderr.flush()


async def _run(
    log: Log, gate: Gate, runner: web.BaseRunner, stop: asyncio.Event, compacting: asyncio.Task[None]
) -> int:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((stopping, log.poisoned), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    gate.stop()
    # Its child ends with it; what that has written is a temporary file.
    compacting.cancel()
    await asyncio.wait((compacting,))
    # What is under way is finished before the log is sealed.
    await runner.cleanup()
    await log.close()
    if log.poisoned.done():
        _logger.error("the log failed to sync; the next start decides", cause=str(log.poisoned.result()))
        return EXIT_POISONED
    _logger.info("stopped", sequence=log.sequence)
    return 0
