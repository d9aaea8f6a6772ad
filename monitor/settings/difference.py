"""What a new site file changes against the one that runs: for the person who reloads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from monitor.site import Site

__all__ = ["Difference", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Ids that are added, removed or changed, by section; `points` is how many points more or fewer are read.

    `sections` names the other sections that differ. It says nothing of secrets but that they differ.
    """

    added: Mapping[str, tuple[str, ...]]
    removed: Mapping[str, tuple[str, ...]]
    changed: Mapping[str, tuple[str, ...]]
    sections: tuple[str, ...]
    points: int

    def as_json(self) -> dict[str, Any]:
        """Answer it ready for JSON."""
        return asdict(self)


_BY_ID = {"connections", "devices", "rules", "notify", "files"}
"""Fields of a site that are not compared whole."""


def difference(old: Site, new: Site) -> Difference:
    """Compare two sites; what only moved in its file is no difference."""
    sections: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "connections": (old.connections, new.connections),
        "devices": (old.devices, new.devices),
        "rules": (old.rules, new.rules),
        "people": (old.notify.people, new.notify.people),
        "teams": (old.notify.teams, new.notify.teams),
    }
    names = [field.name for field in fields(Site) if field.name not in _BY_ID]
    others = [name for name in names if getattr(old, name) != getattr(new, name)]
    if old.notify.routes != new.notify.routes:
        others.append("routes")
    return Difference(
        added={name: tuple(sorted(after.keys() - before.keys())) for name, (before, after) in sections.items()},
        removed={name: tuple(sorted(before.keys() - after.keys())) for name, (before, after) in sections.items()},
        changed={
            name: tuple(sorted(key for key in before.keys() & after.keys() if before[key] != after[key]))
            for name, (before, after) in sections.items()
        },
        sections=tuple(others),
        points=_points(new) - _points(old),
    )


def _points(site: Site) -> int:
    return sum(len(device.points) for device in site.devices.values())
