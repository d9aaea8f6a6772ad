"""Binds who is notified: people, teams and routes; and warns of alarms that would reach nobody."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.documents.explain import unknown_key
from monitor.documents.node import Node, join
from monitor.model import Severity
from monitor.schema import CLASSES, MONITOR_DEVICE
from monitor.settings.binding import Binding
from monitor.settings.delivery import DELIVERY, bind_rate, bind_self_test
from monitor.settings.duty import bind_away, bind_rosters, warn_of_gaps
from monitor.settings.links import bind_links
from monitor.settings.patterns import fits
from monitor.settings.shape import PersonKeys, RouteKeys, TeamKeys
from monitor.settings.telling import bind_budget, bind_grouping, bind_quiet, bind_reminders
from monitor.site import Device, Rule, Source
from monitor.staff import Notify, Person, Route, Step, Team

__all__ = ["bind_notify", "warn_of_silence"]

_SECTIONS: Final = (*DELIVERY, "grouping", "links", "people", "quiet", "reminders", "rosters", "routes", "teams")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S.*|terminal:", re.DOTALL)


def bind_notify(
    binding: Binding, root: Node, rule_ids: Sequence[str], language: str, zone: ZoneInfo | None
) -> Notify:
    """Bind the section `notify`; `zone` None: the site's is wrong, which is told elsewhere."""
    node = root.get("notify")
    if node is None or (node.kind == "scalar" and node.scalar is None):
        return Notify()
    if node.kind != "mapping":
        allowed = ", ".join(_SECTIONS)
        binding.findings.error(node, "notify", "write keys with values", allowed=allowed)
        return Notify()
    for key in node.entries:
        if key not in _SECTIONS:
            unknown_key(node, key, "notify", binding.findings, allowed=list(_SECTIONS))
    named_people = binding.people_written = _named(node.get("people"))
    named_teams = _named(node.get("teams"))
    local = zone or ZoneInfo("UTC")
    people = _people(binding, node, language, local)
    away = {person.id: person.away for person in people.values()}
    rosters = bind_rosters(binding, _once(binding, node, "rosters"), named_people, away, local)
    named_rosters = _named(node.get("rosters"))
    teams = _teams(binding, node, named_people | named_rosters, people)
    return Notify(
        people=people,
        rosters=rosters,
        teams=teams,
        routes=tuple(_routes(binding, node, named_teams, rule_ids)),
        grouping=bind_grouping(binding, node),
        reminders=bind_reminders(binding, node),
        self_test=bind_self_test(binding, node),
        rate=bind_rate(binding, node),
        links=bind_links(binding, node),
    )


def _named(node: Node | None) -> set[str]:
    """Ids that are written, whether their entries are right or not."""
    return set() if node is None else {item.text("id") for item in node.items} - {""}


def _once(binding: Binding, node: Node, section: str) -> Iterator[tuple[Node, str]]:
    seen: dict[str, Node] = {}
    for item, path in binding.section(node, f"notify.{section}"):
        ident = item.text("id")
        if ident and ident in seen:
            binding.twice(item, path, ident, seen[ident])
            continue
        seen[ident] = item
        yield item, path


def _people(binding: Binding, node: Node, language: str, zone: ZoneInfo) -> dict[str, Person]:
    people = {}
    quiet = bind_quiet(binding, node, "notify", None)
    for item, path in _once(binding, node, "people"):
        channels = item.get("channels")
        for name, entry in {}.items() if channels is None else channels.entries.items():
            _address(binding, entry.value, join(path, "channels", str(name)[:60]))
        keys = binding.check(PersonKeys, item, path)
        if keys is None:
            continue
        _over(binding, item, path, keys)
        if not keys.channels:
            binding.findings.warning(item, path, f"`{keys.id}` has no channel: no message can reach this person")
        people[keys.id] = Person(
            id=keys.id,
            name=keys.name or keys.id,
            language=keys.language or language,
            channels=dict(keys.channels),
            quiet=bind_quiet(binding, item, path, quiet),
            budget=bind_budget(binding, item, path),
            over={str(severity): names for severity, names in keys.over.items()},
            away=bind_away(binding, keys.away, item, path, zone),
        )
    return people


