"""Binds who is notified: people, teams and routes; and warns of alarms that would reach nobody."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from monitor.documents.explain import unknown_key
from monitor.documents.node import Node, join
from monitor.model import Severity
from monitor.schema import CLASSES, MONITOR_DEVICE
from monitor.settings.binding import Binding
from monitor.settings.links import bind_links
from monitor.settings.patterns import fits
from monitor.settings.shape import PersonKeys, RouteKeys, TeamKeys
from monitor.site import Device, Rule, Source
from monitor.staff import Notify, Person, Route, Step, Team

__all__ = ["bind_notify", "warn_of_silence"]

_SECTIONS: Final = ("links", "people", "routes", "teams")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S.*|terminal:", re.DOTALL)


def bind_notify(binding: Binding, root: Node, rule_ids: Sequence[str], language: str) -> Notify:
    """Bind the section `notify`."""
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
    people = _people(binding, node, language)
    teams = _teams(binding, node, named_people)
    routes = tuple(_routes(binding, node, named_teams, rule_ids))
    return Notify(people=people, teams=teams, routes=routes, links=bind_links(binding, node))


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


def _people(binding: Binding, node: Node, language: str) -> dict[str, Person]:
    people = {}
    for item, path in _once(binding, node, "people"):
        channels = item.get("channels")
        for name, entry in {}.items() if channels is None else channels.entries.items():
            _address(binding, entry.value, join(path, "channels", str(name)[:60]))
        keys = binding.check(PersonKeys, item, path)
        if keys is None:
            continue
        if not keys.channels:
            binding.findings.warning(item, path, f"`{keys.id}` has no channel: no message can reach this person")
        people[keys.id] = Person(
            id=keys.id,
            name=keys.name or keys.id,
            language=keys.language or language,
            channels=dict(keys.channels),
        )
    return people


def _address(binding: Binding, node: Node, path: str) -> None:
    """An address is Apprise's or `terminal:`; it may hold a password, so it is never repeated."""
    if node.absent or node.kind != "scalar" or not isinstance(node.scalar, str):
        return
    if not _ADDRESS.fullmatch(node.scalar):
        message = "this is not an address: write one of Apprise's, such as `mailto://…`, or `terminal:`"
        binding.findings.error(node, path, message)
    elif wrong := binding.wrong_address(node.scalar):
        binding.findings.error(node, path, wrong)


def _teams(binding: Binding, node: Node, people: set[str]) -> dict[str, Team]:
    teams = {}
    for item, path in _once(binding, node, "teams"):
        binding.literals(item.get("members"), join(path, "members"), people, "person")
        steps = item.get("escalation")
        for number, step in enumerate([] if steps is None else steps.items):
            where = join(path, "escalation", number, "notify")
            binding.literals(step.get("notify"), where, people, "person")
        keys = binding.check(TeamKeys, item, path)
        if keys is None:
            continue
        escalation = tuple(Step(after=step.after, notify=step.notify) for step in keys.escalation)
        if any(later.after <= earlier.after for earlier, later in pairwise(escalation)):
            binding.findings.error(
                steps or item, join(path, "escalation"), "each step comes later than the one before"
            )
        everybody = (Step(after=0.0, notify=keys.members),)
        teams[keys.id] = Team(id=keys.id, members=keys.members, escalation=escalation or everybody)
    return teams


def _routes(binding: Binding, node: Node, teams: set[str], rule_ids: Sequence[str]) -> Iterator[Route]:
    candidates = binding.candidates.values()
    known: dict[str, tuple[Any, str]] = {
        "building": ({one.attributes["building"] for one in candidates} - {""}, "device in building"),
        "zone": ({one.attributes["zone"] for one in candidates} - {""}, "device in zone"),
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


def warn_of_silence(
    binding: Binding, root: Node, notify: Notify, rules: Mapping[str, Rule], devices: Mapping[str, Device]
) -> None:
    """Warn of each rule with an alarm that no route brings to a person with a channel."""
    place = root.get("notify") or root
    if rules and not notify.routes:
        binding.findings.warning(place, "notify.routes", "no alarm reaches anybody: there are no routes")
        return
    heard = {team.id for team in notify.teams.values() if _has_channel(team, notify.people)}
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


def _has_channel(team: Team, people: Mapping[str, Person]) -> bool:
    told = {person for step in team.escalation for person in step.notify}
    return any(people[person].channels for person in told if person in people)


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
