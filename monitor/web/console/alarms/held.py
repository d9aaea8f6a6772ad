"""What nobody is told of: what is shelved, out of service or suppressed; and maintenance, which can be planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.alarms.windows import Planned, Wish
from monitor.maintenance import WORDS
from monitor.model import Command
from monitor.site import Site
from monitor.web.callers import caller_of
from monitor.web.console.alarms.acting import Failed, acting
from monitor.web.console.alarms.acting import Wish as Asked
from monitor.web.console.alarms.asked import Form, Wrong, moment_in, one, reason_in, written
from monitor.web.console.alarms.seen import by_urgency, may, number_in, part_of, placed
from monitor.web.console.page import Pages
from monitor.web.parts import Parts

__all__ = ["make_holds"]

_SELECTED: Final = ("building", "device_class", "device")
_MOST_DEVICES_NAMED: Final = 8
_MOST_DAYS: Final = 366
_HOUR_S: Final = 3600.0
_UNITS: Final = {"hours": _HOUR_S, "days": 24 * _HOUR_S}


def make_holds(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    return [*_shelves(parts, pages), *_maintenance(parts, pages)]


def _shelves(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    async def shelves(request: Request) -> Response:
        alarms = [placed(alarm, parts.site) for alarm in await parts.alarms.list_alarms()]
        held = [each for each in by_urgency(alarms) if each["suppression"] and not each["momentary"]]
        shelved = [each for each in held if each["shelf"]]
        out = sorted((each for each in held if each["service"]), key=lambda each: each["service"]["review_at"])
        page = number_in(request, "page")
        return pages.draw(
            request,
            "alarms/shelves.html.j2",
            shelved=part_of(shelved, page),
            out=part_of(out, page),
            suppressed=part_of([each for each in held if "suppressed" in each["suppression"]], page),
            may_unshelve=may(caller_of(request), "/alarms/{occurrence}/unshelve"),
            may_return=may(caller_of(request), "/alarms/{occurrence}/return"),
            done=request.query_params.get("done", ""),
        )

    return [Route("/shelves", shelves, methods=["GET"])]


# Maintenance ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """A window as the page shows it. Times are UTC ms."""

    planned: Planned
    devices: Sequence[str]
    more: int

    @property
    def is_over(self) -> bool:
        """Whether it will never be on again."""
        return not self.planned.on and self.planned.changes_at is None


def _maintenance(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    async def draw(request: Request, failed: Failed | None = None) -> Response:
        windows = [] if parts.holds is None else await parts.holds.maintenance()
        shown = [_shown(each, parts.site) for each in windows]
        return pages.draw(
            request,
            "alarms/maintenance.html.j2",
            status=200 if failed is None else 422,
            part=part_of([each for each in shown if not each.is_over], number_in(request, "page")),
            may_plan=parts.holds is not None and may(caller_of(request), "/maintenance/plan"),
            failed=failed,
            options=_options(parts.site),
            begin=_wall(parts.now(), parts.site),
            done=request.query_params.get("done", ""),
        )

    routes: list[BaseRoute] = [Route("/maintenance", draw, methods=["GET"])]
    desk = parts.holds
    if desk is None:
        return routes

    async def plan(asked: Asked) -> Command:
        reason = reason_in(asked.form, must=True)
        return await desk.add_maintenance(_wish(asked.form, parts), by=asked.caller.name, reason=reason)

    async def end(asked: Asked) -> Command:
        return await desk.end_maintenance(asked.path["name"], by=asked.caller.name, reason=reason_in(asked.form))

    return [
        *routes,
        acting(parts, "/maintenance/plan", "plan", plan, draw, lambda *_: ("/maintenance", "planned")),
        acting(parts, "/maintenance/{name}/end", "end", end, draw, lambda *_: ("/maintenance", "ended")),
    ]


def _wish(form: Form, parts: Parts) -> Wish:
    starts = moment_in(form, "starts", parts.site.timezone)
    repeat = one(form, "repeat")
    if repeat and repeat not in WORDS:
        raise Wrong("repeat", "choice")
    selected = {name: (text,) if (text := written(form, name)) else () for name in _SELECTED}
    return Wish(
        starts=parts.now() if starts is None else starts,
        seconds=_length(form),
        repeat=repeat,
        name=written(form, "name"),
        building=selected["building"],
        device_class=selected["device_class"],
        device=selected["device"],
    )


def _length(form: Form) -> float:
    """Seconds; Wrong for what is no length of a year at most."""
    unit = _UNITS.get(one(form, "unit"))
    if unit is None:
        raise Wrong("unit", "choice")
    try:
        seconds = float(one(form, "length").replace(",", ".")) * unit
    except ValueError as error:
        raise Wrong("length", "number") from error
    if not 0 < seconds <= _MOST_DAYS * _UNITS["days"]:
        raise Wrong("length", "late")
    return seconds


def _shown(planned: Planned, site: Site) -> _Shown:
    named = sorted(planned.window.devices or ())
    names = [site.devices[ident].name or ident if ident in site.devices else ident for ident in named]
    return _Shown(planned, names[:_MOST_DEVICES_NAMED], max(0, len(names) - _MOST_DEVICES_NAMED))


def _options(site: Site) -> Mapping[str, Sequence[str]]:
    """What the fields of a plan may say: what the devices of the site are."""
    devices = site.devices.values()
    return {
        "building": sorted({each.building for each in devices} - {""}),
        "device_class": sorted({each.device_class for each in devices}),
        "device": sorted(each.id for each in devices)[:500],
    }


def _wall(time: int, site: Site) -> str:
    """UTC ms as fields for a local time have it."""
    return datetime.fromtimestamp(time / 1000, site.timezone).strftime("%Y-%m-%dT%H:%M")
