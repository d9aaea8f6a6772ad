"""Has the picture of a message drawn by another process: bounded in time, in memory and in number.

A mail without a picture is better than a late one: where there is none in time, there is none.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from monitor.errors import JournalError
from monitor.journal.codec import KIND_OF
from monitor.journal.reader import Reader
from monitor.model import Event, Reading
from monitor.notify.languages import known, speech, words_of
from monitor.notify.messages import shows_value
from monitor.notify.scales import names, ticks
from monitor.schema import point_unit, unit_sign

__all__ = ["PICTURED", "Painter", "wish"]

_LOG = structlog.get_logger()

PICTURED: Final = frozenset({"raise", "severity", "remind", "assigned", "chatter", "clear", "combined"})
"""Kinds of messages that have a picture."""

_DAY: Final = 86_400_000
_PATIENCE: Final = 20.0
_PATIENCE_WHEN_CRITICAL: Final = 3.0
_YOUNG: Final = 1_800_000
"""Milliseconds of a device's past below which a picture shows nothing yet."""
_MOST: Final = 10
_PER: Final = 60.0
_KEPT: Final = 8
_FRESH: Final = 60_000
"""Milliseconds for which people who are told the same get the same picture."""
_LARGEST: Final = 500_000
_EVENTS: Final = frozenset({"event", "event_count", "sequence", "absence"})
_POINTS: Final[Mapping[str, str]] = {"continuous_flow": "flow_m3h", "night_flow": "flow_m3h", "demand": "power_w"}
"""Kind of rule that judges what was counted -> the point that shows it best."""
_REST: Final = 600.0
"""Seconds without pictures after one was late: a machine that is busy must not hold up mail after mail."""
# What is reckoned of a device has the time at which its hour or its day began: the device is not as old as that.
_OLDEST: Final = "SELECT time FROM entries WHERE device = ? AND kind IN (?, ?) ORDER BY time LIMIT 1"


class Painter:
    """Draws the day around an alarm. `journal` is the journal's file; `now` is UTC ms.

    One at a time and ten in a minute at most: in a flood, messages go without. So they do for ten minutes after a
    picture was late.
    """

    def __init__(
        self,
        journal: Path,
        *,
        now: Callable[[], int],
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._now = now
        self._patience = patience
        self._monotonic = monotonic
        self._reader = Reader(journal, "journal.db")
        self._one = asyncio.Semaphore(1)
        self._begun: deque[float] = deque(maxlen=_MOST)
        self._rests_until = float("-inf")
        self._drawn: dict[str, bytes] = {}

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._reader.close()

    async def __call__(self, kind: str, language: str, body: Mapping[str, Any], cleared: int | None) -> bytes:
        """Answer a PNG, or nothing when there is none to show or it is not there in time."""
        wanted = wish(kind, language, body, cleared, now=self._now()) if kind in PICTURED else None
        if wanted is None or self._monotonic() < self._rests_until:
            return b""
        is_urgent = body["severity"] == "critical"
        patience = min(self._patience, _PATIENCE_WHEN_CRITICAL if is_urgent else self._patience)
        try:
            async with asyncio.timeout(patience):
                return await self._paint(wanted)
        except TimeoutError:
            _LOG.info("picture_late", device=wanted["device"], seconds=patience)
            if not is_urgent:
                self._rests_until = self._monotonic() + _REST
        except (JournalError, OSError) as error:
            _LOG.warning("picture_not_drawn", error=str(error)[:200])
        return b""

    async def _paint(self, wanted: Mapping[str, Any]) -> bytes:
        of_its_time = {"now", "start", "end", "ticks"}
        key = json.dumps([wanted["end"] // _FRESH, {k: v for k, v in wanted.items() if k not in of_its_time}])
        async with self._one:
            if key in self._drawn:
                return self._drawn[key]
            if not await self._reader.ask(lambda db: _has_past(db, wanted)):
                return b""
            now = self._monotonic()
            if len(self._begun) == _MOST and now - self._begun[0] < _PER:
                return b""
            self._begun.append(now)
            picture = await self._draw(wanted)
            self._drawn[key] = picture
            while len(self._drawn) > _KEPT:
                del self._drawn[next(iter(self._drawn))]
            return picture

    async def _draw(self, wanted: Mapping[str, Any]) -> bytes:
        """Have it drawn; what is late is killed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-Im",
            "monitor.notify.pictures",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        try:
            said = json.dumps({**wanted, "journal": str(self._journal)}).encode()
            picture, errors = await process.communicate(said)
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode or len(picture) > _LARGEST:
            error = errors.decode(errors="replace")[-300:]
            _LOG.warning("picture_not_drawn", device=wanted["device"], error=error)
            return b""
        return picture


def _has_past(db: sqlite3.Connection, wanted: Mapping[str, Any]) -> bool:
    """Whether the journal goes back far enough before the alarm."""
    oldest = db.execute(_OLDEST, (wanted["device"], KIND_OF[Reading], KIND_OF[Event])).fetchone()
    return oldest is not None and wanted["since"] - oldest["time"] >= _YOUNG


def wish(
    kind: str, language: str, body: Mapping[str, Any], cleared: int | None, *, now: int
) -> Mapping[str, Any] | None:
    """Say what is to be drawn for a message; None where nothing can be.

    The day ends half a day after the alarm began (or ended, when that is what is told), and never in the future.
    """
    rule, since = body["rule"]["kind"], body["since"]
    point = body.get("point") or _POINTS.get(rule)
    if point is None and rule not in _EVENTS:
        return None
    ended = body["time"] if kind == "clear" else cleared
    end = min(now, (ended or since) + _DAY // 2)
    is_measured = shows_value(rule) and body.get("limit") is not None
    unit = point_unit(point) if point else None
    has_limit = is_measured and (unit or body.get("unit")) == body.get("unit")
    spoken = speech(known(language), body["site"]["timezone"])
    say = words_of(known(language)).ugettext
    sign = body.get("unit") or unit
    limit = spoken.quantity(body["limit"], sign) if has_limit else ""
    return {
        "device": body["device"]["id"],
        "point": point,
        "start": end - _DAY,
        "end": end,
        "since": since,
        "ended": ended,
        "now": now,
        "limit": body["limit"] if has_limit else None,
        "limit_label": say("limit %(limit)s") % {"limit": limit} if has_limit else "",
        "title": f"{body['device']['name']} ({unit_sign(sign)})" if point and sign else body["device"]["name"],
        "ticks": list(ticks(end - _DAY, end, ZoneInfo(body["site"]["timezone"]), spoken.day)),
        "names": names(say),
    }
