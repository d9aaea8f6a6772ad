"""The program's own log: on standard error, readable at a terminal, one JSON object a line everywhere else.

Where standard error goes to systemd's journal, each line begins with its priority, so that
`journalctl --priority=warning` works. Source: sd-daemon(3), and $JOURNAL_STREAM in systemd.exec(5).
"""

import io
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog

__all__ = ["write_log_to"]

_LOUD = ("apscheduler", "paho", "pymodbus", "urllib3", "apprise", "aiosmtpd", "mail.log")
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_INFO: Final = 6
_LIBRARIES: Final = "%(levelname)s %(name)s: %(message)s"


def write_log_to(stream: TextIO | None = None) -> None:
    """Send the log of this program and the errors of its libraries to a stream (default: standard error)."""
    out = stream or sys.stderr
    renderer: Any = structlog.processors.JSONRenderer()
    if out.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    journald = _is_journald(out, os.environ)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _WithPriority(renderer) if journald else renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter((_LinesWithPriority if journald else logging.Formatter)(_LIBRARIES))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)


def _is_journald(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is the very one that systemd connected to its journal, and not redirected since."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, io.UnsupportedOperation):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _WithPriority:
    """Renders an entry of ours, which is one line, and puts its priority before it."""

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer

    def __call__(self, logger: Any, method: str, event: Any) -> str:
        priority = _PRIORITIES.get(event.get("level", ""), _INFO)
        return f"<{priority}>{self._renderer(logger, method, event)}"


class _LinesWithPriority(logging.Formatter):
    """Puts the priority before every line of a library's message: the journal takes each as an entry."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        prefix = f"<{_PRIORITIES.get(record.levelname.lower(), _INFO)}>"
        return "\n".join(prefix + line for line in super().format(record).split("\n"))
