"""The route by which figures about alarms are asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from monitor.performance.figures import performance_of
from monitor.web.asked import period_of
from monitor.web.parts import Parts
from monitor.web.problems import problems
from monitor.web.shapes import PERIOD, PREFIX

__all__ = ["make_performance_router"]


def make_performance_router(parts: Parts) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX, responses=problems(422, 503))

    @router.get("/alarms/performance")
    async def performance(
        period: Annotated[str, Query(max_length=40, json_schema_extra=PERIOD)] = "this-month",
    ) -> dict[str, Any]:
        """Answer how well alarms did as alarms in a period, up to now."""
        span = period_of(parts, period)
        end = min(span.end, parts.now())
        if span.start >= end:
            raise HTTPException(422, "the period has not begun")
        record = await parts.alarms.record(span.start, end)
        limits, zone, classes = parts.site.performance, parts.site.timezone, parts.site.classes
        found = await asyncio.to_thread(performance_of, record, (span.start, end), zone, limits, classes)
        return {"period": span.name, **_plain(asdict(found))}

    return router


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same with days as texts."""
    days: Sequence[Mapping[str, Any]] = found["days"]
    return {**found, "days": [{**one, "day": one["day"].isoformat()} for one in days]}
