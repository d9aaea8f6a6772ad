"""Topics: how they are put together, which filters to subscribe to, and who a message is for. Pure."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final, Generic, TypeVar

from paho.mqtt.matcher import MQTTMatcher

from monitor.errors import SettingsError

__all__ = ["Topics", "compose", "covers", "crossing", "subscriptions"]

T = TypeVar("T")

_REMEMBERED: Final = 10_000


def compose(base: str, suffix: str | None, device: str) -> str:
    """The topic of a device's message: the device's topic, `/`, the suffix; `{id}` becomes the device's id."""
    if suffix and base.rsplit("/", maxsplit=1)[-1] == "#":
        raise SettingsError(f"device {device}: nothing can be appended to the topic `{base}`, which ends with `#`")
    topic = f"{base.rstrip('/')}/{suffix}" if suffix else base
    return topic.replace("{id}", device)


def covers(wide: str, narrow: str) -> bool:
    """Whether all that a filter matches is matched by another one too."""
    wides, narrows = wide.split("/"), narrow.split("/")
    for index, level in enumerate(wides):
        if level == "#":
            return True
        if index >= len(narrows) or narrows[index] == "#" or level not in {"+", narrows[index]}:
            return False
    return len(wides) == len(narrows)


def subscriptions(wanted: Mapping[str, int]) -> dict[str, int]:
    """Leave out filters that a wider one covers, and take the highest QoS of all that it stands for.

    A broker may send a message once for each filter that matches it: covered filters would double it.
    """
    wildcards = [wide for wide in wanted if "+" in wide or "#" in wide]
    kept: dict[str, int] = {}
    for narrow in wanted:
        if not any(wide != narrow and covers(wide, narrow) for wide in wildcards):
            kept[narrow] = max(qos for other, qos in wanted.items() if other == narrow or covers(narrow, other))
    return kept


def crossing(filters: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of filters that some topic matches both of: a broker may send its messages twice."""
    wildcards = [one for one in filters if "+" in one or "#" in one]
    return [(one, other) for one, other in combinations(wildcards, 2) if _meet(one.split("/"), other.split("/"))]


def _meet(one: list[str], other: list[str]) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if "#" in {mine, theirs}:
            return True
        if "+" not in {mine, theirs} and mine != theirs:
            return False
    longer = max(one, other, key=len)
    return len(one) == len(other) or longer[min(len(one), len(other))] == "#"


class Topics(Generic[T]):
    """Finds what belongs to a topic: exact ones by one look-up, patterns by a tree, and remembers the answers."""

    __slots__ = ("_answers", "_exact", "_patterns")

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        collected: dict[str, list[T]] = {}
        for topic, entry in entries:
            collected.setdefault(topic, []).append(entry)
        self._patterns = MQTTMatcher()  # type: ignore[no-untyped-call]
        self._exact: dict[str, list[T]] = {}
        for topic, found in collected.items():
            if "+" in topic or "#" in topic:
                self._patterns[topic] = found
            else:
                self._exact[topic] = found
        self._answers: dict[str, tuple[T, ...]] = {}

    def match(self, topic: str) -> tuple[T, ...]:
        """All entries whose filter matches the topic."""
        answer = self._answers.get(topic)
        if answer is None:
            answer = self._find(topic)
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            self._answers[topic] = answer
        return answer

    def _find(self, topic: str) -> tuple[T, ...]:
        found = list(self._exact.get(topic, ()))
        for entries in self._patterns.iter_match(topic):  # type: ignore[no-untyped-call]
            found.extend(entries)
        return tuple(found)
