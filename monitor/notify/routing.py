"""Which people hear of an alarm, over what and when: pure, so that it runs inside the alarm's transaction.

Alarm -> route -> team -> step -> person -> channel, as the design's alarms page §3 has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import structlog

from monitor.model import Severity
from monitor.notify.links import BY_LINK
from monitor.ports import Notice, NoticeKind, OutboxRow, Router
from monitor.profiles.itself import ITSELF
from monitor.schema import MONITOR_DEVICE, point_unit
from monitor.settings.patterns import fits
from monitor.site import Device, Rule, Site, Source
from monitor.staff import Person, Route, Step

__all__ = ["TIME_TO_LIVE", "Chosen", "Reason", "choose", "facts", "make_router", "nobody", "unreachable"]

_HOUR = 3_600_000
_ALARMING: Final = frozenset({NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER})

TIME_TO_LIVE: Final[Mapping[str, int]] = {
    "critical": 24 * _HOUR,
    "high": 12 * _HOUR,
    "medium": 6 * _HOUR,
    "low": 2 * _HOUR,
}
"""Severity -> ms for which a notification is tried; source: the design's contracts."""

_LOG = structlog.get_logger()


class Reason(StrEnum):
    """Why a team or a person is told, or is not."""

    MATCHED = "matched"
    NO_ROUTE = "no_route"
    NO_CHANNEL = "no_channel"
    ALREADY_TOLD_EARLIER = "already_told_earlier"
    DID_IT_THEMSELVES = "did_it_themselves"
    WAS_TOLD = "was_told"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One decision: this person over this channel, `after` ms, or (without a channel) why nobody is told."""

    reason: Reason
    team: str = ""
    person: str = ""
    channel: str = ""
    step: int = 0
    after: int = 0

    @property
    def tells(self) -> bool:
        """Whether a message comes of it."""
        return self.reason in {Reason.MATCHED, Reason.WAS_TOLD, Reason.ASSIGNED}


def make_router(site: Site, *, warns: bool = True) -> Router:
    """Make the function that turns a notice into rows of the outbox, for one state of the settings.

    `warns`: an alarm that reaches nobody is logged.
    """

    def route(notice: Notice) -> Sequence[OutboxRow]:
        chosen = choose(site, notice)
        body = facts(site, notice)
        rows = [_row(notice, one, body) for one in chosen if one.tells]
        if not rows and notice.kind in _ALARMING:
            reasons = sorted({str(one.reason) for one in chosen})
            if warns:
                _LOG.warning("alarm_reaches_nobody", rule=notice.rule.id, reasons=reasons)
        return rows

    return route


def nobody(_: Notice) -> Sequence[OutboxRow]:
    """Tell nobody: a router for the past."""
    return ()


def choose(site: Site, notice: Notice) -> Sequence[Chosen]:
    """Decide who is told and why: first along the routes, afterwards only those who were told before."""
    if notice.kind in _ALARMING:
        transition = notice.transition
        source = notice.source or Source(device=transition.device)
        chosen = tuple(_along_routes(site, notice.rule, source, transition.severity))
        return chosen if notice.kind is not NoticeKind.CHATTER else _first(chosen)
    return tuple(_to_assigned(site, notice) if notice.kind is NoticeKind.ASSIGNED else _among_told(site, notice))


def unreachable(site: Site) -> Sequence[str]:
    """Ids of rules whose alarms could reach nobody, for any of their sources and severities."""
    return [rule.id for rule in site.rules.values() if not _always_reaches(site, rule)]


def facts(site: Site, notice: Notice) -> Mapping[str, Any]:
    """Everything a message may say, JSON-ready; what is not known is absent. Times are UTC ms."""
    transition, rule = notice.transition, notice.rule
    source = notice.source or Source(device=transition.device)
    device = ITSELF if transition.device == MONITOR_DEVICE else site.devices.get(transition.device)
    body: dict[str, Any] = {
        "site": {"id": site.id, "name": site.name, "timezone": site.timezone.key or "UTC"},
        "device": {
            "id": transition.device,
            "name": source.name or (device.name if device else "") or transition.device,
        },
        "rule": {"id": rule.id, "name": rule.name or rule.id, "kind": rule.kind},
        "occurrence": transition.occurrence,
        "since": notice.raised_at,
        "time": transition.time,
        "severity": transition.severity,
        "cause": transition.cause,
        "late": transition.late,
    }
    optional: dict[str, Any] = {
        "class": device.device_class if device else None,
        "building": source.building or (device.building if device else None),
        "zone": source.zone or (device.zone if device else None),
        "response": getattr(rule.params, "response", None),
        "usual_cause": getattr(rule.params, "cause", None),
        "consequence": getattr(rule.params, "consequence", None),
        "owner": getattr(rule.params, "owner", None),
        "by": transition.by,
        "reason": transition.reason,
        "facts": dict(notice.facts),
        "gather": notice.gather,
        "earlier": dict(notice.earlier),
        "unacked": notice.kind is NoticeKind.ASSIGNED and transition.response == "unacked",
    }
    body |= {key: value for key, value in optional.items() if value}
    return body | _measured(transition.source_key, notice, device)


def _measured(source_key: str, notice: Notice, device: Device | None) -> dict[str, Any]:
    """Point, value, limit and unit, where there are any."""
    point = source_key.split("/")[1] if "/" in source_key else None
    unit = None
    if point is not None:
        known = device.points.get(point) if device else None
        unit = known.unit if known else point_unit(point)
    elif isinstance(notice.facts.get("unit"), str):
        unit = str(notice.facts["unit"])
    measured = {
        "point": point,
        "value": notice.transition.value,
        "limit": notice.transition.limit,
        "unit": unit,
    }
    return {key: value for key, value in measured.items() if value is not None}


def _row(notice: Notice, chosen: Chosen, body: Mapping[str, Any]) -> OutboxRow:
    transition = notice.transition
    # What is told again begins now; what is told the first time began when it was raised.
    first = notice.raised_at if transition.cause == "raised" else transition.time
    after = chosen.after + notice.wait
    due = first + after
    return OutboxRow(
        notification_id=f"{transition.occurrence}:{notice.kind}:{transition.number}",
        occurrence=transition.occurrence,
        kind=notice.kind,
        person=chosen.person,
        channel=chosen.channel,
        step=chosen.step,
        severity=transition.severity,
        not_before=due,
        expires=due + TIME_TO_LIVE[transition.severity],
        body={**body, "after": after},
    )


def _first(chosen: Sequence[Chosen]) -> Sequence[Chosen]:
    """Those of the first step: nobody is called to a chatter in the end."""
    soonest = min((one.after for one in chosen if one.tells), default=0)
    return tuple(one for one in chosen if not one.tells or one.after == soonest)


def _along_routes(site: Site, rule: Rule, source: Source, severity: str) -> Iterator[Chosen]:
    routes = list(_matching(site, rule, source, severity))
    if not routes:
        yield Chosen(reason=Reason.NO_ROUTE)
    told: set[tuple[str, str]] = set()
    for one in sorted(_steps(site, routes), key=lambda one: one.after):
        address = (one.person, one.channel)
        again = one.tells and address in told
        told.add(address)
        yield _because(one, Reason.ALREADY_TOLD_EARLIER) if again else one


def _because(one: Chosen, reason: Reason) -> Chosen:
    return Chosen(
        reason=reason, team=one.team, person=one.person, channel=one.channel, step=one.step, after=one.after
    )


def _steps(site: Site, routes: Sequence[Route]) -> Iterator[Chosen]:
    for route in routes:
        team = site.notify.teams[route.team]
        steps = team.escalation or (Step(after=0.0, notify=team.members),)
        for number, step in enumerate(sorted(steps, key=lambda step: step.after)):
            for name in step.notify:
                yield from _channels(site.notify.people[name], team.id, number, round(step.after * 1000))


def _channels(person: Person, team: str, step: int, after: int) -> Iterator[Chosen]:
    for channel in person.channels:
        yield Chosen(reason=Reason.MATCHED, team=team, person=person.id, channel=channel, step=step, after=after)
    if not person.channels:
        yield Chosen(reason=Reason.NO_CHANNEL, team=team, person=person.id)


def _matching(site: Site, rule: Rule, source: Source, severity: str) -> Iterator[Route]:
    known = site.devices.get(source.device)
    said = {
        "building": source.building or (known.building if known else ""),
        "zone": source.zone or (known.zone if known else ""),
        "class": known.device_class if known else "",
        "device": source.device,
        "rule": rule.id,
        "kind": rule.kind,
        "severity": severity,
    }
    for route in site.notify.routes:
        if all(fits(said[key], patterns) for key, patterns in route.match.items()):
            yield route
            if not route.go_on:
                return


def _among_told(site: Site, notice: Notice) -> Iterator[Chosen]:
    for person, channel in sorted(notice.told):
        known = site.notify.people.get(person)
        if known is None or channel not in known.channels:
            yield Chosen(reason=Reason.NO_CHANNEL, person=person)
        elif notice.kind is NoticeKind.ACKNOWLEDGED and _is(known, notice.transition.by):
            yield Chosen(reason=Reason.DID_IT_THEMSELVES, person=person)
        else:
            yield Chosen(reason=Reason.WAS_TOLD, person=person, channel=channel)


def _to_assigned(site: Site, notice: Notice) -> Iterator[Chosen]:
    """Who was given an alarm by somebody else, over all of their channels."""
    person = site.notify.people.get(notice.to)
    if person is None or not person.channels:
        yield Chosen(reason=Reason.NO_CHANNEL, person=notice.to)
    elif _is(person, notice.transition.by):
        yield Chosen(reason=Reason.DID_IT_THEMSELVES, person=person.id)
    else:
        for channel in person.channels:
            yield Chosen(reason=Reason.ASSIGNED, person=person.id, channel=channel)


def _is(person: Person, by: str) -> bool:
    return by.removesuffix(BY_LINK).casefold() in {person.id.casefold(), person.name.casefold()}


def _always_reaches(site: Site, rule: Rule) -> bool:
    places = {replace(source, point=None, name="") for source in rule.sources}
    severities = _severities(rule)
    return all(
        any(one.tells for one in _along_routes(site, rule, place, severity))
        for place in places
        for severity in severities
    )


def _severities(rule: Rule) -> Sequence[str]:
    """Every severity that the rule's own settings can give an alarm; all of them when they do not say."""
    levels = getattr(rule.params, "levels", None)
    if levels:
        return [level.severity for level in levels]
    severity = getattr(rule.params, "severity", None)
    return [severity] if severity else list(Severity)
