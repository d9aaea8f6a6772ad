"""Binds which alarms stand above those of a rule: `depends_on:`, and what holds without it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.site import Rule

__all__ = ["bind_dependencies"]

_CAUSES: Final[Mapping[str, frozenset[str]]] = {
    "offline": frozenset({"segment", "supply"}),
    "stale": frozenset({"segment", "supply"}),
    "segment": frozenset({"supply"}),
}
"""Kind of rule -> kinds whose alarms explain its own: who gets no power and has no line says nothing."""


def bind_dependencies(
    binding: Binding, rules: Mapping[str, Rule], written: Sequence[tuple[Node, str, bool]]
) -> dict[str, Rule]:
    """The rules with the ids of those that they depend on, none of them on itself in the end.

    `written`: the node and key path of each rule, right or not, and whether it is a stock rule. What a stock rule
    depends on may be left out of a site; in a rule of one's own it is a mistake.
    """
    known = sorted({node.text("id") for node, _, _ in written} - {""})
    moments = {node.text("id") for node, _, _ in written if node.text("kind") == "event"}
    bound = dict(rules)
    for node, path, is_stock in written:
        ident = node.text("id")
        place = node.get("depends_on")
        if place is not None and not is_stock:
            _check(binding, place, join(path, "depends_on"), ident, known, moments)
        rule = rules.get(ident)
        if rule is not None:
            bound[ident] = replace(rule, depends_on=_depends_on(rule, rules))
    _check_circles(binding, bound, written)
    return bound


def _depends_on(rule: Rule, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """What is only tried explains nothing: of a rule in shadow nobody is told."""
    heard = {each.id: each for each in rules.values() if not each.params.shadow}
    if rule.params.depends_on is not None:
        return tuple(each for each in dict.fromkeys(rule.params.depends_on) if each in heard and each != rule.id)
    causes = _CAUSES.get(rule.kind, frozenset())
    return tuple(each.id for each in heard.values() if each.kind in causes)


def _check(  # noqa: PLR0913, PLR0917 - what is said where, and what there is
    binding: Binding, place: Node, path: str, ident: str, known: Sequence[str], moments: Collection[str]
) -> None:
    binding.literals(place, path, {*known, ident}, "rule")
    for number, item in enumerate(place.items if place.kind == "list" else [place]):
        where = join(path, number) if place.kind == "list" else path
        word = str(item.scalar)
        if item.kind == "scalar" and word == ident:
            binding.findings.error(item, where, "a rule cannot depend on itself")
        elif item.kind == "scalar" and word in moments:
            message = f"an alarm of the kind `event` is over at once: nothing hangs below `{word}`"
            binding.findings.error(item, where, message)
        elif item.kind == "scalar" and "*" in word:
            binding.findings.error(item, where, "write the id of each rule; `*` stands for nothing here")


def _check_circles(binding: Binding, rules: Mapping[str, Rule], written: Sequence[tuple[Node, str, bool]]) -> None:
    """Of each circle one rule is told, that says itself what it depends on."""
    told: set[str] = set()
    for node, path, _ in written:
        place = node.get("depends_on")
        circle = [] if place is None else _circle(rules, node.text("id"))
        if circle and place is not None and told.isdisjoint(circle):
            told.update(circle)
            way = " -> ".join(f"`{each}`" for each in circle)
            message = f"these rules depend on each other, so that none would be told: {way}"
            binding.findings.error(place, join(path, "depends_on"), message)


def _circle(rules: Mapping[str, Rule], ident: str) -> list[str]:
    """The way from a rule over what it depends on back to itself; empty when there is none."""
    ways = [[ident]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        rule = rules.get(way[-1])
        for each in () if rule is None else rule.depends_on:
            if each == ident:
                return [*way, ident]
            if each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []
