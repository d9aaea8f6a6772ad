"""Puts topics together that differ in one level and look alike: `zigbee2mqtt/+`. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.mqtt.survey.families import Known
from drivers.mqtt.survey.heard import Heard

__all__ = ["Group", "grouped"]

_MANY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Topics that look alike; `pattern` is a topic filter, or the topic itself when it is alone."""

    pattern: str
    family: str
    members: tuple[Heard, ...]

    @property
    def kinds(self) -> list[str]:
        """The kinds of payload in it."""
        return sorted({each.kind for each in self.members})


def grouped(heard: Iterable[tuple[Heard, Known | None]]) -> list[Group]:
    """Group topics, each once: into the largest group that it can be in."""
    alike: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    families: dict[str, str] = {}
    every = list(heard)
    for each, known in every:
        families[each.topic] = "" if known is None else known.family
        look = f"{each.kind} {hash(next(reversed(each.samples), ()))}" if known is None else known.family
        for pattern in _patterns(each.topic):
            alike[pattern, look].append(each)
    groups, taken = [], set[str]()
    for (pattern, _), members in sorted(alike.items(), key=lambda item: (-len(item[1]), item[0])):
        free = tuple(each for each in members if each.topic not in taken)
        if len(free) >= _MANY:
            taken.update(each.topic for each in free)
            groups.append(Group(pattern=pattern, family=families[free[0].topic], members=free))
    for each, _ in every:
        if each.topic not in taken:
            groups.append(Group(pattern=each.topic, family=families[each.topic], members=(each,)))
    return sorted(groups, key=lambda group: group.pattern)


def _patterns(topic: str) -> list[str]:
    levels = topic.split("/")
    return ["/".join([*levels[:index], "+", *levels[index + 1 :]]) for index in range(len(levels))]
