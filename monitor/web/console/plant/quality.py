"""Data quality, and how the monitor itself does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.figures import DayCoverage
from monitor.periods import local_day
from monitor.site import Device
from monitor.web.callers import caller_of
from monitor.web.console.page import Pages
from monitor.web.console.plant.fields import listed
from monitor.web.console.plant.words import TONES, words
from monitor.web.parts import Parts

__all__ = ["make_quality"]

_DAYS: Final = 7
_FULL: Final = 80.0
"""Percent of a bus's time above which it is too full."""


@dataclass(slots=True)
class _Kept:
    """What came of what was due, of one device: shares by span (None: nothing was due), losses by cause."""

    device: Device
    shares: dict[str, float | None] = field(default_factory=dict)
    late: int = 0
    lost: dict[str, int] = field(default_factory=dict)


def make_quality(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""

    async def quality(request: Request) -> Response:
        ids = list(parts.site.devices)
        today = local_day(parts.now(), parts.site.timezone)
        days = await parts.meters.book.coverage(ids, today - timedelta(days=_DAYS - 1), today)
        held = [each for each in parts.meters.book.registers() if each.pending]
        return pages.draw(
            request,
            "plant/quality.html.j2",
            words=words(pages.words(request)),
            tones=TONES,
            page=listed(request, _rows(parts, days)),
            totals=_shares(days, parts),
            held=held[:50],
            full=_FULL,
            **_carried(parts),
        )

    async def status(request: Request) -> Response:
        states = list(parts.health().values())
        alarms = [each for each in await parts.alarms.list_alarms() if not each.get("shadow")]
        return pages.draw(
            request,
            "plant/status.html.j2",
            words=words(pages.words(request)),
            tones=TONES,
            version=parts.version,
            started=parts.started,
            loaded=parts.loaded,
            downtime=parts.downtime,
            states={state: states.count(state) for state in sorted(set(states))},
            active=sum(bool(each.get("active")) for each in alarms),
            unacknowledged=sum(each.get("response") == "unacked" for each in alarms),
            flooding=bool(parts.judging().get("flooding")),
            messages=await parts.notify(),
            deadman=parts.deadman(),
            role=caller_of(request).role,
            **_carried(parts),
        )

    return [Route("/quality", quality, methods=["GET"]), Route("/status", status, methods=["GET"])]


def _carried(parts: Parts) -> dict[str, Any]:
    """What carries values from devices to where they are kept."""
    return {
        "connections": parts.connections(),
        "sinks": parts.sinks(),
        "journal": parts.journal.stats(),
        "itself": parts.itself(),
        "metering": parts.metering(),
    }


def _rows(parts: Parts, days: Sequence[DayCoverage]) -> Sequence[_Kept]:
    """A row for each device of which anything was due, the worst first."""
    by_device: dict[str, list[DayCoverage]] = {}
    for day in days:
        by_device.setdefault(day.device, []).append(day)
    rows = []
    for ident, own in by_device.items():
        if ident in parts.site.devices:
            row = _Kept(parts.site.devices[ident], dict(_shares(own, parts)), sum(each.late for each in own))
            for day in own:
                for cause, count in day.lost.items():
                    if count:
                        row.lost[cause] = row.lost.get(cause, 0) + count
            rows.append(row)
    return sorted(rows, key=_worst)


def _worst(row: _Kept) -> tuple[float, float, str]:
    week, today = row.shares["week"], row.shares["today"]
    return 2.0 if week is None else week, 2.0 if today is None else today, row.device.id


def _shares(days: Sequence[DayCoverage], parts: Parts) -> Mapping[str, float | None]:
    """The share of what was due that came: today, yesterday, in seven days."""
    today = local_day(parts.now(), parts.site.timezone)
    spans = {
        "today": [each for each in days if each.day == today],
        "yesterday": [each for each in days if each.day == today - timedelta(days=1)],
        "week": list(days),
    }
    return {name: _share(found) for name, found in spans.items()}


def _share(days: Sequence[DayCoverage]) -> float | None:
    expected = sum(each.expected for each in days)
    return sum(each.received for each in days) / expected if expected else None
