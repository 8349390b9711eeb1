"""Logs of the processes: one line an event on stderr, for people or as JSON for programs."""

import logging
import sys
from typing import Any, Literal

import structlog


def configure(log_format: Literal["console", "json"]) -> None:
    """Have everything that logs, ours and the libraries', write in the one format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    json = log_format == "json"
    last = structlog.processors.JSONRenderer() if json else _for_people()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([structlog.processors.format_exc_info] if json else []),
                last,
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # One line for each request that we make is more than anyone reads.
    for chatty in ("httpx2", "httpcore2", "alembic", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Other formatters of exceptions show the values of variables, which may be personal.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
