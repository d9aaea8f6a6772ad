"""Which devices a selector of a rule, a tariff or a report means."""

from collections.abc import Collection, Sequence
from typing import Final

from monitor.documents.node import Node, join
from monitor.profiles.itself import ITSELF
from monitor.schema import CLASSES, MONITOR_DEVICE
from monitor.settings.binding import Binding, Candidate
from monitor.settings.model import Selector
from monitor.settings.patterns import fits

__all__ = ["check_selector", "select"]

_SELECTED: Final = {
    "id": "id",
    "device_class": "class",
    "profile": "profile",
    "connection": "connection",
    "building": "building",
    "zone": "zone",
    "role": "role",
    "tenant": "tenant",
}


_ITSELF = Candidate(
    attributes=dict.fromkeys(_SELECTED.values(), "") | {"id": MONITOR_DEVICE},
    points={name: point.unit for name, point in ITSELF.points.items()},
    device=ITSELF,
)


def check_selector(binding: Binding, node: Node, path: str) -> None:
    """Words without `*` in a selector have to exist: a rule for `electricty` would watch nothing for ever."""
    if node.kind != "mapping":
        return
    for key, entry in node.entries.items():
        known: Collection[str]
        if key == "class":
            known = CLASSES
        elif key == "profile":
            known = binding.library.ids
        elif key == "connection":
            known = binding.connection_drivers
        elif key in _SELECTED:
            known = binding.by_word(str(key))
        else:
            continue
        what = "device" if key == "id" else str(key) if key == "class" else f"device whose {key} is"
        binding.literals(entry.value, join(path, key), known, what)


def select(binding: Binding, selectors: Sequence[Selector]) -> list[Candidate]:
    """The devices that every selector matches; the monitor itself only where one calls it by its whole name."""
    candidates = _narrowest(binding, selectors)
    if any(MONITOR_DEVICE in (each.id or ()) for each in selectors):
        candidates.append(_ITSELF)
    return [one for one in candidates if all(_selects(each, one) for each in selectors)]


def _narrowest(binding: Binding, selectors: Sequence[Selector]) -> list[Candidate]:
    """The fewest devices that one word of the selectors leaves: not each of many rules shall look at them all."""
    narrowest: list[Sequence[Candidate]] = [[*binding.candidates.values()]]
    for selector in selectors:
        for name, attribute in _SELECTED.items():
            words = getattr(selector, name)
            if words and all(word and "*" not in word for word in words):
                found = [binding.by_word(attribute).get(word, ()) for word in dict.fromkeys(words)]
                narrowest = min(narrowest, found, key=lambda groups: sum(map(len, groups)))
    return [one for group in narrowest for one in group]


def _selects(selector: Selector, candidate: Candidate) -> bool:
    for name, attribute in _SELECTED.items():
        patterns = getattr(selector, name)
        if patterns is not None and not fits(candidate.attributes[attribute], patterns):
            return False
    return True
