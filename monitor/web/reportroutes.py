"""The route by which reports are asked for."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.reports.report import Report
from monitor.web.asked import period_of
from monitor.web.callers import NotAllowed, caller_of
from monitor.web.parts import Parts
from monitor.web.permits import PEOPLE
from monitor.web.problems import NotKnown, problems
from monitor.web.reportshapes import Kind, ReportOut
from monitor.web.shapes import PERIOD, PREFIX

__all__ = ["make_report_router"]

_Many = Annotated[list[str], Query(max_length=1000)]
_FACTS: Final[Mapping[str, str]] = {"class": "device_class", "building": "building", "tenant": "tenant"}


def make_report_router(parts: Parts) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 422, 503))

    @router.get("/reports/{kind}", response_model=ReportOut)
    async def report(  # noqa: PLR0913, PLR0917 - one for each way to choose devices
        request: Request,
        kind: Kind,
        period: Annotated[str, Query(max_length=40, json_schema_extra=PERIOD)] = "last-month",
        device: _Many = [],  # noqa: B006 - FastAPI copies it
        device_class: Annotated[list[str], Query(alias="class", max_length=100)] = [],  # noqa: B006 - likewise
        building: _Many = [],  # noqa: B006 - likewise
        tenant: _Many = [],  # noqa: B006 - likewise
    ) -> Response:
        """Answer a report about a period of the site's zone: about all, or what fits everything given."""
        if kind == "access" and not caller_of(request).sees_people:
            raise NotAllowed(PEOPLE.needs)
        if parts.reports is None:
            raise NotKnown("nothing is metered here", "give a device a counter in the site file")
        wanted = {"class": device_class, "building": building, "tenant": tenant}
        chosen = _chosen(parts, device, wanted)
        made = await parts.reports.build(kind, period_of(parts, period), chosen)
        body = await asyncio.to_thread(_json, made)  # a year of many meters is long: polls must not wait for it
        return Response(body, media_type="application/json")

    return router


def _json(made: Report) -> bytes:
    import orjson

    return orjson.dumps(made.as_json())


def _chosen(parts: Parts, devices: list[str], wanted: Mapping[str, list[str]]) -> list[str] | None:
    """Ids of the devices that fit; None when nothing was said, so all. Raises NotKnown for what nothing has."""
    known = parts.site.devices
    for device in devices:
        if device not in known:
            raise NotKnown(f"no device {device}", "list them with `facility-monitor devices`")
    for name, values in wanted.items():
        there = {getattr(one, _FACTS[name]) for one in known.values()}
        for value in values:
            if value not in there:
                raise NotKnown(f"no device has the {name} {value}", "look at the site file for those there are")
    if not devices and not any(wanted.values()):
        return None
    return [
        one.id
        for one in known.values()
        if (not devices or one.id in devices)
        and all(not values or getattr(one, _FACTS[name]) in values for name, values in wanted.items())
    ]