def _over(binding: Binding, node: Node, path: str, keys: PersonKeys) -> None:
    """Check that the channels of each severity are some of the person's."""
    written = node.get("over")
    for severity in keys.over:
        names = None if written is None else written.get(str(severity))
        for number, one in enumerate([] if names is None else names.items or [names]):
            text = "" if one.scalar is None else str(one.scalar)
            if text not in keys.channels:
                where = join(path, "over", str(severity))
                place = join(where, number) if names is not None and names.kind == "list" else where
                binding.unknown(one, place, text, keys.channels, f"channel of `{keys.id}`")


def _address(binding: Binding, node: Node, path: str) -> None:
    """An address is Apprise's or `terminal:`; it may hold a password, so it is never repeated."""
    if node.absent or node.kind != "scalar" or not isinstance(node.scalar, str):
        return
    if not _ADDRESS.fullmatch(node.scalar):
        message = "this is not an address: write one of Apprise's, such as `mailto://…`, or `terminal:`"
        binding.findings.error(node, path, message)
    elif wrong := binding.wrong_address(node.scalar):
        binding.findings.error(node, path, wrong)


def _teams(binding: Binding, node: Node, named: Collection[str], people: Mapping[str, Person]) -> dict[str, Team]:
    """Bind the teams; `named` are the ids of people and rosters as they are written."""
    channels = {channel for person in people.values() for channel in person.channels}
    teams = {}
    for item, path in _once(binding, node, "teams"):
        binding.literals(item.get("members"), join(path, "members"), named, "person or roster")
        steps = item.get("escalation")
        for number, step in enumerate([] if steps is None else steps.items):
            where = join(path, "escalation", number)
            binding.literals(step.get("notify"), join(where, "notify"), named, "person or roster")
            binding.literals(step.get("channels"), join(where, "channels"), channels, "channel of anybody")
        keys = binding.check(TeamKeys, item, path)
        if keys is None:
            continue
        escalation = tuple(
            Step(after=step.after, notify=step.notify, channels=step.channels, until_clear=step.until == "clear")
            for step in keys.escalation
        )
        if not keys.members and not escalation:
            binding.findings.error(item, join(path, "members"), "name the people of the team, or its `escalation`")
        if any(later.after <= earlier.after for earlier, later in pairwise(escalation)):
            binding.findings.error(
                steps or item, join(path, "escalation"), "each step comes later than the one before"
            )
        members = keys.members or tuple(dict.fromkeys(name for step in escalation for name in step.notify))
        everybody = (Step(after=0.0, notify=members),)
        teams[keys.id] = Team(
            id=keys.id,
            members=members,
            escalation=escalation or everybody,
            repeat=keys.repeat,
            repeat_every=keys.repeat_every,
        )
    return teams


def _routes(binding: Binding, node: Node, teams: set[str], rule_ids: Sequence[str]) -> Iterator[Route]:
    known: dict[str, tuple[Any, str]] = {
        "building": (_known(binding, "building"), "device in building"),
        "zone": (_known(binding, "zone"), "device in zone"),
        "class": (CLASSES, "class"),
        "device": ({*binding.candidates, MONITOR_DEVICE}, "device"),
        "rule": (rule_ids, "rule"),
        "kind": (binding.rules, "kind of rule"),
        "severity": ([each.value for each in Severity], "severity"),
    }
    for item, path in binding.section(node, "notify.routes"):
        match = item.get("match")
        for key, entry in {}.items() if match is None else match.entries.items():
            if key in known:
                words, what = known[str(key)]
                binding.literals(entry.value, join(path, "match", key), words, what)
        team = item.text("team")
        if team and team not in teams:
            binding.unknown(item.get("team") or item, join(path, "team"), team, teams, "team")
        keys = binding.check(RouteKeys, item, path)
        if keys is not None:
            asked = keys.match.model_dump(by_alias=True, exclude_none=True)
            yield Route(team=keys.team, match=asked, go_on=keys.go_on)


