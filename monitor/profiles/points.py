"""Turns points as profiles and devices write them into `monitor.site.Point`, in the unit of their names."""

from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from monitor.documents.explain import validate
from monitor.documents.finding import Findings, nearest
from monitor.documents.node import Node, join
from monitor.ports import DriverType
from monitor.profiles.counters import bind_counter, parts
from monitor.profiles.units import UnitMismatch, linear
from monitor.schema import EVENT_KINDS, SUFFIX_UNITS, is_point_name, point_unit
from monitor.site import Point

__all__ = ["bind_events", "bind_points"]

_MAX_POINTS: Final = 2000
_MAX_SCALE: Final = 1e30
_SHOWN: Final = 60


def bind_points(node: Node, path: str, driver: DriverType, findings: Findings) -> dict[str, Point]:
    """Check and bind the mapping of points; those with mistakes are left out and told."""
    if node.kind != "mapping":
        if node.scalar is not None or node.kind == "list":
            findings.error(node, path, "write points as `name: {…}`, one below the other")
        return {}
    if len(node.entries) > _MAX_POINTS:
        findings.error(node, path, f"a device has at most {_MAX_POINTS} points")
        return {}
    points = {}
    for name, entry in node.entries.items():
        where = join(path, str(name)[:_SHOWN])
        if not isinstance(name, str) or not is_point_name(name):
            message = f"`{str(name)[:_SHOWN]}` cannot be a point's name"
            findings.error(entry.key, where, message, allowed="lower-case words joined by `_`, such as `power_w`")
            continue
        if entry.value.kind != "mapping":
            findings.error(entry.value, where, "say where the point is found, such as `{register: input 0}`")
            continue
        point = _bind(name, entry.value, where, driver, findings)
        if point is not None:
            points[name] = point
    return points


def _bind(name: str, node: Node, path: str, driver: DriverType, findings: Findings) -> Point | None:
    source: Any = validate(driver.point_model, node, path, findings)
    if source is None:
        return None
    unit = point_unit(name)
    conversion = _conversion(name, unit, source.unit, node, path, findings)
    if conversion is None:
        return None
    if source.valid is not None and source.valid[0] > source.valid[1]:
        findings.error(node.get("valid") or node, join(path, "valid"), "write `[lowest, highest]`")
        return None
    factor = conversion[0] * Fraction(repr(source.scale))
    offset = conversion[0] * Fraction(repr(source.offset)) + conversion[1]
    if not 1 / _MAX_SCALE <= abs(factor) <= _MAX_SCALE or abs(offset) > _MAX_SCALE:
        findings.error(node.get("scale") or node, join(path, "scale"), "`scale` or `offset` is too large or zero")
        return None
    multiplied, divided = parts(factor)
    point = Point(
        name=name,
        unit=unit,
        factor=multiplied,
        divisor=divided,
        offset=float(offset),
        valid=source.valid,
        scan=source.scan,
        source=source,
    )
    counter = bind_counter(point, node, path, findings)
    return point if counter is None else replace(point, counter=counter)


def _conversion(  # noqa: PLR0913, PLR0917 - a point and where it stands
    name: str, unit: str | None, sent: str | None, node: Node, path: str, findings: Findings
) -> tuple[Fraction, Fraction] | None:
    """Factor and offset from what the device sends to what the name promises; None after telling a mistake."""
    place, where = node.get("unit") or node, join(path, "unit")
    if unit is None and sent is None:
        return Fraction(1), Fraction(0)
    if unit is None:
        suffix = next((suffix for suffix, known in SUFFIX_UNITS.items() if known == sent), "")
        better = f": call it `{name}_{suffix}`" if suffix else ""
        findings.error(
            place,
            where,
            f"the name `{name}` ends with no unit, and the point has one{better}",
            allowed="" if suffix else f"names that end with {', '.join(f'_{end}' for end in SUFFIX_UNITS)}",
        )
        return None
    if sent is None:
        findings.error(
            node,
            where,
            f"`unit` is missing: by its name `{name}` is kept in {unit}; say what the device sends, or name it "
            "differently when it is a state",
            hint=unit,
        )
        return None
    try:
        return linear(sent, unit)
    except UnitMismatch as error:
        findings.error(place, where, f"`{name}` is kept in {unit}, and {error}")
        return None


def bind_events(node: Node, path: str, driver: DriverType, findings: Findings) -> tuple[Any, ...]:
    """Check the list of events of a profile."""
    if driver.event_model is None:
        findings.error(node, path, f"{driver.name} sees no events")
        return ()
    if node.kind != "list":
        findings.error(node, path, "write a list of events, each beginning with `- `")
        return ()
    events = []
    for number, item in enumerate(node.items):
        event = validate(driver.event_model, item, join(path, number), findings)
        if event is None:
            continue
        kind = getattr(event, "kind", "")
        if kind not in EVENT_KINDS:
            allowed = ", ".join(sorted(EVENT_KINDS))
            findings.error(
                item.get("kind") or item,
                join(path, number, "kind"),
                f"there is no such event `{str(kind)[:_SHOWN]}`",
                allowed=allowed,
                hint=nearest(str(kind), EVENT_KINDS),
            )
            continue
        events.append(event)
    return tuple(events)
