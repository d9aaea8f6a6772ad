"""Binds what a rule names beside its own points: the devices and points of its occasions, and their units."""

from collections.abc import Mapping, Sequence

from monitor.derivedpoints import derived_points
from monitor.documents.node import Node, join
from monitor.settings.binding import Binding, Candidate
from monitor.settings.model import Occasion, RuleModel
from monitor.settings.patterns import fits
from monitor.settings.quantities import converted

__all__ = ["bind_occasions", "never_heard", "points_of"]


def points_of(one: Candidate) -> Mapping[str, str | None]:
    """All that rules may name of a device: what it says, and what the monitor says of it."""
    made = {} if one.device is None else derived_points(one.device)
    return {**{name: point.unit for name, point in made.items()}, **one.points}


def bind_occasions(
    binding: Binding, node: Node, path: str, params: RuleModel, chosen: Sequence[Candidate]
) -> RuleModel:
    """The rule with the quantities of its occasions in the unit of their points; tells what there is not."""
    changes = {}
    for field, info in type(params).model_fields.items():
        occasion = getattr(params, field)
        if isinstance(occasion, Occasion):
            key = info.alias or field
            changes[field] = _bound(binding, node.get(key) or node, join(path, key), occasion, chosen)
    return params.model_copy(update=changes) if changes else params


def never_heard(params: RuleModel, chosen: Sequence[Candidate]) -> str:
    """The first point of an occasion at the rule's own devices that none of them has; empty when there is none."""
    names = {name for one in chosen for name in points_of(one)}
    for field in type(params).model_fields:
        occasion = getattr(params, field)
        if not isinstance(occasion, Occasion) or occasion.device is not None or occasion.same != "device":
            continue
        if occasion.point is not None and occasion.point not in names:
            return occasion.point
    return ""


def _bound(binding: Binding, node: Node, path: str, occasion: Occasion, chosen: Sequence[Candidate]) -> Occasion:
    binding.literals(node.get("device"), join(path, "device"), binding.candidates, "device")
    if occasion.device is not None:
        meant = [one for name, one in binding.candidates.items() if fits(name, occasion.device)]
        if not meant and any("*" in word for word in occasion.device):
            place = node.get("device") or node
            binding.findings.error(place, join(path, "device"), "no device matches: nothing would be heard")
    else:
        meant = list(chosen) if occasion.same == "device" else list(binding.candidates.values())
    if occasion.point is None:
        return occasion
    names = {name: unit for one in meant for name, unit in points_of(one).items()}
    if occasion.point not in names:
        if meant and all(one.complete for one in meant):
            place = node.get("point") or node
            binding.unknown(place, join(path, "point"), occasion.point, names, "point of these devices")
        return occasion
    changes = {}
    for key in ("above", "below"):
        limit = getattr(occasion, key)
        if limit is not None:
            place, where = node.get(key) or node, join(path, key)
            unit = names[occasion.point]
            changes[key] = converted(limit, unit, occasion.point, place, where, binding.findings)
    return occasion.model_copy(update=changes) if changes else occasion
