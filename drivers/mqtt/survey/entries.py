"""Devices as a site file writes them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from drivers.mqtt.settings import MqttDevice, MqttPoint
from drivers.mqtt.survey.words import slug
from monitor.profiles.units import UnitMismatch, linear
from monitor.schema import RESERVED_FIELDS, is_point_name, point_unit

__all__ = ["Proposal", "identified", "sound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A device that could be added.

    `entry`: the keys of the site file but for `connection`. `source`: profile, announced or guessed. `why`: what
    speaks for it. `others`: profiles that carry something as well, with why. `unknown`: places (`json`, `key`
    or `topic`, and which) of values of which nobody knows what they are. `notes`: what a person should know before
    saying yes.
    """

    entry: Mapping[str, Any]
    source: str
    family: str
    topics: tuple[str, ...]
    why: str = ""
    others: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    """Variants of which the messages cannot tell which it is, and their models: a person has to say it."""

    @property
    def id(self) -> str:
        """The device's id."""
        return str(self.entry["id"])

    @property
    def addable(self) -> bool:
        """Whether there is something to add, a profile or points, and nothing to be chosen before."""
        return not self.choices and self.has_something

    @property
    def has_something(self) -> bool:
        """Whether there is a profile or a point."""
        return "profile" in self.entry or bool(self.entry.get("points"))


def sound(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Those that the settings will take, without the points that they would not: senders may say anything."""
    for proposal in proposals:
        entry = dict(proposal.entry)
        if "name" in entry:
            entry["name"] = "".join(letter for letter in str(entry["name"])[:100] if letter.isprintable())
        points = entry.get("points", {})
        entry["points"] = {name: point for name, point in points.items() if _is_point(name, point)}
        if "profile" in entry:
            del entry["points"]
        if not proposal.has_something or _is_device(entry):
            yield replace(proposal, entry=entry)


def _is_point(name: str, point: Mapping[str, Any]) -> bool:
    unit = point_unit(name)
    if not is_point_name(name) or name in RESERVED_FIELDS or not _is_clean(point):
        return False
    try:
        source = MqttPoint.model_validate(point)
        if source.unit is not None and unit is not None:
            linear(source.unit, unit)
    except (ValidationError, UnitMismatch):
        return False
    return (source.unit is None) == (unit is None)


def _is_device(entry: Mapping[str, Any]) -> bool:
    own = {key: entry[key] for key in ("topic", "availability") if key in entry}
    try:
        MqttDevice.model_validate(own)
    except ValidationError:
        return False
    return _is_clean(own)


def _is_clean(said: Any) -> bool:
    """Whether all texts in it can be written down as they are."""
    if isinstance(said, Mapping):
        return all(_is_clean(key) and _is_clean(value) for key, value in said.items())
    return not isinstance(said, str) or said.isprintable()


def identified(proposals: Iterable[Proposal], taken: Iterable[str] = ()) -> list[Proposal]:
    """Give each device an id that nobody else has."""
    used, made = set(taken), []
    for proposal in proposals:
        ident = wanted = slug(proposal.id, "device")
        number = 2
        while ident in used:
            ident, number = f"{wanted}-{number}", number + 1
        used.add(ident)
        made.append(_with_id(proposal, ident))
    return made


def _with_id(proposal: Proposal, ident: str) -> Proposal:
    return replace(proposal, entry={**proposal.entry, "id": ident})
