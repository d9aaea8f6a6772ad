"""What electricity, water, gas and heat have in common: questions about what meters used, and where a click leads.

Questions are about `usage_*`, whose rows stand where their local hour, day or month begins. Totals are of the
main meters in the chosen places, whichever meter or tenant is chosen; panels of single meters follow all choices.
Costs are those of all meters with a tariff, as in the report on cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.fieldkeys import (
    USAGE_AMOUNT,
    USAGE_BELOW,
    USAGE_CURRENCY,
    USAGE_PARTIAL,
    USAGE_WEEK_BEFORE,
)
from monitor.grafana.common import MAIN
from monitor.grafana.influxql import VARIABLES, Select, call, equals
from monitor.grafana.looks import COLOURED, NEUTRAL, Link, Look, State, Step
from monitor.grafana.model import DATA, Choice, Target, to
from monitor.schema import MEASUREMENT_USAGE, rate_unit

__all__ = [
    "COLOURED",
    "DAYS",
    "FINE",
    "HOUSE",
    "LESS_IS_BETTER",
    "MONTHS",
    "NEUTRAL",
    "THIS_MONTH",
    "UTILITIES",
    "Used",
    "hourly",
    "meter_links",
    "meters",
    "per_meter",
    "tenants",
    "together",
]

HOUSE: Final = ("site", "building")
"""What totals follow: a place, and no single meter."""
SELDOM: Final = 1200.0
"""Seconds: many meters speak every quarter of an hour, and that is no hole."""
DAYS: Final = "30d"
MONTHS: Final = "1y"
THIS_MONTH: Final = "now/M"

FINE: Final = f"({MAIN} OR {equals('device', '${device:raw}')})"
"""A condition: main meters, and the one meter that is chosen alone.

