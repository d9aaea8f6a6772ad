"""A report that is due by mail, between those who know when, those who send and those who build it."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.periods import Period
from monitor.ports import Message
from monitor.site import ReportSettings

__all__ = ["DueReport", "PutReport", "RenderReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReport:
    """A report whose period is over. `is_again`: it may have been sent already, before the state was restored."""

    settings: ReportSettings
    period: Period
    is_again: bool = False


PutReport = Callable[[sqlite3.Connection, DueReport, int], int]
"""Puts a report that is due at a time (UTC ms) into the outbox, in the transaction of whoever calls; answers how
many people get it."""

RenderReport = Callable[[Mapping[str, Any], str], Awaitable[Message]]
"""Builds a report from the body of its row, in a language; raises ReportUnavailable when it cannot do so now."""
