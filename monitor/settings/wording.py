"""Rules whose condition is an expression: what it may name, whose alarms it makes, and whom rules listen to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitor.derivedpoints import derived_points
from monitor.documents.node import Node, join
from monitor.errors import SettingsError
from monitor.profiles.itself import ITSELF
from monitor.ruletypes import Vocabulary, WordedRuleType
from monitor.schema import MONITOR_DEVICE
from monitor.settings.binding import Binding, Candidate
from monitor.site import Rule

__all__ = ["check_listening", "choose", "vocabulary"]

_KEY = "expression"


def vocabulary(binding: Binding, kinds: Mapping[str, str]) -> Vocabulary:
    """All points of all devices, those that the monitor derives among them, and the rules with their kinds."""
    points = {id_: {**_derived(one), **one.points} for id_, one in binding.candidates.items()}
    itself = {name: point.unit for name, point in ITSELF.points.items()}
    return Vocabulary(points={**points, MONITOR_DEVICE: itself}, rules=kinds)


def _derived(one: Candidate) -> Mapping[str, str | None]:
    return {} if one.device is None else {name: point.unit for name, point in derived_points(one.device).items()}


def choose(  # noqa: PLR0913 - a rule as written, and what it may name
    binding: Binding,
    place: tuple[Node, str],
    *,
    rule_type: WordedRuleType,
    params: Any,
    chosen: Sequence[Candidate],
    words: Vocabulary,
    watches_nothing: Callable[[str], None] | None = None,
) -> list[Candidate]:
    """The devices of a rule; none after telling what is wrong.

    `watches_nothing` is told instead when it is no mistake that a site has not all that the rule names.
    """
    by_id = {one.attributes["id"]: one for one in chosen}
    try:
        found = rule_type.devices(params, list(by_id), words)
    except SettingsError as error:
        if watches_nothing is not None:
            watches_nothing(str(error))
        elif all(one.complete for one in binding.candidates.values()):
            binding.findings.error(place[0].get(_KEY) or place[0], join(place[1], _KEY), str(error))
        return []
    return [by_id[each] for each in found]


def check_listening(
    binding: Binding, rules: Mapping[str, Rule], places: Mapping[str, tuple[Node, str]], words: Vocabulary
) -> None:
    """Refuse rules that wait for each other's alarms, and warn of alarms that never come."""
    heard: dict[str, Sequence[str]] = {}
    for rule in rules.values():
        rule_type = binding.rules[rule.kind]
        if isinstance(rule_type, WordedRuleType):
            heard[rule.id] = rule_type.rules(rule.params, words)
    for ident, names in heard.items():
        node, path = places[ident]
        place = (node.get(_KEY) or node, join(path, _KEY))
        for name in names:
            if name not in rules and not binding.findings.errors:
                binding.findings.warning(
                    *place, f"the rule `{name}` is not in use: here its alarm is always false"
                )
        way = _way_back(ident, heard)
        if way:
            told = " -> ".join(f"`{each}`" for each in way)
            binding.findings.error(*place, f"the rule hears of its own alarm: {told}")


def _way_back(start: str, heard: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest way from a rule to itself along what the rules hear; empty when there is none."""
    ways = [[start]]
    seen = set[str]()
    for way in ways:
        for following in heard.get(way[-1], ()):
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []
