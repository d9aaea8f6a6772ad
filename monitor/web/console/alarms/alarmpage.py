"""The page of one alarm: what it is, what to do, what was done, and the forms of what a caller may do about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monitor.causes import CAUSES
from monitor.site import Site
from monitor.web.callers import Caller, caller_of
from monitor.web.console.alarms.acting import Failed, Nothing
from monitor.web.console.alarms.seen import may, placed, waits
from monitor.web.console.page import Pages
from monitor.web.parts import Parts
from monitor.web.permits import PERMITS
from monitor.web.residents.known import Standing
from monitor.web.residents.words import named
from monitor.web.routes import NotKnown
from monitor.wording import Sentence
from rules.suppression import longest_shelf

__all__ = ["draw_alarm", "known_alarm", "longest_of"]

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_SPANS: Final = (_HOUR // 4, _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY)
_REVIEW_DAYS: Final = 7
_MOST_STEPS: Final = 100
_MOST_TOLD: Final = 50
_AFTER: Final = 2 * _HOUR


async def known_alarm(parts: Parts, occurrence: str) -> dict[str, Any]:
    """One alarm with all that is known of it; raises NotKnown."""
    found = await parts.alarms.show(occurrence)
    if found is None:
        raise NotKnown(Sentence("There is no such alarm."), "")
    return placed(found, parts.site)


def longest_of(alarm: Mapping[str, Any], site: Site) -> int:
    """Milliseconds for which it may be shelved; 0: never, or its rule is there no more."""
    rule = site.rules.get(alarm["rule"])
    return 0 if rule is None else longest_shelf(rule.params, alarm["severity"])


async def draw_alarm(
    request: Request, parts: Parts, pages: Pages, alarm: Mapping[str, Any], failed: Failed | None = None
) -> Response:
    """Draw the page; `failed`: a form that was sent off and not accepted."""
    caller = caller_of(request)
    now = parts.now()
    history, told = list(alarm.get("history", ())), list(alarm.get("notifications", ()))
    language = pages.speech(request).language
    return pages.draw(
        request,
        "alarms/alarm.html.j2",
        status=200 if failed is None else 422,
        alarm=alarm,
        waits=waits(alarm),
        can=_can(alarm, parts, caller),
        may={name: may(caller, f"/alarms/{{occurrence}}/{name}") for name in _ACTIONS},
        history=history[-_MOST_STEPS:],
        left_out=max(0, len(history) - _MOST_STEPS),
        told=told[:_MOST_TOLD][::-1],
        told_before=max(0, len(told) - _MOST_TOLD),
        spans=_spans(longest_of(alarm, parts.site)),
        longest=longest_of(alarm, parts.site),
        review_day=_day_in(_REVIEW_DAYS, parts),
        first_review=_day_in(1, parts),
        people=_people(parts.site, caller),
        causes=[(word, said[language != "en"]) for word, said in CAUSES.items()],
        cause_words={word: said[language != "en"] for word, said in CAUSES.items()},
        picture=_picture(alarm, parts.site, now),
        raised_with=next((step["value"] for step in history if step["cause"] == "raised"), alarm["value"]),
        reports=await _reports(alarm, parts, caller, language),
        failed=failed or Nothing(),
        done=request.query_params.get("done", ""),
    )


_ACTIONS: Final = (
    "acknowledge",
    "shelve",
    "unshelve",
    "out-of-service",
    "return",
    "assign",
    "comment",
    "close",
    "reopen",
)


def _can(alarm: Mapping[str, Any], parts: Parts, caller: Caller) -> Mapping[str, bool]:
    """What is possible now, whoever asks."""
    holds, case = parts.holds is not None, alarm["case"]
    has_cases, is_closed = parts.cases is not None, bool(case) and not case["open"]
    is_event = bool(alarm["momentary"])
    is_shelved = "shelved" in alarm["suppression"] and not is_event
    is_out = "out_of_service" in alarm["suppression"] and not is_event
    has_rule = alarm["rule"] in parts.site.rules
    return {
        "acknowledge": alarm["response"] == "unacked" or bool(alarm["normal"]),
        "shelve": holds and has_rule and not is_out and longest_of(alarm, parts.site) > 0,
        "unshelve": holds and is_shelved,
        "out-of-service": holds and has_rule and not is_out,
        "return": holds and is_out,
        "assign": has_cases and not is_closed and bool(parts.site.notify.people),
        "take": has_cases
        and not is_closed
        and caller.person in parts.site.notify.people
        and (case or {}).get("assigned_to") != caller.person,
        "comment": has_cases,
        "close": has_cases and not is_closed and alarm["state"] == "clear",
        "reopen": has_cases and is_closed,
    }


async def _reports(
    alarm: Mapping[str, Any], parts: Parts, caller: Caller, language: str
) -> Sequence[tuple[Standing, str]]:
    """What residents wrote, the newest first, and what their reports are called; for those who may read it."""
    permit = PERMITS["/residents"]["GET"]
    if parts.residents is None or (permit is not None and not caller.may(permit.role, permit.scope)):
        return []
    found = await parts.residents.of_alarm(alarm["occurrence"])
    return [(each, named(each, parts.site.residents, language)) for each in found]


def _spans(longest: int) -> list[int]:
    fitting = [span for span in _SPANS if span <= longest]
    return fitting if not longest or longest in fitting or longest > _SPANS[-1] else [*fitting, longest]


def _day_in(days: int, parts: Parts) -> str:
    day = datetime.fromtimestamp(parts.now() / 1000, parts.site.timezone).date() + timedelta(days=days)
    return day.isoformat()


def _people(site: Site, caller: Caller) -> list[tuple[str, str]]:
    """Who can be given an alarm: (id, name), the caller first."""
    people = sorted(site.notify.people.values(), key=lambda each: (each.id != caller.person, each.name or each.id))
    return [(each.id, each.name or each.id) for each in people]


def _picture(alarm: Mapping[str, Any], site: Site, now: int) -> Mapping[str, Any] | None:
    """What the picture of the trend is asked for; None where a rule is about no point of a device."""
    device = site.devices.get(alarm["device"])
    if device is None or not alarm.get("point") or alarm["point"] not in device.points:
        return None
    end = now if alarm["active"] or not alarm["cleared_at"] else min(now, alarm["cleared_at"] + _AFTER)
    hours = 24 if end - alarm["since"] < 20 * _HOUR else 168
    return {"point": alarm["point"], "hours": hours, "end": end, "limit": alarm.get("limit")}
