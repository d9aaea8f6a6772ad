"""Binds rules: kinds and their models, stock rules, the sources each rule watches, quantities in their unit."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from monitor.documents.node import Entry, Node, join
from monitor.documents.reader import resolve_scalar
from monitor.places import Place
from monitor.plant import Supply
from monitor.ruletypes import NamesSources, Premises, Vocabulary, WordedRuleType
from monitor.schema import MONITOR_DEVICE
from monitor.settings.binding import Binding, Candidate
from monitor.settings.dependencies import bind_dependencies
from monitor.settings.hours import bind_schedules
from monitor.settings.model import RuleModel, Selector
from monitor.settings.occasions import bind_occasions, never_heard, points_of
from monitor.settings.patterns import fits
from monitor.settings.quantities import converted, quantities
from monitor.settings.selecting import check_selector, select
from monitor.settings.shape import StockKeys
from monitor.settings.wording import check_listening, choose, vocabulary
from monitor.site import Rule, Source

__all__ = ["bind_rules"]

_Around = tuple[Sequence[Supply], Sequence[Place]]
"""Supplies and places of residents, for the kinds of rules that are about these."""

_SILENCE = frozenset({"offline", "stale"})
"""Kinds that judge whether a device speaks: no person is off-line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A rule as written: where; and for a stock rule where it was asked for, and its further selector."""

    node: Node
    path: str
    stock: tuple[Node, str] | None = None
    narrowed: Selector | None = None


def bind_rules(
    binding: Binding, root: Node, supplies: Sequence[Supply] = (), places: Sequence[Place] = ()
) -> dict[str, Rule]:
    """Bind the section `rules`; disabled rules are checked and left out."""
    own: dict[str, Node] = {}
    written: list[_Written] = []
    stock: list[_Written] = []
    for node, path in binding.section(root, "rules"):
        if "stock" in node.entries:
            stock.extend(_stock(binding, node, path))
            continue
        ident = node.text("id")
        if ident and ident in own:
            binding.twice(node, path, ident, own[ident])
        own.setdefault(ident, node)
        written.append(_Written(node=node, path=path))
    stocked: dict[str, _Written] = {}
    for one in stock:
        ident = one.node.text("id")
        if ident not in own:
            stocked.setdefault(ident, one)
    wanted = [*stocked.values(), *written]
    known = {one.node.text("id") for one in wanted}
    for ident in binding.changes:
        if ident not in known:
            binding.unknown(root, "rules", ident, known, "rule")
    everything = [_changed(binding, one) for one in wanted]
    words = vocabulary(binding, {one.node.text("id"): one.node.text("kind") for one in everything})
    around = (supplies, places)
    found = [_rule(binding, one, around, words) for one in everything]
    rules = {rule.id: rule for rule in found if rule is not None}
    _idle(binding, everything, rules)
    written_at = [(one.node, one.path, one.stock is not None) for one in everything]
    check_listening(binding, rules, {one.node.text("id"): (one.node, one.path) for one in everything}, words)
    return bind_dependencies(binding, rules, written_at)


def _idle(binding: Binding, everything: Sequence[_Written], rules: Mapping[str, Rule]) -> None:
    """Warn of files of stock rules of which none watches anything; that some do not is as usual."""
    useful: dict[str, bool] = {}
    places: dict[str, tuple[Node, str]] = {}
    for one in everything:
        if one.stock is not None:
            node, path = one.stock
            places[path] = (node, path)
            useful[path] = useful.get(path, False) or one.node.text("id") in rules
    for path, place in places.items():
        if not useful[path] and not binding.findings.errors:
            binding.findings.warning(
                *place, f"no device here is one that the stock rules `{place[0].text('stock')}` watch"
            )


def _changed(binding: Binding, written: _Written) -> _Written:
    """The rule with what is tried; a dot in a key leads into a mapping or, with a number, into a list."""
    changes = binding.changes.get(written.node.text("id"))
    if not changes:
        return written
    node = written.node
    for key, text in changes.items():
        node = _put(node, key.split("."), text)
    return replace(written, node=node)


def _put(node: Node, path: Sequence[str], text: str) -> Node:
    name, rest = path[0], path[1:]
    if node.kind == "list" and name.isdigit() and int(name) < len(node.items):
        items = list(node.items)
        items[int(name)] = _put(items[int(name)], rest, text) if rest else _tried(node, text)
        return replace(node, items=items)
    key = Node("scalar", node.file, node.line, node.column, scalar=name)
    before = node.get(name) or Node("mapping", node.file, node.line, node.column)
    value = _put(before, rest, text) if rest else _tried(before, text)
    return replace(node, kind="mapping", entries={**node.entries, name: Entry(key, value)})


def _tried(place: Node, text: str) -> Node:
    return Node("scalar", place.file, place.line, place.column, scalar=resolve_scalar(text))


def _stock(binding: Binding, node: Node, path: str) -> list[_Written]:
    keys = binding.check(StockKeys, node.only({"devices"}, but=True), path, also=frozenset({"devices"}))
    narrowed = None
    place = node.get("devices")
    if place is not None:
        narrowed = binding.check(Selector, place, join(path, "devices"))
        check_selector(binding, place, join(path, "devices"))
    if keys is None:
        return []
    known = sorted(file.stem for file in binding.stock.glob("*.yaml"))
    if keys.stock not in known:
        binding.unknown(node.get("stock") or node, join(path, "stock"), keys.stock, known, "file of stock rules")
        return []
    read = binding.files.read(binding.stock / f"{keys.stock}.yaml")
    if read is None:
        return []
    root = Node("mapping", read.file, 1, 1)
    if read.kind == "mapping" and read.get("rules") is not None:
        root = read
    items = read.items if read.kind == "list" else [node for node, _ in binding.section(root, "rules")]
    return [
        _Written(node=item, path=join("", number), stock=(node, path), narrowed=narrowed)
        for number, item in enumerate(items)
        if item.kind == "mapping"
    ]


def _rule(binding: Binding, written: _Written, around: _Around, words: Vocabulary) -> Rule | None:
    node, path = written.node, written.path
    kind = node.text("kind")
    if not kind:
        allowed = ", ".join(binding.rules)
        binding.findings.error(node, join(path, "kind"), "`kind` is missing", allowed=allowed)
        return None
    if kind not in binding.rules:
        binding.unknown(node.get("kind") or node, join(path, "kind"), kind, binding.rules, "kind of rule")
        return None
    rule_type = binding.rules[kind]
    before = len(binding.findings.errors)
    params: Any = binding.check(rule_type.model, node, path)
    place = node.get("devices")
    if place is not None and not written.stock:
        check_selector(binding, place, join(path, "devices"))
    if params is None or not params.enabled:
        return None
    schedule, at = bind_schedules(binding, node, path, params)
    chosen = _chosen(binding, written, params, words)
    if chosen is None:
        return None
    quiet = len(binding.findings.errors) > before
    if isinstance(rule_type, NamesSources):
        premises = _premises(chosen, around, narrowed=params.devices is not None or written.narrowed is not None)
        found = _own_sources(binding, written, rule_type.sources(params, premises), quiet=quiet)
    else:
        patterns = rule_type.point_patterns(params)
        found = _sources(binding, written, chosen, patterns, quiet=quiet)
        found = _judged(binding, written, params, found)
    params = _in_units(binding, written, params, found)
    params = bind_occasions(binding, node, path, params, chosen)
    sources = tuple(sorted((source for source, _, known in found if known), key=lambda source: source.key))
    if not sources:
        return None
    devices: tuple[str, ...] = ()
    if rule_type.is_joint(params):
        devices = tuple(dict.fromkeys(source.device for source in sources))
        sources = (Source(device=MONITOR_DEVICE),)
    return Rule(
        id=params.id,
        name=params.name or params.id,
        kind=kind,
        params=params,
        sources=sources,
        version=_version(params, schedule, at),
        devices=devices,
        schedule=schedule,
        at=at,
    )


def _chosen(binding: Binding, written: _Written, params: RuleModel, words: Vocabulary) -> list[Candidate] | None:
    """The devices of a rule; None after telling why it cannot judge any."""
    rule_type = binding.rules[params.kind]
    chosen = list(select(binding, [one for one in (params.devices, written.narrowed) if one is not None]))
    if isinstance(rule_type, WordedRuleType) and chosen:
        chosen = choose(
            binding,
            (written.node, written.path),
            rule_type=rule_type,
            params=params,
            chosen=chosen,
            words=words,
            watches_nothing=partial(_nothing, binding, written, "expression") if written.stock else None,
        )
        if not chosen:
            return None
    lacking = never_heard(params, chosen) if written.stock and chosen else ""
    if lacking:
        _nothing(binding, written, "devices", f"none of these devices has a point `{lacking}`")
        return None
    return chosen


_Found = list[tuple[Source, str | None, bool]]
"""Sources with the unit of their point, and whether the device itself is in order."""


def _sources(
    binding: Binding,
    written: _Written,
    chosen: Sequence[Candidate],
    patterns: Sequence[str] | None,
    *,
    quiet: bool,
) -> _Found:
    """What a rule watches. Matching nothing is a mistake, for a stock rule it is not."""
    speaking = [one for one in chosen if not _is_silent(one, written.node.text("kind"))]
    if not speaking:
        if not quiet:
            why = "no meter that is read by hand or reckoned from others is judged by it" if chosen else ""
            _nothing(binding, written, "devices", why or "no device matches", {})
        return []
    chosen = speaking
    if patterns is None:
        return [(Source(device=one.attributes["id"]), None, one.device is not None) for one in chosen]
    found: _Found = []
    names: dict[str, str | None] = {}
    for one in chosen:
        names |= one.points
        derived = {name: unit for name, unit in points_of(one).items() if name in patterns}
        names |= derived
        for name, unit in {**one.points, **derived}.items():
            if fits(name, patterns):
                source = Source(device=one.attributes["id"], point=name)
                found.append((source, unit, one.device is not None))
    missing = [each for each in patterns if not any(fits(name, (each,)) for name in names)]
    told = quiet or not all(one.complete for one in chosen)
    if missing and not told and (not written.stock or not found):
        offered = {name: unit for one in chosen for name, unit in points_of(one).items()}
        _nothing(binding, written, "points", f"none of these devices has a point `{missing[0][:60]}`", offered)
    return found


def _premises(chosen: Sequence[Candidate], around: _Around, *, narrowed: bool) -> Premises:
    supplies, places = around
    devices = {one.device.id: one.device for one in chosen if one.device is not None}
    return Premises(
        devices=devices,
        supplies=[each for each in supplies if each.device in devices],
        places=[each for each in places if not narrowed or each.device in devices],
    )


def _own_sources(binding: Binding, written: _Written, named: Sequence[Source], *, quiet: bool) -> _Found:
    """What a rule watches whose kind says so itself; connections that it names have to be there."""
    place = written.node.get("connections")
    before = len(binding.findings.errors)
    binding.literals(place, join(written.path, "connections"), binding.connection_drivers, "connection")
    if not named and not quiet and len(binding.findings.errors) == before:
        key = "devices" if place is None else "connections"
        _nothing(binding, written, key, "there is nothing of the kind here", {})
    return [(source, None, True) for source in named]


def _judged(binding: Binding, written: _Written, params: RuleModel, found: _Found) -> _Found:
    """Those sources that the kind can judge; that there is none is a mistake, for a stock rule it is not."""
    rule_type = binding.rules[params.kind]
    kept: _Found = []
    why = ""
    for source, unit, known in found:
        device = binding.candidates[source.device].device if source.device in binding.candidates else None
        refusal = "" if device is None else rule_type.refusal(params, device, source.point)
        if not refusal:
            kept.append((source, unit, known))
        why = why or refusal
    if why and not kept:
        key = next((each for each in ("point", "points", "devices") if each in written.node.entries), "kind")
        _nothing(binding, written, key, why, {})
    return kept


def _is_silent(one: Candidate, kind: str) -> bool:
    """Whether a device never says what a rule of a kind judges: a reckoned meter nothing, a person not when."""
    device = one.device
    return device is not None and (device.virtual is not None or (device.by_hand and kind in _SILENCE))


def _nothing(
    binding: Binding, written: _Written, key: str, message: str, names: Mapping[str, str | None] | None = None
) -> None:
    if written.stock:
        return  # such files are for all sites: see `_idle`
    key = "point" if key == "points" and "point" in written.node.entries else key
    place, path = written.node.get(key) or written.node, join(written.path, key)
    if names:
        missing = message.split("`")[1]
        binding.unknown(place, path, missing, names, "point of these devices that matches")
    else:
        binding.findings.error(place, path, f"{message}: the rule would watch nothing")


def _in_units(binding: Binding, written: _Written, params: RuleModel, found: _Found) -> RuleModel:
    """The rule with its quantities in the unit of its points, which have to share one, or in that of its kind."""
    if not found or next(quantities(params), None) is None:
        return params
    points = {source.point or "": unit for source, unit, _ in found}
    units = sorted({unit or "no unit" for unit in points.values()})
    node, path = written.node, written.path
    if any(points) and len(units) > 1:
        key = "point" if "point" in node.entries else "points"
        binding.findings.error(
            node.get(key) or node,
            join(path, key),
            f"the points of one rule share a unit; these have {', '.join(units)}",
        )
        return params
    name, unit = next(iter(points.items()))
    own = binding.rules[params.kind].quantity_units(params, unit)
    changes = {}
    for field, info in type(params).model_fields.items():
        if field not in own and not name:
            continue  # a whole device has no unit
        key = info.alias or field
        place = (node.get(key) or node, join(path, key))
        before = getattr(params, field)
        after = converted(before, own.get(field, unit), key if field in own else name, *place, binding.findings)
        if after is not before:
            changes[field] = after
    return params.model_copy(update=changes) if changes else params


def _version(params: RuleModel, *hours: object) -> str:
    """A short hash that changes when the rule, or what it names, is edited."""
    content = json.dumps(
        params.model_dump(mode="json", by_alias=True, exclude={"tests"}), sort_keys=True, default=str
    )
    content += "".join(repr(each) for each in hours if each)
    return hashlib.sha256(content.encode()).hexdigest()[:8]