Readings of dozens of meters over weeks would take seconds. Where all are chosen, no device is called `.*`; where
several are, none is called as all of them together.
"""

HOURLY, DAILY, MONTHLY = (MEASUREMENT_USAGE[each] for each in ("hour", "day", "month"))
IS_WHOLE: Final = equals(USAGE_PARTIAL, 0)
COMPARABLE: Final = f'"{USAGE_WEEK_BEFORE}" >= 0'
HAS_BELOW: Final = f'"{USAGE_BELOW}" >= 0'
UNMETERED: Final = f'"{USAGE_AMOUNT}" - "{USAGE_BELOW}"'

LESS_IS_BETTER: Final = (Step(None, "green"), Step(10, "orange"), Step(30, "red"))
"""Colours of a change in percent."""
USED_AND_BEFORE: Final = (call("sum", USAGE_AMOUNT, "used"), call("sum", USAGE_WEEK_BEFORE, "before"))
"""What `changed` compares."""
WEEKDAYS: Final[Mapping[str, State]] = {
    str(number): State(name, "text")
    for number, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), start=1)
}
TOTAL: Final = Look(
    fixed="text",
    custom={
        "drawStyle": "line",
        "lineInterpolation": "stepAfter",
        "showPoints": "always",
        "lineWidth": 2,
        "fillOpacity": 0,
        "stacking": {"mode": "none", "group": "A"},
    },
)
"""The main meter over its sub-meters: a line around the bars."""
DASHED_RIGHT: Final = {
    "axisPlacement": "right",
    "drawStyle": "line",
    "stacking": {"mode": "none", "group": "B"},
    "lineStyle": {"fill": "dash", "dash": [6, 6]},
    "lineWidth": 2,
    "fillOpacity": 0,
}
"""A share in percent, on an axis of its own."""

PER_DAY: Final = {"drawStyle": "points", "showPoints": "always", "pointSize": 7}
"""A meter beside the bars of the main one."""
ANY_IS_ORANGE: Final = (Step(None, "transparent"), Step(0.001, "orange"))

_ANY: Final = "$__all"

UTILITIES: Final[Mapping[str, str]] = {
    "electricity": "facility-electricity",
    "water": "facility-water",
    "gas": "facility-heating",
    "heat": "facility-heating",
}
"""Utility -> the dashboard where it is shown."""


def meters(*utilities: str) -> Choice:
    """The meters of some utilities in the chosen places, reckoned ones too."""
    return Choice(name="device", measurement=DAILY, among=("site", "building", "zone"), where=[_of(utilities)])


def tenants(*utilities: str) -> Choice:
    """Whose those meters are."""
    return Choice(name="tenant", measurement=DAILY, among=("site", "building", "zone"), where=[_of(utilities)])


def _of(utilities: Sequence[str]) -> str:
    """A condition; of tags alone, since lists of tags know no brackets in old versions."""
    return f'"utility" =~ /^({"|".join(utilities)})$/'


def meter_links(uid: str, device: str = "${__data.fields.device}") -> tuple[Link, ...]:
    """Where a click on a meter leads: the same dashboard with this one, and how well it is read."""
    return (
        Link("This meter alone", to(uid, DATA, *HOUSE, zone=_ANY, device=device, tenant=_ANY)),
        Link("How it is read", to("facility-devices", DATA, *HOUSE, zone=_ANY, device=device)),
    )


def series_links(uid: str) -> tuple[Link, ...]:
    """The same for a click on a line or bar of a chart."""
    return meter_links(uid, "${__field.labels.device}")


def since(past: str) -> str:
    """A condition: not longer ago than `25h`."""
    return f"time > now() - {past}"


def per_meter(measurement: str, point: str, every: str, function: str = "mean", *where: str) -> Select:
    """A point of each chosen meter and interval; holes stay holes."""
    return Select(
        columns=[call(function, point, "value")],
        source=measurement,
        where=where,
        by=["device"],
        every=every,
        fill="null",
    )


def together(measurement: str, point: str) -> Select:
    """The newest value of each main meter, added up."""
    newest = Select(
        columns=[call("last", point, "newest")], source=measurement, where=[MAIN], variables=HOUSE, by=["device"]
    )
    return Select(columns=[call("sum", "newest")], source=newest)


def changed(since: Select) -> Select:
    """How much more is `used` than `before`, in per cent; no answer where nothing was used before.

    InfluxDB 1 would answer 0, as if nothing had changed, and InfluxDB 3 infinity.
    """
    return Select(
        columns=['("used" - "before") / "before" * 100 AS "change"'], source=since, where=['"before" > 0']
    )


def hourly(columns: Sequence[str], *where: str, variables: Sequence[str] = VARIABLES) -> Select:
    """All main meters together per hour."""
    return Select(columns=columns, source=HOURLY, where=where, variables=variables, every="1h", fill="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A utility, and the panels of what its meters used.

    `name` begins a title: `Water`. `unit`: kWh or m3, with so many `digits`. `finer`: factor and unit in which an
    hour is shown in the heat map, such as litres. `is_named`: titles say the name, where a dashboard has several.
    """

    name: str
    utility: str
    unit: str
    digits: int
    finer: tuple[float, str]
    is_named: bool = False

    def titled(self, title: str) -> str:
        """A title: `Today`, or `Gas: today`."""
        if not self.is_named:
            return title
        return f"{self.name}: {title[0].lower() if title[1].islower() else title[0]}{title[1:]}"

    @property
    def uid(self) -> str:
        """The dashboard that shows it."""
        return UTILITIES[self.utility]

    @property
    def rate(self) -> str:
        """The unit of demand and base load."""
        return rate_unit(self.unit)[0]

    @property
    def is_it(self) -> str:
        """The condition for rows of this utility."""
        return equals("utility", self.utility)

    @property
    def look(self) -> Look:
        """How amounts are shown."""
        return Look(unit=self.unit, decimals=self.digits, minimum=0)

    @property
    def load(self) -> Look:
        """How demand and base load are shown."""
        return Look(unit=self.rate, decimals=1 if self.rate == "W" else 3, minimum=0)

    def rows(self, source: str, said: str, *where: str, variables: Sequence[str] = VARIABLES) -> Select:
        """Rows as they are, a series for each meter."""
        where = (self.is_it, *where)
        return Select(columns=[said], source=source, where=where, variables=variables, by=["device"])

    def total(self, source: str, said: Sequence[str], *where: str, by: Sequence[str] = ()) -> Select:
        """One value of the rows of a range; or with `by` one for each of them, as far as they are chosen."""
        variables = VARIABLES if by else HOUSE
        return Select(columns=said, source=source, where=(self.is_it, *where), variables=variables, by=by)

    def currency(self, variables: Sequence[str]) -> Target:
        """A query for the currency, of which `UnitFrom` makes the unit."""
        query = Select(
            columns=[call("last", USAGE_CURRENCY)], source=DAILY, where=[self.is_it], variables=variables
        )
        return Target(query=query, alias=USAGE_CURRENCY)
