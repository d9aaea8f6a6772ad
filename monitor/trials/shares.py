"""Cuts the rules of a site into shares that know nothing of each other, one for each processor."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.site import Device, Rule
from rules.effects import Effects
from rules.index import Index
from rules.kind import EntryJudge
from rules.surroundings import Surroundings
from rules.timeline import Timeline
from rules.watch import EntryWatch, Watch

__all__ = ["Share", "needed_by", "shares_of"]

_ABOVE = frozenset({"segment", "supply"})
"""Kinds whose alarms suppress others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some rules with the sources that are judged here, and the devices whose entries that needs."""

    rules: tuple[Rule, ...]
    devices: frozenset[str]
    weight: float


def shares_of(rules: Sequence[Rule], around: Surroundings, count: int) -> list[Share]:
    """Cut into at most `count` shares of about the same work; what hears each other stays together."""
    groups = _groups(rules, around)
    shared = [rule for rule in rules if _is_shared(rule, around)]
    bins: list[list[frozenset[str]]] = [[] for _ in range(max(1, count))]
    loads = [0.0] * len(bins)
    for group in sorted(groups, key=lambda each: -_weight(each, around.devices)):
        place = loads.index(min(loads))
        bins[place].append(group)
        loads[place] += _weight(group, around.devices)
    return [
        _share(rules, shared, frozenset[str]().union(*groups), around, load)
        for groups, load in zip(bins, loads, strict=True)
        if groups
    ]


def needed_by(rules: Sequence[Rule], every: Sequence[Rule], around: Surroundings) -> set[str]:
    """The rules among `every` whose alarms these hear, or are suppressed by; with those that these need, too."""
    known = {rule.id: rule for rule in every}
    found = {rule.id for rule in every if rule.kind in _ABOVE and any(one.kind not in _ABOVE for one in rules)}
    waiting = [*rules, *(known[name] for name in found)]
    while waiting:
        rule = waiting.pop()
        named = set(getattr(rule.params, "depends_on", None) or ())
        for watch in _watches([rule], around):
            if isinstance(watch, EntryWatch):
                named |= set(watch.judge.interest.alarms)
        new = (named & known.keys()) - found
        found |= new
        waiting += [known[name] for name in new]
    return found


def _share(
    rules: Sequence[Rule], shared: Sequence[Rule], mine: frozenset[str], around: Surroundings, weight: float
) -> Share:
    chosen = []
    for rule in rules:
        sources = rule.sources if rule in shared else tuple(one for one in rule.sources if one.device in mine)
        if sources:
            chosen.append(replace(rule, sources=sources))
    heard = frozenset(device for rule in shared for device in _heard(rule, around))
    return Share(rules=tuple(chosen), devices=mine | heard, weight=weight)


def _weight(group: Iterable[str], devices: Mapping[str, Device]) -> float:
    """Readings a second that are expected of some devices, and a little for each."""
    total = 0.0
    for name in group:
        device = devices.get(name)
        every = [seconds for seconds in device.scan.values() if seconds] if device is not None else []
        total += 0.001 + sum(1 / seconds for seconds in every)
    return total


def _is_shared(rule: Rule, around: Surroundings) -> bool:
    """Whether a rule is judged in every share: others hang below it, and what it hears is little."""
    return rule.kind in _ABOVE and not any(
        watch.judge.interest.readings for watch in _watches([rule], around) if isinstance(watch, EntryWatch)
    )


def _heard(rule: Rule, around: Surroundings) -> Iterable[str]:
    for watch in _watches([rule], around):
        yield watch.machine.source.device
        if isinstance(watch, EntryWatch):
            yield from _devices(watch.judge)


def _watches(rules: Sequence[Rule], around: Surroundings) -> Sequence[Watch]:
    return Index(rules, around, Timeline(), Effects()).watches


def _devices(judge: EntryJudge) -> set[str]:
    interest = judge.interest
    return {
        *interest.readings,
        *(device for device, _ in interest.derived),
        *(device for device, _ in interest.events),
    }


def _groups(rules: Sequence[Rule], around: Surroundings) -> list[frozenset[str]]:
    """Devices that have to be judged together: one rule hears several, or an alarm of one hangs on another's."""
    joined = _Joined()
    by_rule = {rule.id: [source.device for source in rule.sources] for rule in rules}
    for devices in by_rule.values():
        for device in devices:
            joined.join([device])
    index = Index([rule for rule in rules if not _is_shared(rule, around)], around, Timeline(), Effects())
    for watch in index.watches:
        if not isinstance(watch, EntryWatch):
            continue
        interest = watch.judge.interest
        heard = [device for rule in interest.alarms for device in by_rule.get(rule, ())]
        joined.join([watch.machine.source.device, *_devices(watch.judge), *heard])
    for rule in rules:
        for name in getattr(rule.params, "depends_on", None) or ():
            parent = next((one for one in rules if one.id == name), None)
            if parent is not None and not _is_shared(parent, around):
                joined.join([*by_rule[rule.id], *by_rule[name]])
    return joined.groups()


class _Joined:
    """Sets that grow together."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def _root(self, name: str) -> str:
        self._of.setdefault(name, name)
        while self._of[name] != name:
            self._of[name] = self._of[self._of[name]]
            name = self._of[name]
        return name

    def join(self, names: Iterable[str]) -> None:
        """Say that these belong together."""
        roots = [self._root(name) for name in names]
        for root in roots[1:]:
            self._of[root] = roots[0]

    def groups(self) -> list[frozenset[str]]:
        """The sets there are."""
        found = defaultdict[str, set[str]](set)
        for name in self._of:
            found[self._root(name)].add(name)
        return [frozenset(names) for names in found.values()]
