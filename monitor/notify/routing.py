"""Which people hear of an alarm, over what and when: pure, so that it runs inside the alarm's transaction.

Alarm -> route -> team -> step -> person -> channel: the way there is in `along`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Final

import structlog

from monitor.duty import Override
from monitor.model import Severity
from monitor.notices import ALARMING, Notice, NoticeKind, OutboxRow, Router, repeat_of
from monitor.notify.along import Asked, Chosen, Reason, along_routes
from monitor.notify.cost import cost
from monitor.notify.grouping import group_of
from monitor.notify.links import BY_LINK
from monitor.places import EVENT_REPORT
from monitor.profiles.itself import ITSELF
from monitor.schema import MONITOR_DEVICE, point_unit
from monitor.site import Device, Rule, Site, Source
from monitor.staff import Person

__all__ = ["TIME_TO_LIVE", "Chosen", "Reason", "choose", "facts", "make_router", "nobody", "unreachable"]

_HOUR = 3_600_000

TIME_TO_LIVE: Final[Mapping[str, int]] = {
    "critical": 24 * _HOUR,
    "high": 12 * _HOUR,
    "medium": 6 * _HOUR,
    "low": 2 * _HOUR,
}
"""Severity -> ms for which a notification is tried; source: the design's contracts."""

_LOG = structlog.get_logger()


def make_router(site: Site, *, warns: bool = True, stand_ins: Callable[[], Sequence[Override]] = tuple) -> Router:
    """Make the function that turns a notice into rows of the outbox, for one state of the settings.

    `warns`: an alarm that reaches nobody is logged. `stand_ins`: answers what people said of rosters.
    """

    def route(notice: Notice) -> Sequence[OutboxRow]:
        chosen = choose(site, notice, stand_ins=stand_ins())
        body = facts(site, notice)
        rows = [_row(notice, one, body) for one in chosen if one.tells]
        if not rows and notice.kind in ALARMING:
            reasons = sorted({str(one.reason) for one in chosen})
            if warns:
                _LOG.warning("alarm_reaches_nobody", rule=notice.rule.id, reasons=reasons)
        return rows

    return route


def nobody(_: Notice) -> Sequence[OutboxRow]:
    """The router of a past of which nobody is told."""
    return ()


def choose(
    site: Site, notice: Notice, *, stand_ins: Sequence[Override] = (), everywhere: bool = False
) -> Sequence[Chosen]:
    """Decide who is told and why: first along the routes, afterwards only those who were told before.

    `stand_ins`: what people said of rosters; `everywhere`: over all channels of everybody.
    """
    if notice.kind in ALARMING:
        transition = notice.transition
        asked = Asked(
            site=site,
            rule=notice.rule,
            source=notice.source or Source(device=transition.device),
            severity=transition.severity,
            begun=_begun(notice),
            stand_ins=stand_ins,
            everywhere=everywhere,
        )
        chosen = tuple(along_routes(asked))
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
        "facts": _sayable(notice.facts),
        "gather": notice.gather,
        "group": group_of(device, source),
        "earlier": dict(notice.earlier),
        "unacked": notice.kind is NoticeKind.ASSIGNED and transition.response == "unacked",
    }
    body |= {key: value for key, value in optional.items() if value}
    body |= _measured(transition.source_key, notice, device)
    return body | _priced(site, notice, device, body)


def _measured(source_key: str, notice: Notice, device: Device | None) -> dict[str, Any]:
    """Point, value, limit and unit, where there are any."""
    point = source_key.split("/")[1] if "/" in source_key and notice.rule.kind != EVENT_REPORT else None
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
    return {key: value for key, value in _sayable(measured).items() if value is not None}


def _sayable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without the numbers that are none: JSON does not know them, and nobody could read them."""
    return {key: value for key, value in facts.items() if not isinstance(value, float) or isfinite(value)}


def _begun(notice: Notice) -> int:
    """From when steps count: what is told again begins now, what is told the first time when it was raised."""
    first = notice.raised_at if notice.transition.cause == "raised" else notice.transition.time
    return first + notice.wait


def _priced(site: Site, notice: Notice, device: Device | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of the rule with what it costs, where that is known."""
    found = cost(
        site,
        device,
        notice.rule,
        value=body.get("value"),
        unit=body.get("unit"),
        facts=notice.facts,
        time=notice.transition.time,
        limit=body.get("limit"),
    )
    return {"facts": _sayable({**notice.facts, **found})} if found else {}


def _row(notice: Notice, chosen: Chosen, body: Mapping[str, Any]) -> OutboxRow:
    transition = notice.transition
    after = chosen.after + notice.wait
    due = _begun(notice) + chosen.after
    notification = f"{transition.occurrence}:{notice.kind}:{transition.number}"
    own: dict[str, Any] = {"after": after, "why": chosen.because()}
    own |= {name: True for name in ("until_clear", "last") if getattr(chosen, name)}
    return OutboxRow(
        notification_id=repeat_of(notification, chosen.again) if chosen.again else notification,
        occurrence=transition.occurrence,
        kind=notice.kind,
        person=chosen.person,
        channel=chosen.channel,
        step=chosen.step,
        severity=transition.severity,
        not_before=due,
        expires=due + TIME_TO_LIVE[transition.severity],
        body={**body, **own},
    )


def _first(chosen: Sequence[Chosen]) -> Sequence[Chosen]:
    """Those of the first step: nobody is called to a chatter in the end."""
    soonest = min((one.after for one in chosen if one.tells), default=0)
    return tuple(one for one in chosen if not one.tells or one.after == soonest)


def _among_told(site: Site, notice: Notice) -> Iterator[Chosen]:
    for person, channel in sorted(notice.told):
        known = site.notify.people.get(person)
        if known is None or channel not in known.channels:
            yield Chosen(reason=Reason.NO_CHANNEL, person=person)
        elif notice.kind is NoticeKind.ACKNOWLEDGED and _is(known, notice.transition.by):
            yield Chosen(reason=Reason.DID_IT_THEMSELVES, person=person)
        else:
            why = "was told of the alarm"
            yield Chosen(reason=Reason.WAS_TOLD, person=person, channel=channel, why=why)


def _to_assigned(site: Site, notice: Notice) -> Iterator[Chosen]:
    """Who was given an alarm by somebody else, over all of their channels."""
    person = site.notify.people.get(notice.to)
    if person is None or not person.channels:
        yield Chosen(reason=Reason.NO_CHANNEL, person=notice.to)
    elif _is(person, notice.transition.by):
        yield Chosen(reason=Reason.DID_IT_THEMSELVES, person=person.id)
    else:
        for channel in person.channels:
            why = "was given the alarm"
            yield Chosen(reason=Reason.ASSIGNED, person=person.id, channel=channel, why=why)


def _is(person: Person, by: str) -> bool:
    return by.removesuffix(BY_LINK).casefold() in {person.id.casefold(), person.name.casefold()}


def _always_reaches(site: Site, rule: Rule) -> bool:
    places = {replace(source, point=None, name="") for source in rule.sources}
    severities = _severities(rule)
    return all(
        any(
            one.tells
            for one in along_routes(Asked(site=site, rule=rule, source=place, severity=severity, begun=None))
        )
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
