"""The route that answers the past of a device in equal steps of time."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from monitor.journal.sampled import MOST_STEPS, Bucket, History
from monitor.site import Device
from monitor.web.callers import NotAllowed, caller_of
from monitor.web.longpast import Asked, found, planned
from monitor.web.paging import answered
from monitor.web.parts import Parts
from monitor.web.permits import PEOPLE
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX

__all__ = ["make_history_router"]

_DAY: Final = 86_400_000
_FAR: Final = 4_102_444_800_000
_WIDTH: Final = 300
_MOST_POINTS: Final = 20
_Time = Annotated[int | None, Query(ge=0, le=_FAR)]


class SourceOut(BaseModel):
    """Where values from `start` to `end` (UTC ms) come from.

    journal: each reading, as it was kept (`step` null). ledger: what a counter showed each `step` (ms).
    """

    source: Literal["journal", "ledger"]
    start: int
    end: int
    step: int | None


class CourseOut(BaseModel):
    """A point over the steps; null where there was no value.

    `mean` is that of the values, each counting alike; of a state (`is_state`) it is the share that was true. Of
    texts only `last` and `count` say something. `sources`: by time; where there is none, nothing is kept.
    """

    unit: str | None
    is_state: bool
    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]
    last: list[bool | int | float | str | None]
    count: list[int]
    sources: list[SourceOut]


class HistoryOut(BaseModel):
    """The past of a device: `times` are the beginnings of the steps, of `step` ms each; all UTC ms.

    `step` may be longer than was asked for, where the ledger is a source. `sampled`: one of so many readings was
    looked at; `whole`: false when that took too long, and the end lacks.
    """

    device: str
    start: int
    end: int
    step: int
    sampled: int
    whole: bool
    times: list[int]
    points: dict[str, CourseOut]


def make_history_router(parts: Parts) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/devices/{device}/history", response_model=HistoryOut, responses=problems(404, 503))
    async def past(  # noqa: PLR0913, PLR0917 - one for each way to choose
        request: Request,
        device: str,
        point: Annotated[
            str,
            Query(
                max_length=2000,
                description="names, joined by commas: one to 20",
                json_schema_extra={"pattern": "[^,]", "examples": ["voltage_l1_v,voltage_l2_v"]},
            ),
        ],
        since: Annotated[_Time, Query(alias="from", description="UTC ms; a day before the end without it")] = None,
        until: Annotated[_Time, Query(alias="to", description="UTC ms; now without it")] = None,
        step: Annotated[int | None, Query(ge=1000, le=_FAR, description="ms")] = None,
        width: Annotated[int, Query(ge=1, le=MOST_STEPS, description="about so many steps")] = _WIDTH,
    ) -> Response:
        """Answer points of a device in equal steps of time: from the journal, of counters also from the ledger."""
        if device not in parts.site.devices:
            raise NotKnown(f"no device {device}", "list them with `facility-monitor devices`")
        known = parts.site.devices[device]
        if not caller_of(request).sees_readings_of(known):
            raise NotAllowed(PEOPLE.needs)
        names = list(dict.fromkeys(filter(None, point.split(","))))
        end = parts.now() if until is None else until
        start = max(0, end - _DAY) if since is None else since
        if not 1 <= len(names) <= _MOST_POINTS:
            raise HTTPException(422, f"query.point: name one point to {_MOST_POINTS}")
        if start >= end:
            raise HTTPException(422, "query.from: it is before `to`")
        wide = max(1000, -(-(end - start) // width)) if step is None else step
        asked = await planned(parts, known, names, period=(start, end), step=wide)
        if asked.steps > MOST_STEPS:
            raise HTTPException(422, f"query.step: that is more than {MOST_STEPS} steps; say a longer one")
        return answered(request, _told(known, asked, await found(parts, asked)))

    return router


def _told(device: Device, asked: Asked, past: History) -> Mapping[str, object]:
    units = {name: known.unit for name, known in device.points.items()}
    start, end = asked.period
    return {
        "device": device.id,
        "start": start,
        "end": end,
        "step": asked.step,
        "sampled": past.sampled,
        "whole": past.is_whole,
        "times": [start + number * asked.step for number in range(asked.steps)],
        "points": {
            name: {**_course(units.get(name), past.points[name], asked.steps), "sources": asked.sources(name)}
            for name in asked.points
        },
    }


def _course(unit: str | None, buckets: Mapping[int, Bucket], steps: int) -> Mapping[str, object]:
    there = [buckets.get(number) for number in range(steps)]
    lasts = [bucket.last for bucket in buckets.values()]
    is_text = any(isinstance(value, str) for value in lasts)
    told = [None if is_text else bucket for bucket in there]
    return {
        "unit": unit,
        "is_state": bool(lasts) and all(isinstance(value, bool) for value in lasts),
        "min": [bucket and bucket.least for bucket in told],
        "mean": [bucket and bucket.mean for bucket in told],
        "max": [bucket and bucket.greatest for bucket in told],
        "last": [None if bucket is None else bucket.last for bucket in there],
        "count": [0 if bucket is None else bucket.count for bucket in there],
    }
