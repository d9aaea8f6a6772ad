"""The list of alarms: what is open, all, or what is over; filtered by a form.

What is open is in the order of what needs somebody. All, and what is over, are read from the newest raise to the
oldest that is kept, a page at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.alarms.choosing import Choice, Said
from monitor.folding import plain
from monitor.model import Severity
from monitor.site import Site
from monitor.web.callers import caller_of
from monitor.web.console.alarms.seen import PAGE, Part, by_urgency, is_open, number_in, part_of, placed
from monitor.web.console.page import Pages
from monitor.web.finding import called
from monitor.web.parts import Parts

__all__ = ["make_list"]

_STATES: Final = ("open", "all", "over")
_HOLDS: Final = ("shelved", "suppressed", "out_of_service", "standing")
_FIELDS: Final = {
    "severity": "severity",
    "building": "building",
    "class": "device_class",
    "rule": "rule",
    "device": "device",
}
_FILTERS: Final = ("state", "severity", "building", "class", "text", "hold", "rule", "device", "mine")
_LONGEST: Final = 100
_LONGEST_NUMBER: Final = 15


def make_list(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""

    async def alarms(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "")[:_LONGEST] for name in _FILTERS}
        if asked["state"] not in _STATES:
            asked["state"] = "open"
        person = caller_of(request).person
        before = _before(request.query_params.get("before", ""))
        wanted = _Wanted(asked, called(parts.site, asked["text"], pages.words(request)), person)
        is_paged = asked["state"] != "open" and not asked["mine"]
        if is_paged:
            rows, older = await _page(parts, wanted, before)
            part = Part(rows, 1, 1, len(rows))
        else:
            part, older = part_of(await _all(parts, wanted), number_in(request, "page")), ""
        devices = parts.site.devices.values()
        return pages.draw(
            request,
            "alarms/list.html.j2",
            part=part,
            older=older,
            is_later=before is not None,
            is_paged=is_paged,
            asked=asked,
            is_filtered=any(asked[name] for name in _FILTERS if name != "state"),
            severities=list(reversed(Severity)),
            buildings=sorted({each.building for each in devices} - {""}),
            classes=sorted({each.device_class for each in devices}),
        )

    return [Route("/alarms", alarms, methods=["GET"])]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked for, its words with what is called so, and who asks (a person of the site)."""

    asked: dict[str, str]
    texts: Sequence[Said]
    person: str


async def _all(parts: Parts, wanted: _Wanted) -> Sequence[dict[str, Any]]:
    """What is open, or what somebody was given, in the order of what needs somebody."""
    is_mine = bool(wanted.asked["mine"])
    known = await (parts.alarms.list_cases(wanted.person) if is_mine else parts.alarms.list_alarms())
    told = [placed(alarm, parts.site) for alarm in known]
    return by_urgency(alarm for alarm in told if _is(alarm, wanted))


async def _page(
    parts: Parts, wanted: _Wanted, before: tuple[int, str] | None
) -> tuple[Sequence[dict[str, Any]], str]:
    """A page of all that are kept, and what the next one begins behind; empty where there is none."""
    asked = wanted.asked
    held = asked["hold"] if asked["hold"] in _HOLDS else ""
    choice = Choice(
        severities=[asked["severity"]] if asked["severity"] else [],
        rule=asked["rule"],
        devices=_devices(parts.site, asked),
        only=held,
        texts=wanted.texts,
        over=asked["state"] == "over" and not held,
    )
    found = await parts.alarms.find_alarms(choice, after=before, limit=PAGE + 1)
    rows = [placed(alarm, parts.site) for alarm in found[:PAGE]]
    more = f"{rows[-1]['raised_at']}.{rows[-1]['occurrence']}" if len(found) > PAGE else ""
    return rows, more


def _before(text: str) -> tuple[int, str] | None:
    """The raise and the occurrence that a page begins behind; None for the first, and for what is none of ours."""
    raised, _, occurrence = text.partition(".")
    if not raised.isascii() or not raised.isdecimal() or len(raised) > _LONGEST_NUMBER:
        return None
    return int(raised), occurrence[:_LONGEST]


def _devices(site: Site, asked: dict[str, str]) -> list[str] | None:
    """The devices that fit; None when nothing was said of them. One that the site has no more may be named."""
    if not asked["building"] and not asked["class"]:
        return [asked["device"]] if asked["device"] else None
    return [
        one.id
        for one in site.devices.values()
        if asked["device"] in {"", one.id}
        and asked["building"] in {"", one.building}
        and asked["class"] in {"", one.device_class}
    ]


def _is(alarm: dict[str, Any], wanted: _Wanted) -> bool:
    asked, person = wanted.asked, wanted.person
    if asked["state"] != "all" and is_open(alarm) != (asked["state"] == "open") and not _is_held(alarm, asked):
        return False
    if any(asked[name] and alarm[field] != asked[name] for name, field in _FIELDS.items()):
        return False
    if asked["hold"] in _HOLDS and not _is_held(alarm, asked):
        return False
    if asked["mine"]:
        case = alarm["case"] or {}
        if not person or case.get("assigned_to") != person or not case.get("open"):
            return False
    return all(_says(alarm, each) for each in wanted.texts)


def _is_held(alarm: dict[str, Any], asked: dict[str, str]) -> bool:
    if asked["hold"] == "standing":
        return bool(alarm["standing"])
    return asked["hold"] in alarm["suppression"] and not alarm["momentary"]


def _says(alarm: dict[str, Any], said: Said) -> bool:
    where = (alarm["title"], alarm["source_key"], alarm["rule"], alarm["occurrence"])
    return (
        alarm["rule"] in said.rules
        or alarm["device"] in said.devices
        or said.text in plain(" ".join(map(str, where)))
    )
