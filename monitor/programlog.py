"""The program's own log: on standard error, readable at a terminal, one JSON object a line everywhere else."""

import logging
import sys
from typing import Any, TextIO

import structlog

__all__ = ["write_log_to"]

_LOUD = ("apscheduler", "paho", "pymodbus", "urllib3", "apprise", "aiosmtpd", "mail.log")


def write_log_to(stream: TextIO | None = None) -> None:
    """Send the log of this program and the errors of its libraries to a stream (default: standard error)."""
    out = stream or sys.stderr
    renderer: Any = structlog.processors.JSONRenderer()
    if out.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        stream=out, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
