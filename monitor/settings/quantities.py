"""Turns the quantities of a rule into the unit of the points that it watches."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from monitor.documents.finding import Findings
from monitor.documents.node import Node, join
from monitor.fields import Difference, Quantity
from monitor.profiles.units import UnitMismatch, convert
from monitor.settings.model import Occasion

__all__ = ["converted", "quantities"]

DIFFERENCES: Final = frozenset({"deadband", "hysteresis"})
"""Keys whose quantity is a difference: of degrees only the size counts, not the zero."""


def quantities(value: Any) -> Iterator[Quantity]:
    """All quantities in a model that are in the unit of the rule's points, however deep."""
    if isinstance(value, Quantity):
        yield value
    elif isinstance(value, Occasion):
        return  # in the unit of its own point
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from quantities(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from quantities(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from quantities(item)


def converted(value: Any, unit: str | None, point: str, node: Node, path: str, findings: Findings) -> Any:  # noqa: PLR0913, PLR0917 - a value, what it becomes, and where it stands
    """The same model with every quantity in `unit`; what does not fit is told at its place."""
    if isinstance(value, Quantity):
        return _one(value, unit, point, node, path, findings)
    if isinstance(value, BaseModel) and not isinstance(value, Occasion):
        changes = {}
        for name, info in type(value).model_fields.items():
            key = info.alias or name
            before = getattr(value, name)
            after = converted(before, unit, point, node.get(key) or node, join(path, key), findings)
            if after is not before:
                changes[name] = after
        return value.model_copy(update=changes) if changes else value
    if isinstance(value, list | tuple):
        parts = [
            converted(item, unit, point, _item(node, number), join(path, number), findings)
            for number, item in enumerate(value)
        ]
        same = all(one is other for one, other in zip(parts, value, strict=True))
        return value if same else type(value)(parts)
    if isinstance(value, dict):
        items = {
            key: converted(item, unit, point, node.get(key) or node, join(path, key), findings)
            for key, item in value.items()
        }
        return value if all(items[key] is value[key] for key in value) else items
    return value


def _item(node: Node, number: int) -> Node:
    return node.items[number] if node.kind == "list" and number < len(node.items) else node


def _one(value: Quantity, unit: str | None, point: str, node: Node, path: str, findings: Findings) -> Quantity:  # noqa: PLR0913, PLR0917 - as above
    if unit is None:
        if value.unit:
            findings.error(
                node, path, f"`{point}` has no unit: write the bare number", hint=f"{value.magnitude:g}"
            )
        return value
    if not value.unit:
        findings.error(
            node, path, f"`{point}` is in {unit}: write the unit too", hint=f"{value.magnitude:g} {unit}"
        )
        return value
    is_difference = isinstance(value, Difference) or path.rpartition(".")[2] in DIFFERENCES
    try:
        magnitude = convert(value.magnitude, value.unit, unit, difference=is_difference)
    except UnitMismatch as error:
        findings.error(
            node, path, f"`{point}` is in {unit}, and {error}", allowed=f"{unit} and units that convert to it"
        )
        return value
    return type(value)(magnitude, unit)