def _known(binding: Binding, word: str) -> set[str]:
    """What devices, and places where residents report, say of where they are."""
    said = {one.attributes[word] for one in binding.candidates.values()}
    return {*said, *(getattr(place, word) for place in binding.places)} - {""}


def warn_of_silence(  # noqa: PLR0913, PLR0917 - the section, and all that may be told or not
    binding: Binding,
    root: Node,
    notify: Notify,
    rules: Mapping[str, Rule],
    devices: Mapping[str, Device],
    zone: ZoneInfo,
) -> None:
    """Warn of whoever cannot be told, and of each rule with an alarm that no route brings to anybody."""
    place = root.get("notify") or root
    _warn_of_rosters(binding, root, notify, zone)
    if rules and not notify.routes:
        binding.findings.warning(place, "notify.routes", "no alarm reaches anybody: there are no routes")
        return
    heard = {team.id for team in notify.teams.values() if _has_channel(team, notify)}
    for item, path in binding.section(place, "notify.teams"):
        if item.text("id") in notify.teams.keys() - heard:
            message = f"the team `{item.text('id')}` reaches nobody: there is no channel for any of its steps"
            binding.findings.warning(item, path, message)
    for rule in rules.values():
        if rule.params.shadow:
            continue
        silent = _silent(rule, devices, notify.routes, heard)
        if silent:
            binding.findings.warning(
                place,
                "notify.routes",
                f"the alarm of rule `{rule.id}` for {silent} would reach nobody: add a route that matches it",
            )


def _warn_of_rosters(binding: Binding, root: Node, notify: Notify, zone: ZoneInfo) -> None:
    node = root.get("notify")
    if node is None or node.kind != "mapping":
        return
    warn_of_gaps(binding, node, notify.rosters, zone)
    for item, path in binding.section(node, "notify.rosters"):
        roster = notify.rosters.get(item.text("id"))
        for name in () if roster is None else roster.people:
            if name in notify.people and not notify.people[name].channels:
                message = f"`{name}` of the roster `{item.text('id')}` has no channel: no message reaches them"
                binding.findings.warning(item, path, message)


def _has_channel(team: Team, notify: Notify) -> bool:
    return any(
        channel in step.channels or not step.channels
        for step in team.escalation
        for name in step.notify
        for person in notify.people_of(name)
        if person in notify.people
        for channel in notify.people[person].channels
    )


def _silent(rule: Rule, devices: Mapping[str, Device], routes: Sequence[Route], heard: set[str]) -> str:
    """The first device (and severity) of a rule whose alarm reaches nobody, in words; empty when there is none."""
    severities = _severities(rule.params)
    for source in dict.fromkeys(replace(source, point=None) for source in rule.sources):
        device = devices[source.device]
        for severity in severities:
            facts = {
                "building": source.building or device.building,
                "zone": source.zone or device.zone,
                "class": device.device_class,
                "device": device.id,
                "rule": rule.id,
                "kind": rule.kind,
                "severity": severity,
            }
            if not _reaches(facts, routes, heard):
                return f"{_called(source)} at severity {severity}"
    return ""


def _called(source: Source) -> str:
    return f"`{source.name}`" if source.name else f"device `{source.device}`"


def _severities(params: Any) -> list[str]:
    levels = getattr(params, "levels", None)
    own = [level.severity for level in levels or () if getattr(level, "severity", None)]
    return own or [params.severity]


def _reaches(facts: Mapping[str, str], routes: Sequence[Route], heard: set[str]) -> bool:
    for route in routes:
        if all(fits(facts[key], patterns) for key, patterns in route.match.items()):
            if route.team in heard:
                return True
            if not route.go_on:
                return False
    return False
