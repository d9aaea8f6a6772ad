"""The routes that show alarms, rules and messages to people: all of them, or a page of those that fit."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.alarms.choosing import Choice, Said
from monitor.site import Site
from monitor.web.alarmshapes import AlarmDetailOut, AlarmOut, NotificationOut, Only, RuleDetailOut, RuleOut
from monitor.web.paging import MOST, PAGE, Cursor, Limit, answered, dumped, link, opened, sealed
from monitor.web.parts import Parts
from monitor.web.problems import NotKnown, problems
from monitor.web.routes import is_held
from monitor.web.shapes import PREFIX

__all__ = ["make_alarm_lists"]

_FAR: Final = 1 << 62
_MANY: Final = 20
_Word = Annotated[str, Query(max_length=200)]
_Words = Annotated[list[str], Query(max_length=_MANY)]
_Time = Annotated[int | None, Query(ge=-_FAR, le=_FAR, description="UTC ms")]
_Severity = Literal["low", "medium", "high", "critical"]


def make_alarm_lists(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX)
    _add_alarms(router, parts)
    _add_alarm(router, parts)
    _add_rules(router, parts)
    _add_notifications(router, parts)
    return router


def _add_alarms(router: APIRouter, parts: Parts) -> None:
    @router.get("/alarms", response_model=list[AlarmOut], responses=problems(503))
    async def alarms(  # noqa: PLR0913, PLR0917 - one for each way to choose
        request: Request,
        only: Only | None = None,
        state: Annotated[list[Literal["active", "recovering", "clear"]], Query(max_length=_MANY)] = [],  # noqa: B006 - FastAPI copies it
        severity: Annotated[list[_Severity], Query(max_length=_MANY)] = [],  # noqa: B006 - likewise
        response: Annotated[list[Literal["none", "unacked", "acked"]], Query(max_length=_MANY)] = [],  # noqa: B006 - likewise
        rule: _Word = "",
        device: _Words = [],  # noqa: B006 - likewise
        device_class: Annotated[list[str], Query(alias="class", max_length=_MANY)] = [],  # noqa: B006 - likewise
        building: _Words = [],  # noqa: B006 - likewise
        zone: _Words = [],  # noqa: B006 - likewise
        q: Annotated[str, Query(max_length=100, description="a text in the title, the rule or the source")] = "",
        since: _Time = None,
        until: _Time = None,
        limit: Limit = None,
        cursor: Cursor = "",
    ) -> Response:
        """Answer alarms, newest first: the open ones and the newest that are over, or a page of those that fit.

        With nothing but `only` it is all of the open ones. `since` and `until` are of the raise.
        """
        choice = Choice(
            states=state,
            severities=severity,
            responses=response,
            rule=rule,
            devices=_devices(parts.site, device, device_class, building, zone),
            only=only or "",
            texts=(Said(text=q),) if q else (),
            since=since,
            until=until,
        )
        place = opened(cursor, int, str)
        if place is None and limit is None and choice == Choice(only=only or ""):
            known = await parts.alarms.list_alarms()
            rows = known if only is None else [alarm for alarm in known if _is(alarm, only)]
            return Response(await asyncio.to_thread(dumped, rows), media_type="application/json")
        most = limit or PAGE
        after = None if place is None else (place[0], place[1])
        found = await parts.alarms.find_alarms(choice, after=after, limit=most)
        more = sealed(found[-1]["raised_at"], found[-1]["occurrence"]) if len(found) == most else ""
        body = await asyncio.to_thread(dumped, found)
        return Response(body, media_type="application/json", headers=link(request, more))


def _devices(
    site: Site, device: Sequence[str], device_class: Sequence[str], building: Sequence[str], zone: Sequence[str]
) -> list[str] | None:
    """The devices that fit; None when nothing was said of them. One that the site has no more may be named."""
    if not (device_class or building or zone):
        return list(device) or None
    return [
        one.id
        for one in site.devices.values()
        if (not device or one.id in device)
        and (not device_class or one.device_class in device_class)
        and (not building or one.building in building)
        and (not zone or one.zone in zone)
    ]


def _is(alarm: Mapping[str, Any], only: str) -> bool:
    return bool(alarm.get("standing")) if only == "standing" else is_held(alarm, only)


def _add_alarm(router: APIRouter, parts: Parts) -> None:
    @router.get("/alarms/{occurrence}", response_model=AlarmDetailOut, responses=problems(404, 503))
    async def alarm(occurrence: str, request: Request) -> Response:
        """Answer one occurrence of an alarm: its steps, what people did about it, and who was told."""
        return answered(request, dict(await _alarm(parts, occurrence)))

    @router.get(
        "/alarms/{occurrence}/notifications",
        response_model=list[NotificationOut],
        responses=problems(404, 503),
    )
    async def told(occurrence: str, request: Request) -> Response:
        """Answer the messages about one occurrence, newest first."""
        return answered(request, list((await _alarm(parts, occurrence)).get("notifications", ())))


async def _alarm(parts: Parts, occurrence: str) -> Mapping[str, Any]:
    found = await parts.alarms.show(occurrence)
    if found is None:
        raise NotKnown(f"no alarm {occurrence}", "list them with `facility-monitor alarms`")
    return found


def _add_rules(router: APIRouter, parts: Parts) -> None:
    @router.get("/rules", response_model=list[RuleOut], responses=problems(503))
    async def rules(
        request: Request,
        kind: _Word = "",
        q: Annotated[str, Query(max_length=100, description="a text in the id or the name")] = "",
        *,
        failing: bool = False,
    ) -> Response:
        """Answer every rule and how it does, or those that fit, in the order of the settings."""
        text = q.casefold()
        found = [
            rule
            for rule in await parts.alarms.list_rules()
            if kind in {"", rule["kind"]}
            and (not failing or rule["failing"])
            and (text in str(rule["id"]).casefold() or text in str(rule["name"]).casefold())
        ]
        return answered(request, found)

    @router.get("/rules/{rule}", response_model=RuleDetailOut, responses=problems(404, 503))
    async def rule(rule: str, request: Request) -> Response:
        """Answer one rule: how it does, what it watches, and its newest alarms."""
        found = next((each for each in await parts.alarms.list_rules() if each["id"] == rule), None)
        if found is None:
            raise NotKnown(f"no rule {rule}", "list them with `facility-monitor rules list`")
        bound = parts.site.rules.get(rule)
        watched = [] if bound is None else [source.key for source in bound.sources]
        newest = await parts.alarms.find_alarms(Choice(rule=rule), after=None, limit=_MANY)
        more = {"watches": watched[:MOST], "alarms": list(newest)}
        return answered(request, {**found, **more})


def _add_notifications(router: APIRouter, parts: Parts) -> None:
    @router.get("/notifications", response_model=list[NotificationOut], responses=problems(503))
    async def notifications(  # noqa: PLR0913, PLR0917 - one for each way to choose
        request: Request,
        last: Annotated[int, Query(ge=1, le=MOST, description="how many, without anything else")] = PAGE,
        person: _Word = "",
        channel: _Word = "",
        state: Literal["", "queued", "sending", "sent", "failed", "unknown", "dead", "superseded"] = "",
        kind: _Word = "",
        occurrence: _Word = "",
        since: _Time = None,
        limit: Limit = None,
        cursor: Cursor = "",
    ) -> Response:
        """Answer messages to people, newest first: the newest, or a page of those that fit."""
        said = {"person": person, "channel": channel, "state": state, "kind": kind, "occurrence": occurrence}
        wanted = {name: value for name, value in said.items() if value}
        place = opened(cursor, int)
        if place is None and limit is None and not wanted and since is None:
            return answered(request, list(await parts.alarms.notifications(last)))
        most = limit or PAGE
        after = None if place is None else int(place[0])
        found = await parts.alarms.find_notifications(wanted, since=since, after=after, limit=most)
        return answered(request, list(found), sealed(found[-1]["id"]) if len(found) == most else "")
