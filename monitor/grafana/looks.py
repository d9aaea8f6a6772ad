"""How a value is shown: unit, digits, colours, names of states, where a click leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "CHARGE",
    "COLOURED",
    "EN_50160",
    "NEUTRAL",
    "UNITS",
    "Json",
    "Link",
    "Look",
    "Override",
    "State",
    "Step",
    "grafana_unit",
]

Json = dict[str, Any]

UNITS: Final[Mapping[str, str]] = {
    "W": "watt",
    "V": "volt",
    "A": "amp",
    "Hz": "hertz",
    "kWh": "suffix:kWh",
    "m3": "suffix:m³",
    "m3/h": "suffix:m³/h",
    "degC": "celsius",
    "%": "percent",
    "%LEL": "suffix:% LEL",
    "ppm": "ppm",
    "hPa": "pressurehpa",
    "bar": "pressurebar",
    "kg": "suffix:kg",
    "s": "s",
    "ms": "ms",
    "h": "suffix:h",
    "MB": "decmbytes",
    "time": "dateTimeAsLocal",
    "day": "time:YYYY-MM-DD",
    "minute": "time:YYYY-MM-DD HH:mm",
    "ago": "dateTimeFromNow",
    "": "none",
}
"""Unit -> Grafana's name of it. Energy keeps its kWh, as on the bill, however much it is."""


def grafana_unit(unit: str) -> str:
    """Grafana's name of a unit; one that it does not know, such as a currency, is put behind the number."""
    return UNITS.get(unit, f"suffix:{unit}")


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on (None: from the start) a value has this colour."""

    value: float | None
    color: str


NEUTRAL: Final = (Step(None, "text"),)
"""A number that is neither good nor bad."""
CHARGE: Final = (Step(None, "red"), Step(15, "orange"), Step(30, "green"))
"""Percent of a battery: it is changed below 15."""
COLOURED: Final = {"cellOptions": {"type": "color-background", "mode": "basic"}}
"""A cell whose background is coloured."""
EN_50160: Final = (Step(None, "red"), Step(207, "green"), Step(253, "red"))
"""Voltage in V of a phase against neutral: 230 V and ten per cent more or less are in order (EN 50160)."""


@dataclass(frozen=True, slots=True)
class State:
    """How a value that is a state is called, and its colour."""

    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click leads: an address relative to Grafana; `${__data.fields.device}` is a column of the row."""

    title: str
    url: str

    def json(self) -> Json:
        """The link as Grafana stores it."""
        return {"title": self.title, "url": self.url, "targetBlank": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is left at None is as Grafana or the panel has it. `custom`: what only one kind of panel knows.

    `scheme`: a colour scheme of Grafana, such as `continuous-GrYlRd`, in place of the steps; `fixed`: one colour.
    """

    unit: str | None = None
    decimals: int | None = None
    steps: Sequence[Step] | None = None
    states: Mapping[str, State] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    no_value: str | None = None
    name: str | None = None
    scheme: str | None = None
    fixed: str | None = None
    links: Sequence[Link] = ()
    custom: Mapping[str, Any] = field(default_factory=dict)

    def properties(self) -> Json:
        """Every property that is said, by Grafana's name of it; `custom` apart."""
        found: Json = {
            "unit": None if self.unit is None else grafana_unit(self.unit),
            "decimals": self.decimals,
            "min": self.minimum,
            "max": self.maximum,
            "noValue": self.no_value,
            "displayName": self.name,
            "links": [link.json() for link in self.links] or None,
            "color": self._color(),
            "thresholds": None if self.steps is None else _thresholds(self.steps),
            "mappings": [_mapping(self.states)] if self.states else None,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _color(self) -> Json | None:
        if self.fixed is not None:
            return {"mode": "fixed", "fixedColor": self.fixed}
        if self.scheme is not None:
            return {"mode": self.scheme}
        return {"mode": "thresholds"} if self.steps is not None or self.states else None

    def over(self, base: "Look") -> Json:
        """The defaults of a panel: this look on top of the one of its kind."""
        defaults = {"mappings": [], **base.properties(), **self.properties()}
        return defaults | {"custom": {**base.custom, **self.custom}}


def _thresholds(steps: Sequence[Step]) -> Json:
    return {"mode": "absolute", "steps": [{"value": step.value, "color": step.color} for step in steps]}


def _mapping(states: Mapping[str, State]) -> Json:
    options = {
        value: {"text": state.text, "color": state.color, "index": index}
        for index, (value, state) in enumerate(states.items())
    }
    return {"type": "value", "options": options}


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Another look for some series or columns: of one `name`, of those that match a `pattern`, or of a query."""

    name: str = ""
    pattern: str = ""
    query: str = ""
    look: Look = field(default_factory=Look)
    hidden: bool = False

    def json(self) -> Json:
        """The override as Grafana stores it."""
        matcher, options = "byName", self.name
        if self.pattern:
            matcher, options = "byRegexp", self.pattern
        elif self.query:
            matcher, options = "byFrameRefID", self.query
        properties = [{"id": key, "value": value} for key, value in self.look.properties().items()]
        properties += [{"id": f"custom.{key}", "value": value} for key, value in self.look.custom.items()]
        if self.hidden:
            properties.append({"id": "custom.hidden", "value": True})
        return {"matcher": {"id": matcher, "options": options}, "properties": properties}
