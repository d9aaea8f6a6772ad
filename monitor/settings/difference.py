"""What a new site file changes against the one that runs: for the person who reloads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final

from monitor.ports import Budget
from monitor.site import Site

__all__ = ["Difference", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Ids that are added, removed or changed, by section; `points` is how many points more or fewer are read.

    `sections` names the other sections that differ. `load`: for each bus whose load changes, the share of its time
    that is taken `before` and `after` (None: no such bus). It says nothing of secrets but that they differ.
    """

    added: Mapping[str, tuple[str, ...]]
    removed: Mapping[str, tuple[str, ...]]
    changed: Mapping[str, tuple[str, ...]]
    sections: tuple[str, ...]
    points: int
    load: Mapping[str, Mapping[str, float | None]]

    def as_json(self) -> dict[str, Any]:
        """Answer it ready for JSON."""
        return asdict(self)


_NOTHING: Final[Mapping[str, Budget]] = MappingProxyType({})
_DIGITS = 4
_BY_ID = {"connections", "devices", "equipment", "groups", "rules", "notify", "tariffs", "reports", "files"}
_BY_ID |= {"influxdbs", "mqtt_sinks"}
"""Fields of a site that are not compared whole."""


def difference(
    old: Site,
    new: Site,
    *,
    before: Mapping[str, Budget] = _NOTHING,
    after: Mapping[str, Budget] = _NOTHING,
) -> Difference:
    """Compare two sites and the budgets of their buses; what only moved in its file is no difference."""
    sections: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "connections": (old.connections, new.connections),
        "devices": (old.devices, new.devices),
        "equipment": (old.equipment, new.equipment),
        "groups": (old.groups, new.groups),
        "zones": (old.access.zones, new.access.zones),
        "rules": (old.rules, new.rules),
        "people": (old.notify.people, new.notify.people),
        "rosters": (old.notify.rosters, new.notify.rosters),
        "teams": (old.notify.teams, new.notify.teams),
        "tariffs": (old.tariffs, new.tariffs),
        "reports": (old.reports, new.reports),
        "sinks": ({**old.influxdbs, **old.mqtt_sinks}, {**new.influxdbs, **new.mqtt_sinks}),
    }
    names = [field.name for field in fields(Site) if field.name not in _BY_ID]
    others = [name for name in names if _rest(old, name) != _rest(new, name)]
    said = ("routes", "grouping", "reminders", "self_test", "rate", "links")
    others += [name for name in said if getattr(old.notify, name) != getattr(new.notify, name)]
    return Difference(
        added={name: tuple(sorted(after.keys() - before.keys())) for name, (before, after) in sections.items()},
        removed={name: tuple(sorted(before.keys() - after.keys())) for name, (before, after) in sections.items()},
        changed={
            name: tuple(sorted(key for key in before.keys() & after.keys() if before[key] != after[key]))
            for name, (before, after) in sections.items()
        },
        sections=tuple(others),
        points=_points(new) - _points(old),
        load=_load(before, after),
    )


def _rest(site: Site, name: str) -> Any:
    """What a site says of a section, but for what is compared one by one."""
    return replace(site.access, zones={}) if name == "access" else getattr(site, name)


def _load(before: Mapping[str, Budget], after: Mapping[str, Budget]) -> dict[str, dict[str, float | None]]:
    """The share of each bus's time before and after, where it is another one."""
    loads = {
        ident: {
            when: round(budgets[ident].busy, _DIGITS) if ident in budgets else None
            for when, budgets in (("before", before), ("after", after))
        }
        for ident in sorted(before.keys() | after.keys())
    }
    return {ident: load for ident, load in loads.items() if load["before"] != load["after"]}


def _points(site: Site) -> int:
    return sum(len(device.points) for device in site.devices.values())
