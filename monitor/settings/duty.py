"""Binds who is on call: rosters, who stands in, and when people are away; and warns where nobody is on call."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitor.documents.node import Node, join
from monitor.duty import Layer, Override, Roster, Span, gaps
from monitor.periods import begin_of, moment_of
from monitor.settings.binding import Binding
from monitor.settings.dutyshape import AwayKeys, LayerKeys, RosterKeys
from monitor.settings.hours import bind_schedule

__all__ = ["bind_away", "bind_rosters", "warn_of_gaps"]

_AHEAD: Final = 90 * 86_400_000
_ONE_DAY: Final = timedelta(days=1)


def bind_away(
    binding: Binding, keys: tuple[AwayKeys, ...], node: Node, path: str, zone: ZoneInfo
) -> tuple[Span, ...]:
    """The spans in which a person is away; `node` and `path` are those of the person."""
    spans = []
    for number, one in enumerate(keys):
        item, where = _item(node, path, "away", number)
        span = _span(binding, one, item, where, zone)
        if span is not None:
            spans.append(span)
    return tuple(spans)


def bind_rosters(
    binding: Binding,
    entries: Iterator[tuple[Node, str]],
    people: Collection[str],
    away: Mapping[str, tuple[Span, ...]],
    zone: ZoneInfo,
) -> dict[str, Roster]:
    """Bind the entries of `notify.rosters`; `people` are ids as they are written."""
    rosters = {}
    for node, path in entries:
        ident = node.text("id")
        if ident and ident in people:
            message = f"`{ident[:60]}` is a person already: a step could mean either; give the roster another id"
            binding.findings.error(node.get("id") or node, join(path, "id"), message)
        _names(binding, node, path, people)
        keys = binding.check(RosterKeys, node, path)
        if keys is None:
            continue
        layers = tuple(_layer(binding, one, node, path, number) for number, one in enumerate(keys.layers))
        overrides = []
        for number, one in enumerate(keys.overrides):
            item, where = _item(node, path, "overrides", number)
            span = _span(binding, one, item, where, zone)
            if span is not None:
                made = Override(roster=keys.id, person=one.person, starts=span[0], ends=span[1], reason=one.reason)
                overrides.append(made)
        roster = Roster(id=keys.id, name=keys.name or keys.id, layers=layers, overrides=tuple(overrides))
        known = {person: away[person] for person in roster.people if away.get(person)}
        rosters[keys.id] = replace(roster, away=known)
    return rosters


def warn_of_gaps(binding: Binding, node: Node, rosters: Mapping[str, Roster], zone: ZoneInfo) -> None:
    """Warn of the first time within 90 days at which nobody of a roster is on call; `node` is `notify`."""
    now = round(time.time() * 1000)
    for item, path in binding.section(node, "notify.rosters"):
        roster = rosters.get(item.text("id"))
        gap = None if roster is None else next(gaps(roster, now, now + _AHEAD, zone), None)
        if roster is not None and gap is not None:
            binding.findings.warning(
                item,
                path,
                f"nobody of the roster `{roster.id}` is on call {_spoken(gap.start, gap.end, now, zone)}",
            )


def _spoken(start: int, end: int, now: int, zone: ZoneInfo) -> str:
    begin, until = (f"{datetime.fromtimestamp(edge / 1000, zone):%Y-%m-%d %H:%M}" for edge in (start, end))
    if end >= now + _AHEAD:
        return "in the next 90 days" if start <= now else f"from {begin} on"
    return f"until {until}" if start <= now else f"from {begin} to {until}"


def _names(binding: Binding, node: Node, path: str, people: Collection[str]) -> None:
    """Check the people that layers and overrides name."""
    for section, key in (("layers", "people"), ("overrides", "person")):
        listed = node.get(section)
        for number, item in enumerate([] if listed is None else listed.items):
            named = item.get(key)
            for index, one in enumerate([] if named is None else named.items or [named]):
                text = "" if one.scalar is None else str(one.scalar)
                if text and text not in people:
                    where = join(path, section, number, key)
                    place = join(where, index) if named is not None and named.kind == "list" else where
                    binding.unknown(one, place, text, people, "person")


def _layer(binding: Binding, keys: LayerKeys, node: Node, path: str, number: int) -> Layer:
    item, where = _item(node, path, "layers", number)
    unit, count = keys.turn
    weekday, minute = keys.handover
    if weekday is not None and unit != "weeks":
        message = "turns of days or hours hand over at a time of day: write it without the weekday"
        binding.findings.error(item.get("handover") or item, join(where, "handover"), message)
    if keys.begins is None and len(keys.people) > 1:
        message = (
            "say from which day the turns count: on it the first of `people` is on call, such as `2026-11-30`"
        )
        binding.findings.error(item, join(where, "from"), message)
    return Layer(
        people=keys.people,
        unit=unit,
        count=count,
        minute=minute,
        weekday=weekday or 1,
        begins=keys.begins,
        hours=bind_schedule(binding, keys.hours, item, where, key="hours"),
        name=keys.name,
    )


def _span(binding: Binding, keys: AwayKeys, node: Node, path: str, zone: ZoneInfo) -> Span | None:
    first, minute = keys.starts
    last, until = keys.ends
    start = moment_of(first, minute or 0, zone)
    end = begin_of(last + _ONE_DAY, zone) if until is None else moment_of(last, until, zone)
    if end <= start:
        binding.findings.error(node.get("to") or node, join(path, "to"), "the end has to be later than the begin")
        return None
    return start, end


def _item(node: Node, path: str, section: str, number: int) -> tuple[Node, str]:
    """An entry of a list inside a mapping, and its key path."""
    listed = node.get(section)
    where = join(path, section, number)
    if listed is None or listed.kind != "list" or number >= len(listed.items):
        return node, where
    return listed.items[number], where
