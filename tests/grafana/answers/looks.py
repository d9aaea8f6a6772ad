"""What the field options of a panel make of its fields: names, units, states, colours."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.grafana.answers.colours import PALETTE, SCHEMES, colour, on_scheme
from tests.grafana.answers.formats import DATES, as_number, formatted
from tests.grafana.answers.frames import Field, Frame, display_name, is_nothing
from tests.grafana.answers.reducers import reduced

__all__ = ["Display", "configured", "display", "series_colour"]

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Display:
    """A value as it stands in a panel."""

    text: str
    colour: str
    number: float = math.nan
    suffix: str = ""
    share: float = 0.0
    """How far it is from the field's minimum (0) to its maximum (1)."""

    def __str__(self) -> str:
        return self.text + self.suffix


def configured(frames: Sequence[Frame], options: Json) -> list[Frame]:
    """Frames with defaults and overrides of `fieldConfig` in their fields, as `applyFieldOverrides`."""
    found, number = [], 0
    everywhere = [
        value for frame in frames for column in frame.fields if column.type == "number" for value in column.values
        if isinstance(value, int | float) and not math.isnan(value)
    ]  # fmt: skip
    whole = (min(everywhere), max(everywhere)) if everywhere else (None, None)
    for frame in frames:
        fields = []
        for column in frame.fields:
            config = _with_defaults(column.config, options.get("defaults", {}))
            for rule in options.get("overrides", []):
                if _matches(rule["matcher"], column, frame, frames):
                    for prop in rule["properties"]:
                        config = _over(config, prop["id"], prop["value"])
            made = Field(column.name, column.type, column.values, column.labels, config, number)
            low, high = config.get("min"), config.get("max")
            made.range = whole[0] if low is None else low, whole[1] if high is None else high
            number += column.type != "time"
            fields.append(made)
        found.append(Frame(fields, frame.ref, frame.name))
    return found


def _with_defaults(config: Json, defaults: Json) -> dict[str, Any]:
    known = {key: value for key, value in defaults.items() if value is not None}
    custom = {**known.get("custom", {}), **config.get("custom", {})}
    return {**known, **{key: value for key, value in config.items() if value is not None}, "custom": custom}


def _matches(matcher: Json, column: Field, frame: Frame, frames: Sequence[Frame]) -> bool:
    kind, wanted = matcher["id"], matcher["options"]
    if kind == "byFrameRefID":
        return bool(frame.ref == wanted)
    shown = display_name(column, frame, frames)
    if kind == "byName":
        return wanted in {column.name, shown}
    if kind == "byRegexp":
        pattern = wanted[1 : wanted.rindex("/")] if wanted.startswith("/") else f"^{wanted}$"
        return re.search(pattern, shown) is not None
    assert kind == "byType", f"this evaluator does not know the matcher {kind}"
    return bool(column.type == wanted)


def _over(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    path = key.split(".")
    target = config = {**config, "custom": dict(config.get("custom", {}))}
    if path[0] == "custom":
        target, path = config["custom"], path[1:]
    for part in path[:-1]:
        target[part] = dict(target.get(part, {}))
        target = target[part]
    if isinstance(value, list) and isinstance(target.get(path[-1]), list):
        value = [*value, *target[path[-1]]]
    target[path[-1]] = value
    return config


def display(column: Field, value: Any, now: datetime, zone: str) -> Display:
    """A value as `getDisplayProcessor` of @grafana/data shows it."""
    config, unit = column.config, column.config.get("unit")
    is_date = unit is not None and (unit in DATES or unit.startswith("time:"))
    if column.type == "time" and not is_date:
        unit = "dateTimeAsSystem"
    elif not unit and column.type == "string":
        unit = "string"
    number = math.nan if unit == "string" else as_number(value)
    text, suffix, shade = _mapped(config.get("mappings", []), value)
    share = 0.0
    if not math.isnan(number):
        if text is None and not isinstance(value, bool):
            text, suffix = formatted(unit or "none", number, config.get("decimals"), now, zone)
        share = _share(column, number)
        shade = shade or _scale(column, number, share)
    if text is None:
        text = "" if is_nothing(value) else _spelt(value)
        text = text or str(config.get("noValue") or "")
    return Display(text, shade or _scale(column, -math.inf, 0.0), number, suffix, share)


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "NaN" if isinstance(value, float) and math.isnan(value) else str(value)


_SPECIAL: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": is_nothing,
    "nan": lambda value: isinstance(value, float) and math.isnan(value),
    "null+nan": lambda value: is_nothing(value) or (isinstance(value, float) and math.isnan(value)),
    "true": lambda value: value is True or value == "true",
    "false": lambda value: value is False or value == "false",
    "empty": lambda value: value == "",
}


def _mapped(mappings: Sequence[Json], value: Any) -> tuple[str | None, str, str]:
    for mapping in mappings:
        options, result = mapping["options"], None
        if mapping["type"] == "special":
            result = options["result"] if _SPECIAL[options["match"]](value) else None
        elif is_nothing(value):
            continue
        elif mapping["type"] == "value":
            result = options.get(_key(value))
        elif mapping["type"] == "range":
            number, low, high = as_number(value), options.get("from"), options.get("to")
            is_in = (low is None or number >= low) and (high is None or number <= high)
            result = options["result"] if is_in and not math.isnan(number) else None
        if result:
            return result.get("text"), "", colour(result["color"]) if result.get("color") else ""
    return None, "", ""


def _key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _spelt(value)


def _share(column: Field, number: float) -> float:
    low, high = column.range if column.type == "number" else (0, 100)
    if low is None or high is None or high == low:
        return 0.0
    return (number - low) / (high - low)


def _scale(column: Field, number: float, share: float) -> str:
    if column.type == "boolean":
        return colour("green" if number > 0 else "red")
    chosen = column.config.get("color") or {"mode": "thresholds"}
    mode = chosen["mode"]
    if mode == "fixed":
        return colour(chosen.get("fixedColor", "gray"))
    if mode == "palette-classic":
        return PALETTE[column.series % len(PALETTE)]
    if mode in SCHEMES:
        return on_scheme(mode, share)
    assert mode == "thresholds", f"this evaluator does not know the colour mode {mode}"
    thresholds = column.config.get("thresholds") or {"steps": []}
    steps = thresholds["steps"]
    if thresholds.get("mode") == "percentage":
        number = share * 100
    active = steps[0]["color"] if steps else "gray"
    for step in steps:
        if step["value"] is not None and number < step["value"]:
            break
        active = step["color"]
    return colour(active)


def series_colour(column: Field) -> str:
    """The colour of a line: of its last value where the colour depends on values."""
    mode = (column.config.get("color") or {"mode": "thresholds"})["mode"]
    if mode in {"fixed", "palette-classic"}:
        return _scale(column, 0.0, 0.0)
    number = as_number(reduced(column, "last"))
    number = 0.0 if math.isnan(number) else number
    return _scale(column, number, _share(column, number))
