"""What the process tells, as JSON lines or for a reader at a terminal."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from service.settings import LoggingSettings


def configure(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send what loggers say to a stream, standard error by default.

    Args:
        settings: Form and least level.
        stream: Where to.
    """
    target = stream or sys.stderr
    on_terminal = settings.format == "console" or (settings.format == "auto" and target.isatty())
    last: list[Processor] = [structlog.dev.ConsoleRenderer(colors=target.isatty())]
    if not on_terminal:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(target),
    )
    # What libraries say goes the same way; aiohttp speaks only of what went wrong.
    logging.basicConfig(level=logging.WARNING, stream=target, format="%(levelname)s %(name)s %(message)s", force=True)
