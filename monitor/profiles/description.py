"""What a profile says, as people read it: the rows of its points and events, whatever protocol reads them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.documents.node import Node
from monitor.profiles.library import Bound, Profile
from monitor.profiles.variants import overlaid

__all__ = ["PointRow", "event_rows", "facts_of", "point_rows"]

_COMMON: Final = frozenset({"unit", "valid", "scan"})
_PLACE: Final = ("register", "topic", "json", "key", "text")
_HIDDEN: Final = frozenset({"identify"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One point: its name, the unit it is kept in, where it is found, how it is sent, its range and scan class."""

    name: str
    unit: str
    where: str
    sent: str
    valid: str
    scan: str


def _node(profile: Profile, variant: str) -> Node:
    return overlaid(profile.node, profile.variants[variant]) if variant else profile.node


def point_rows(profile: Profile, bound: Bound, variant: str = "") -> list[PointRow]:
    """The points as a driver bound them, in the order of the profile."""
    node = _node(profile, variant).get("points")
    rows = []
    for name, point in bound.points.items():
        written: Mapping[str, Any] = {}
        if node is not None and name in node.entries:
            written = node.entries[name].value.plain()
        valid = "" if point.valid is None else f"{point.valid[0]:g} to {point.valid[1]:g}"
        rows.append(
            PointRow(
                name=name,
                unit=point.unit or "",
                where=" ".join(_place(written)),
                sent=_sent(written),
                valid=valid,
                scan=point.scan,
            )
        )
    return rows


def _place(written: Mapping[str, Any]) -> Iterator[str]:
    for key in _PLACE:
        if key in written:
            yield "the whole payload" if key == "text" else str(written[key])
    if "bit" in written:
        yield f"bit {written['bit']}"


def _sent(written: Mapping[str, Any]) -> str:
    """Type, order, unit, scaling and meaning, as they are written."""
    told = [str(written[key]) for key in ("type", "order", "unit") if key in written]
    rest = {key: value for key, value in written.items() if key not in {*_COMMON, *_PLACE, "type", "order", "bit"}}
    told += [f"{key} {_raw(value) if key == 'sentinels' else spoken(value)}" for key, value in rest.items()]
    return ", ".join(told)


def _raw(value: Any) -> str:
    """Raw contents of registers, in hexadecimal; a range by its ends."""
    if isinstance(value, list):
        return ", ".join(
            f"{_raw(one[0])} to {_raw(one[-1])}" if isinstance(one, list) else _raw(one) for one in value
        )
    return f"0x{value:X}" if isinstance(value, int) else spoken(value)


def spoken(value: Any) -> str:
    """A value as it would be written on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{spoken(key)}: {spoken(kept)}" for key, kept in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spoken, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def event_rows(profile: Profile, variant: str = "") -> list[tuple[str, str]]:
    """The events: their kind, and how they are told."""
    node = _node(profile, variant).get("events")
    written = [] if node is None else node.plain()
    return [
        (
            str(one.get("kind", "")),
            ", ".join(f"{key} {spoken(kept)}" for key, kept in one.items() if key != "kind"),
        )
        for one in written
        if isinstance(one, Mapping)
    ]


def facts_of(profile: Profile, driver: str, variant: str = "") -> list[tuple[str, str]]:
    """What the block of a protocol says: keys and values."""
    block = _node(profile, variant).get(driver)
    written = {} if block is None else block.plain()
    if not isinstance(written, Mapping):
        return []
    return [(str(key), spoken(kept)) for key, kept in written.items() if key not in _HIDDEN]
