"""Alarms as pages show them: with their place, in the order of what needs somebody, filtered, page by page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from starlette.requests import Request

from monitor.model import SEVERITY_RANK
from monitor.site import Site
from monitor.web.callers import Caller
from monitor.web.permits import PERMITS

__all__ = ["PAGE", "Part", "by_urgency", "is_open", "may", "number_in", "part_of", "placed", "waits"]

PAGE: Final = 50
"""How many lines of a list are on one page."""

_MOST_PAGES: Final = 10_000
_UNSAID: Final[Mapping[str, Any]] = {
    "case": None,
    "comments": (),
    "costs": None,
    "earlier": None,
    "cause_text": "",
    "cleared_at": None,
    "consequence_text": "",
    "momentary": False,
    "normal": False,
    "latched": False,
    "limit": None,
    "acknowledged_by": "",
    "acknowledged_at": None,
    "owner": "",
    "point": None,
    "response_text": "",
    "review_due": False,
    "times_in_7_days": 1,
    "service": None,
    "shadow": False,
    "shelf": None,
    "source_key": "",
    "standing": False,
    "suppressed_by": (),
    "suppression": (),
    "unit": None,
    "unknown": False,
    "value": None,
}


def placed(alarm: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """An alarm with the name, building, zone and class of its device; `known`: the site has that device."""
    device = site.devices.get(alarm["device"])
    place = {
        "known": device is not None,
        "device_name": (device.name if device else "") or alarm["device"],
        "building": device.building if device else "",
        "zone": device.zone if device else "",
        "device_class": device.device_class if device else "",
        "since": alarm.get("raised_at"),
    }
    return {**_UNSAID, **place, **alarm}


def waits(alarm: Mapping[str, Any]) -> bool:
    """Whether it waits for somebody to acknowledge it, or to reset it."""
    return not alarm["shadow"] and (alarm["response"] == "unacked" or bool(alarm["normal"]))


def is_open(alarm: Mapping[str, Any]) -> bool:
    """Whether it lasts, or waits for somebody; what is only tried counts for nothing."""
    return not alarm["shadow"] and (bool(alarm["active"]) or alarm["response"] != "none")


def by_urgency(alarms: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What goes on, then what is over or happened once; each the most severe first, then the newest."""
    return sorted(
        alarms,
        key=lambda each: (
            not each["active"] or bool(each["momentary"]) or bool(each["normal"]),
            -SEVERITY_RANK.get(each["severity"], 0),
            -each["raised_at"],
        ),
    )


def may(caller: Caller | None, path: str) -> bool:
    """Whether somebody may send the form of a path off, as the table of permits says it."""
    permit = PERMITS[path]["POST"]
    return permit is None or (caller is not None and caller.may(permit.role, permit.scope))


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a list: `rows`, `page` from 1, of so many `pages`; `count` rows in all."""

    rows: Sequence[Any]
    page: int
    pages: int
    count: int


def part_of(rows: Sequence[Any], page: int) -> Part:
    """The page of a list that was asked for, or the last there is."""
    pages = max(1, ceil(len(rows) / PAGE))
    page = min(max(1, page), pages)
    return Part(rows[(page - 1) * PAGE : page * PAGE], page, pages, len(rows))


def number_in(request: Request, name: str) -> int:
    """A whole number of the query; 1 for what is none."""
    text = request.query_params.get(name, "")
    return min(int(text), _MOST_PAGES) if text.isdecimal() and len(text) < len(str(_MOST_PAGES)) + 1 else 1
