"""Structured logs: JSON for machines or plain lines for people. Nobody's name or address is ever logged (spec R41)."""

from __future__ import annotations

import logging
import sys
import traceback

import psycopg
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger


def _exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as its traceback; of the database's own words only the SQLSTATE, for they quote the row."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given else None
    if error is not None:
        lines = traceback.format_tb(error.__traceback__)
        said = f"SQLSTATE {error.sqlstate}" if isinstance(error, psycopg.Error) else str(error)
        event["exception"] = f"{''.join(lines)}{type(error).__name__}: {said}"
    return event


_FIRST: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_LEVELS = structlog.make_filtering_bound_logger(logging.INFO)


def _last(log_format: str) -> Processor:
    return structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)


def of_a_command(log_format: str) -> FilteringBoundLogger:
    """What a command that acts once logs with, to stderr as it is now; of the process nothing is set up."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr), processors=[*_FIRST, _exception, _last(log_format)], wrapper_class=_LEVELS
    )
    return logger


def configure(log_format: str) -> None:
    """Set up logging of this process to stderr, that of libraries too; `log_format` is json or text."""
    last = _last(log_format)
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_FIRST,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _exception, last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[libraries], force=True)
    structlog.configure(
        processors=[*_FIRST, _exception, last],
        wrapper_class=_LEVELS,
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
