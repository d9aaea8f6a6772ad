"""The plant: every device by building and zone, or by class, and what there is to know of each building."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.upkeepbook import Battery
from monitor.web.console.page import Pages
from monitor.web.console.plant.fields import listed
from monitor.web.console.plant.view import TROUBLE, DeviceView, views_of
from monitor.web.console.plant.words import TONES, words
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["make_overview"]

_PAGE: Final = 150
_FEW: Final = 60
"""Devices that are shown without being folded."""
_LOW: Final = 20.0
"""Percent below which a battery is low."""
_OPEN: Final = frozenset({"open", "held", "forced"})
_FAILED: Final = frozenset({"fault", "failed_to_start", "failed_to_stop"})
_RUNNING: Final = frozenset({"running", "stopping", "failed_to_stop"})


def make_overview(parts: Parts, live: LiveState, pages: Pages) -> Sequence[BaseRoute]:
    """Make the route."""

    async def plant(request: Request) -> Response:
        views = await views_of(parts, live, list(parts.site.devices.values()))
        asked = {name: request.query_params.get(name, "")[:100] for name in ("building", "class", "state", "by")}
        by_class = asked["by"] == "class"
        fitting = sorted((each for each in views if _fits(each, asked)), key=lambda each: _order(each, by_class))
        page = listed(request, fitting, _PAGE)
        say = pages.words(request)
        return pages.draw(
            request,
            "plant/plant.html.j2",
            words=words(say),
            options=_options(views, say),
            tones=TONES,
            asked=asked,
            page=page,
            parted=_groups(page.rows, by_class=by_class),
            by_class=by_class,
            is_few=page.total <= _FEW,
            counts=_counts(parts, views),
            buildings=_buildings(parts, views),
        )

    return [Route("/plant", plant, methods=["GET"])]


def _fits(view: DeviceView, asked: Mapping[str, str]) -> bool:
    state = asked["state"]
    return (
        asked["building"] in {"", view.device.building}
        and asked["class"] in {"", view.device.device_class}
        and (
            state in {"", view.state}
            or (state == "trouble" and view.state in TROUBLE)
            or (state == "alarm" and bool(view.alarms))
        )
    )


def _options(views: Sequence[DeviceView], say: Callable[[str], str]) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What can be chosen: name of a field -> values and what they are called."""
    known, everything = words(say), ("", say("all"))
    buildings = sorted({each.device.building for each in views} - {""})
    classes = sorted({each.device.device_class for each in views})
    states = sorted({each.state for each in views})
    picked = [("trouble", say("not doing well")), ("alarm", say("with an open alarm"))]
    return {
        "building": [everything, *((each, each) for each in buildings)],
        "class": [everything, *((each, known.classes[each]) for each in classes)],
        "state": [everything, *picked, *((each, known.health[each]) for each in states)],
        "by": [("", say("zone")), ("class", say("class"))],
    }


def _order(view: DeviceView, by_class: bool) -> tuple[str, ...]:  # noqa: FBT001 - a key
    device = view.device
    within = (device.device_class, device.zone) if by_class else (device.zone, device.device_class)
    return device.building, *within, device.name, device.id


def _groups(views: Sequence[DeviceView], *, by_class: bool) -> Mapping[str, Mapping[str, Sequence[DeviceView]]]:
    """Building -> zone or class -> devices, as they come."""
    found: dict[str, dict[str, list[DeviceView]]] = {}
    for each in views:
        part = each.device.device_class if by_class else each.device.zone
        found.setdefault(each.device.building, {}).setdefault(part, []).append(each)
    return found


def _counts(parts: Parts, views: Sequence[DeviceView]) -> Mapping[str, int]:
    doors = [] if parts.access is None else parts.access.book.doors()
    machines = [] if parts.equipment is None else parts.equipment.book.equipment()
    return {
        "devices": len(views),
        "trouble": sum(each.state in TROUBLE for each in views),
        "alarm": sum(bool(each.alarms) for each in views),
        "doors": len(doors),
        "doors_open": sum(each.state in _OPEN for each in doors),
        "machines": len(machines),
        "running": sum(each.state in _RUNNING for each in machines),
        "failed": sum(each.state in _FAILED for each in machines),
        "low": sum(map(_is_low, _batteries(parts))),
    }


def _batteries(parts: Parts) -> Sequence[Battery]:
    return () if parts.equipment is None else parts.equipment.book.batteries()


def _is_low(battery: Battery) -> bool:
    return battery.low or (battery.percent is not None and battery.percent < _LOW)


def _buildings(parts: Parts, views: Sequence[DeviceView]) -> Sequence[Mapping[str, Any]]:
    """Each building: how many devices in which state, and whether it has what it needs."""
    supply = [] if parts.equipment is None else parts.equipment.book.supply()
    states: dict[str, Counter[str]] = {}
    alarms: Counter[str] = Counter()
    for each in views:
        states.setdefault(each.device.building, Counter())[each.state] += 1
        alarms[each.device.building] += len(each.alarms)
    for one in supply:
        states.setdefault(one.building, Counter())
    return [
        {
            "name": name,
            "total": sum(count.values()),
            "trouble": sum(count[state] for state in TROUBLE),
            "alarms": alarms[name],
            "supply": [one for one in supply if one.building == name],
        }
        for name, count in sorted(states.items())
    ]
