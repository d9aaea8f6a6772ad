"""Frames and fields, and how they are called."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["UNDEFINED", "Field", "Frame", "display_name", "guess_type", "is_nothing"]


class _Undefined:
    """JavaScript's undefined, which is another thing than null: `null - 1` is -1, `undefined - 1` is NaN."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = _Undefined()


def is_nothing(value: Any) -> bool:
    return value is None or value is UNDEFINED


@dataclass(slots=True)
class Field:
    """A column: `type` is time, number, string, boolean or other; `config` as in a dashboard's field options."""

    name: str
    type: str
    values: list[Any]
    labels: dict[str, str] | None = None
    config: dict[str, Any] = field(default_factory=dict)
    series: int = 0
    """Which series of the panel it is, for the palette."""
    range: tuple[float | None, float | None] = (None, None)


@dataclass(slots=True)
class Frame:
    """Columns of one length."""

    fields: list[Field]
    ref: str = ""
    name: str = ""

    @property
    def length(self) -> int:
        return len(self.fields[0].values) if self.fields else 0


def display_name(column: Field, frame: Frame | None = None, frames: Sequence[Frame] = ()) -> str:
    """What a field is called, as `getFieldDisplayName` of @grafana/data."""
    if column.config.get("displayName"):
        return str(column.config["displayName"])
    if frame is not None and column.config.get("displayNameFromDS"):
        return str(column.config["displayNameFromDS"])
    if column.type == "time" and not column.labels:
        return column.name
    parts = []
    if len({each.name for each in frames}) > 1 and frame is not None and frame.name:
        parts.append(frame.name)
    framed = bool(parts)
    if column.name != "Value":
        parts.append(column.name)
    labelled = False
    if column.labels and frame is not None:
        single = _single_label(frames or [frame])
        if single is None:
            shown = "{" + ", ".join(f'{key}="{value}"' for key, value in column.labels.items()) + "}"
        else:
            shown = column.labels.get(single, "")
        labelled = bool(shown)
        parts += [shown] if shown else []
    if frame is not None and not framed and not labelled and column.name == "Value" and frame.name:
        parts.append(frame.name)
    found = " ".join(parts) or column.name
    return _unique(column, frame) if found == column.name else found


def _single_label(frames: Sequence[Frame]) -> str | None:
    names = {key for frame in frames for column in frame.fields for key in column.labels or ()}
    return names.pop() if len(names) == 1 else None


def _unique(column: Field, frame: Frame | None) -> str:
    if frame is None:
        return column.name
    same = [each for each in frame.fields if each.name == column.name]
    if len(same) < 2 or all(each is not column for each in same):
        return column.name
    place = next(index for index, each in enumerate(same) if each is column)
    return f"{column.name} {max(place, 0) + 1}"


def guess_type(values: Sequence[Any]) -> str:
    """The type of values whose field does not say."""
    for value in values:
        if is_nothing(value):
            continue
        if isinstance(value, bool):
            return "boolean"
        return "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "other"
    return "other"
