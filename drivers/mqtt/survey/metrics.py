"""Makes devices of what Sparkplug edge nodes say: each metric that can be guessed is a point. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from drivers.mqtt.payload import Body, Lack
from drivers.mqtt.sparkplug.wire import name_of, value_of
from drivers.mqtt.survey.entries import Proposal
from drivers.mqtt.survey.guessing import Guess, class_of, guess, is_noise, named_apart
from drivers.mqtt.survey.heard import Heard

__all__ = ["metric_names", "of_nodes"]

FAMILY: Final = "Sparkplug B"
_SPOKEN: Final = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA"})
_OWN: Final = ("bdSeq", "Node Control/", "Device Control/", "Properties/")
"""Metrics of the protocol itself."""
_LEVELS: Final = (4, 5)
_MAX_POINTS: Final = 60


def metric_names(body: Body) -> list[str]:
    """The names of the metrics in a payload."""
    payload = body.sparkplug()
    return [] if isinstance(payload, Lack) else [name for each in payload.metrics if (name := name_of(each))]


def of_nodes(heard: Iterable[Heard]) -> list[Proposal]:
    """Propose a device for each node and each device behind it."""
    places: dict[str, list[Heard]] = {}
    for each in heard:
        levels = each.topic.split("/")
        if len(levels) in _LEVELS and levels[2] in _SPOKEN and levels[0] == "spBv1.0":
            places.setdefault("/".join([*levels[:2], "+", *levels[3:]]), []).append(each)
    made = (_device(topic, members) for topic, members in places.items())
    return [proposal for proposal in made if proposal is not None]


def _device(topic: str, members: list[Heard]) -> Proposal | None:
    values: dict[str, Any] = {}
    nameless = 0
    for name, value in (found for each in members for found in _metrics(each)):
        nameless += not name
        if name and not name.startswith(_OWN):
            values[name] = value
    notes = []
    if nameless:
        notes.append(f"{nameless} metrics come by number: their names come when the node starts; listen meanwhile")
    guesses: list[tuple[str, Guess]] = []
    unknown: list[tuple[str, str]] = []
    for name, value in values.items():
        state = isinstance(value, bool | str)
        found = guess(name.rsplit("/", maxsplit=1)[-1] if state else name, value, values)
        if found is not None:
            guesses.append((name, found))
        elif isinstance(value, int | float) and not isinstance(value, bool) and not is_noise(name):
            unknown.append(("metric", name))
    if not guesses and not unknown and not notes:
        return None
    metrics = {id(found): name for name, found in guesses}
    points = {
        name: {"metric": metrics[id(found)]} | found.rest
        for name, found in list(named_apart(guesses).items())[:_MAX_POINTS]
    }
    levels = topic.split("/")
    return Proposal(
        entry={"id": "-".join(levels[3:]), "topic": topic, "class": class_of(points), "points": points},
        source="guessed",
        family=FAMILY,
        topics=tuple(each.topic for each in members),
        why=f"{len(points)} of {len(points) + len(unknown)} metrics guessed by name: check each unit",
        unknown=tuple(unknown),
        notes=tuple(notes),
    )


def _metrics(heard: Heard) -> Iterator[tuple[str, Any]]:
    """The name and the value of each metric that was said last."""
    payload = Lack.BROKEN if heard.newest is None else heard.newest.body.sparkplug()
    for each in () if isinstance(payload, Lack) else payload.metrics:
        yield name_of(each), value_of(each, 0)
