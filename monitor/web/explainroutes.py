"""The route that says who would be told of an alarm, when, over what and why."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from monitor.duty import Override
from monitor.errors import RequestRefused
from monitor.model import Severity
from monitor.notify.explaining import Message, RouteSaid, alarms_of, explain_alike, severities_of
from monitor.site import Rule, Site, Source
from monitor.web.paging import dumped
from monitor.web.parts import Parts
from monitor.web.problems import NotKnown, problems
from monitor.web.shapes import PREFIX

__all__ = ["ExplainedOut", "make_explain_router"]

_FAR: Final = 4_102_444_800_000


class ToldAlikeOut(BaseModel):
    """What would come of the alarms about these `sources` (DEVICE or DEVICE/POINT), in the order of time."""

    sources: list[str]
    messages: list[Message]
    not_told: list[str]
    routes: list[RouteSaid]
    if_nobody_answers: list[str]
    notes: list[str]


class ExplainedOut(BaseModel):
    """Who would be told of alarms of a rule that are raised at `at` (UTC ms); nothing is sent.

    `overrides_known`: whether those who stand in by command are heeded.
    """

    rule: str
    severity: Severity
    at: int
    overrides_known: bool
    alarms: list[ToldAlikeOut]


def make_explain_router(parts: Parts) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/notify/explain", response_model=ExplainedOut, responses=problems(404, 503))
    async def explain(
        alarm: Annotated[str, Query(min_length=1, max_length=400, description="RULE, or RULE/SOURCE")],
        at: Annotated[int | None, Query(ge=0, le=_FAR, description="UTC ms; now without it")] = None,
        severity: Annotated[
            Severity | None, Query(description="the most severe that the rule can have without it")
        ] = None,
    ) -> Response:
        """Answer who would be told of an alarm, when, over what and why; nothing is sent."""
        try:
            rule, sources = alarms_of(parts.site, alarm)
        except RequestRefused as refused:
            raise NotKnown(str(refused), "list them with `facility-monitor rules list`") from refused
        wanted = str(severity or severities_of(rule)[0])
        when = parts.now() if at is None else at
        said = None if parts.duty is None else await parts.duty.overrides()
        told = partial(_told, parts.site, rule, sources, severity=wanted, at=when, said=said)
        return Response(await asyncio.to_thread(told), media_type="application/json")

    return router


def _told(  # noqa: PLR0913 - an alarm, when it is raised, and who stands in
    site: Site, rule: Rule, sources: Sequence[Source], *, severity: str, at: int, said: Sequence[Override] | None
) -> bytes:
    """Thousands of sources take long: done in a thread."""
    found = explain_alike(site, rule, sources, severity=severity, at=at, stand_ins=said or ())
    alarms: list[Mapping[str, Any]] = [{"sources": list(keys), **one.as_json()} for one, keys in found]
    return dumped(
        {
            "rule": rule.id,
            "severity": severity,
            "at": at,
            "overrides_known": said is not None,
            "alarms": alarms,
        }
    )
