"""Cuts the rules of a site into shares that know nothing of each other, one for each processor.

What is cut are rules at their sources. Those stay together that hear of each other: a rule that listens to alarms
of another, an alarm that hangs below another. Sources of one device may part, where it pays to read it twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.site import Device, Rule, Source
from rules.effects import Effects
from rules.index import Index
from rules.surroundings import Surroundings
from rules.timeline import Timeline
from rules.watch import EntryWatch, EventWatch, PointWatch, Watch

__all__ = ["Share", "needed_by", "shares_of"]

_ABOVE: Final = frozenset({"segment", "supply"})
"""Kinds whose alarms suppress others."""

_READ: Final = 3.5
_WIDE: Final = 3.0
_WHOLE: Final = 1.0
_POINT: Final = 0.2
"""Microseconds for reading an entry, and for judging it: by a rule of many devices, of one, of one point."""

_Place = tuple[str, str]
"""A rule and the key of one of its sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some rules with the sources that are judged here, and the devices whose entries that needs."""

    rules: tuple[Rule, ...]
    devices: frozenset[str]
    weight: float


@dataclass(frozen=True, slots=True)
class _Node:
    """A rule at one source, the devices it hears, and what one reading of each of them costs it."""

    rule: Rule
    source: Source
    devices: frozenset[str]
    cost: float
    listens: tuple[str, ...] = ()
    everywhere: bool = False
    """Whether it may be judged in every share: others hang below it, and what it hears is little."""

    @property
    def place(self) -> _Place:
        return self.rule.id, self.source.key


def shares_of(rules: Sequence[Rule], around: Surroundings, count: int) -> list[Share]:
    """Cut into at most `count` shares of about the same work."""
    nodes = _nodes(rules, around)
    shared = [node for node in nodes if node.everywhere]
    always = frozenset[str]().union(*(node.devices for node in shared))
    often = {name: _often(device) for name, device in around.devices.items()}
    bins = [_Bin(often) for _ in range(max(1, count))]
    for group in sorted(_groups(nodes, around), key=lambda each: -_Bin(often).with_all(each)):
        min(bins, key=lambda each: each.with_all(group)).take(group)
    found = [one for one in bins if one.nodes]
    if not found and shared:
        found = bins[:1]
    return [
        Share(
            rules=tuple(_chosen(rules, {node.place for node in (*one.nodes, *shared)})),
            devices=frozenset(one.devices | always),
            weight=one.load,
        )
        for one in found
    ]


def needed_by(rules: Sequence[Rule], every: Sequence[Rule], around: Surroundings) -> set[str]:
    """The rules among `every` whose alarms these hear, or are suppressed by; with those that these need, too."""
    known = {rule.id: rule for rule in every}
    found: set[str] = set()
    waiting = list(rules)
    while waiting:
        rule = waiting.pop()
        named = set(_parents(rule))
        for watch in Index([rule], around, Timeline(), Effects()).watches:
            if isinstance(watch, EntryWatch):
                named |= set(watch.judge.interest.alarms)
        new = (named & known.keys()) - found
        found |= new
        waiting += [known[name] for name in new]
    return found


def _chosen(rules: Sequence[Rule], places: set[_Place]) -> Iterable[Rule]:
    for rule in rules:
        sources = tuple(source for source in rule.sources if (rule.id, source.key) in places)
        if sources:
            yield replace(rule, sources=sources)


class _Bin:
    """What one processor is given. Loads are µs of work in a second of what was recorded."""

    def __init__(self, often: Mapping[str, float]) -> None:
        self._often = often
        self.nodes: list[_Node] = []
        self.devices: set[str] = set()
        self.load = 0.0

    def with_all(self, group: Sequence[_Node]) -> float:
        """The load with some more."""
        new = {device for node in group for device in node.devices} - self.devices
        judging = sum(node.cost * self._readings(node.devices) for node in group)
        return self.load + judging + _READ * self._readings(new)

    def take(self, group: Sequence[_Node]) -> None:
        """Take them."""
        self.load = self.with_all(group)
        self.nodes += group
        self.devices.update(device for node in group for device in node.devices)

    def _readings(self, devices: Iterable[str]) -> float:
        return sum(self._often.get(device, 0.001) for device in devices)


def _often(device: Device) -> float:
    """Readings a second that are expected of a device, and a little for each."""
    return 0.001 + sum(1 / seconds for seconds in device.scan.values() if seconds)


def _nodes(rules: Sequence[Rule], around: Surroundings) -> list[_Node]:
    index = Index(rules, around, Timeline(), Effects())
    watches: list[Watch | EventWatch] = [*index.watches, *index.momentary.values()]
    nodes = {node.place: node for node in map(_node, watches)}
    away = {node.rule.id for node in nodes.values() if not node.everywhere}
    return [
        node if not away.intersection(_parents(node.rule)) else replace(node, everywhere=False)
        for node in nodes.values()
    ]


def _node(watch: Watch | EventWatch) -> _Node:
    if isinstance(watch, EventWatch):
        return _Node(watch.rule, watch.source, frozenset({watch.source.device}), 0.0)
    rule, source = watch.machine.rule, watch.machine.source
    own = frozenset({source.device})
    if not isinstance(watch, EntryWatch):
        return _Node(rule, source, own, _POINT if isinstance(watch, PointWatch) else _WHOLE)
    interest = watch.judge.interest
    heard = {
        *interest.readings,
        *(device for device, _ in interest.derived),
        *(device for device, _ in interest.events),
    }
    return _Node(
        rule,
        source,
        own | heard,
        _WIDE if interest.readings else 0.0,
        listens=tuple(interest.alarms),
        everywhere=rule.kind in _ABOVE and not interest.readings and not interest.alarms,
    )


def _parents(rule: Rule) -> tuple[str, ...]:
    """Rules whose alarms suppress those of this one."""
    return tuple(getattr(rule, "depends_on", None) or getattr(rule.params, "depends_on", None) or ())


def _groups(nodes: Sequence[_Node], around: Surroundings) -> list[list[_Node]]:
    """What has to be judged together."""
    cut = {node.place: node for node in nodes if not node.everywhere}
    by_rule = defaultdict[str, list[_Node]](list)
    for node in cut.values():
        by_rule[node.rule.id].append(node)
    joined = _Joined(cut)
    for node in cut.values():
        for rule in node.listens:
            joined.join([node.place, *(one.place for one in by_rule.get(rule, ()))])
        for parent in _parents(node.rule):
            joined.join([node.place, *_above(node, by_rule.get(parent, ()), around)])
    return [[cut[place] for place in group] for group in joined.groups()]


def _above(node: _Node, parents: Iterable[_Node], around: Surroundings) -> Iterable[_Place]:
    """Those of a parent's alarms that suppress this one: at its own device, or at what its device hangs below."""
    device = node.source.device
    keys = around.above.get(device, frozenset()) | around.above.get(node.source.key, frozenset())
    return [one.place for one in parents if one.source.device == device or one.source.key in keys]


class _Joined:
    """Sets that grow together."""

    def __init__(self, names: Iterable[_Place]) -> None:
        self._of = {name: name for name in names}

    def _root(self, name: _Place) -> _Place:
        while self._of[name] != name:
            self._of[name] = self._of[self._of[name]]
            name = self._of[name]
        return name

    def join(self, names: Iterable[_Place]) -> None:
        """Say that these belong together."""
        roots = [self._root(name) for name in names]
        for root in roots[1:]:
            self._of[root] = roots[0]

    def groups(self) -> list[list[_Place]]:
        """The sets there are."""
        found = defaultdict[_Place, list[_Place]](list)
        for name in self._of:
            found[self._root(name)].append(name)
        return list(found.values())
