"""What dashboards of alarms, doors and equipment share: severities, top lists, lists of what happened, days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from monitor.grafana.influxql import Select, call
from monitor.grafana.kinds import BarGauge, Table
from monitor.grafana.looks import COLOURED, NEUTRAL, Look, Override, State, Step
from monitor.grafana.model import DATA, Panel, Source, Target
from monitor.grafana.reshape import Merge, Organize, Reshape, Sort
from monitor.schema import ALARM_SEVERITY, state_number

__all__ = [
    "ANY_IS_ORANGE",
    "ANY_IS_RED",
    "CAUSES",
    "CHOSEN",
    "COLOURED",
    "HELD",
    "NEUTRAL",
    "RESPONSES",
    "SERIOUS",
    "SEVERITIES",
    "SEVERITY_COLOURS",
    "WORK",
    "Columns",
    "Top",
    "fixed",
    "listed",
]

CHOSEN: Final = ("site", "building", "zone", "device")

ANY_IS_RED: Final = (Step(None, "green"), Step(1, "red"))
ANY_IS_ORANGE: Final = (Step(None, "green"), Step(1, "orange"))

SEVERITY_COLOURS: Final[Mapping[str, str]] = {
    "critical": "dark-red",
    "high": "red",
    "medium": "orange",
    "low": "blue",
}
"""The worst first."""
SERIOUS: Final = f'"{state_number(ALARM_SEVERITY)}" >= 3'
"""Alarms of severity high and critical: what is worth a mark on charts of other things."""
SEVERITIES: Final[Mapping[str, State]] = {
    str(rank): State(name, color)
    for rank, (name, color) in zip((4, 3, 2, 1), SEVERITY_COLOURS.items(), strict=True)
}
"""How the number of a severity is called."""

RESPONSES: Final = {
    "unacked": State("nobody yet", "red"),
    "acked": State("yes", "green"),
    "none": State("not needed", "gray"),
}
"""Whether somebody has said that he looks after an alarm."""
CAUSES: Final = {
    "raised": State("raised", "red"),
    "severity": State("severity changed", "orange"),
    "acknowledged": State("acknowledged", "blue"),
    "recovering": State("recovering", "yellow"),
    "reopened": State("came back", "red"),
    "normal": State("over, waits for reset", "yellow"),
    "reset": State("reset", "green"),
    "cleared": State("over", "green"),
    "closed": State("closed", "gray"),
    "re_alarm": State("told again", "orange"),
    "shelved": State("shelved", "purple"),
    "unshelved": State("off the shelf", "orange"),
    "shelf_expiring": State("shelf ends soon", "purple"),
    "suppressed": State("explained by another", "gray"),
    "unsuppressed": State("on its own again", "orange"),
    "out_of_service": State("out of service", "purple"),
    "returned": State("back in service", "blue"),
    "chattering": State("chatters", "orange"),
    "quiet": State("quiet again", "blue"),
}
"""What the step of an alarm is called."""
HELD: Final = {
    "": State("", "gray"),
    "shelved": State("shelved", "purple"),
    "suppressed": State("explained by another", "gray"),
    "out_of_service": State("out of service", "purple"),
}
"""Why nobody is told of an alarm."""
WORK: Final = {
    "service_due": State("service is due", "red"),
    "service_soon": State("service is due soon", "orange"),
    "serviced": State("service was done", "green"),
    "battery_soon": State("battery runs out", "orange"),
}
"""Services and batteries."""


def fixed(colors: Mapping[str, str]) -> list[Override]:
    """One colour for each series by its name."""
    return [Override(name=name, look=Look(fixed=color)) for name, color in colors.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The greatest of a sum or count by one tag: a bar each, the longest first."""

    said: str
    measurement: str
    by: str
    where: Sequence[str] = ()
    source: Source = DATA
    look: Look = field(default_factory=Look)
    rows: int = 10
    time_from: str | None = None

    def panel(self, title: str, description: str, width: int, height: int) -> Panel:
        """The panel; what has none is left out."""
        found = Select(
            columns=[f'{self.said} AS "much"'],
            source=self.measurement,
            where=self.where,
            variables=CHOSEN,
            by=[self.by],
        )
        top = call("top", "much", "most", str(self.rows))
        query = Select(columns=[top, f'"{self.by}"'], source=found, where=['"much" > 0'])
        return Panel(
            kind=BarGauge(rows=self.rows), title=title, description=description, width=width, height=height,
            time_from=self.time_from,
            targets=[Target(query=query, source=self.source)], tables=True, look=self.look,
            reshape=[Organize(hidden=["Time"]), Sort("most", descending=True)],
        )  # fmt: skip


Columns = Mapping[str, Look]
"""Column of a query -> how it is shown, in the order in which the table shows them."""


def listed(  # noqa: PLR0913 - a panel has that many sides
    query: Select, columns: Columns, title: str, description: str, *,
    width: int = 24, height: int = 9, hidden: Sequence[str] = (), sort: str = "", source: Source = DATA,
    time_from: str | None = None, before: Sequence[Reshape] = (), also: Columns = MappingProxyType({}),
    more: Sequence[Select] = (),
) -> Panel:  # fmt: skip
    """A table of single points, the newest first unless a heading to `sort` by is said.

    `also`: columns that only some answers have, after the others; `before`: what is done to the answers first.
    `more`: questions whose answers are rows of the same table, each with a limit of its own.
    """
    first = next(iter(columns.values())).name or ""
    return Panel(
        kind=Table(sort=sort or first), title=title, description=description, width=width, height=height,
        time_from=time_from, targets=[Target(query=each, source=source) for each in (query, *more)],
        reshape=[
            *([Merge()] if more else []), *before,
            Organize(names={name: name for name in columns}, hidden=hidden),
        ],
        overrides=[
            *(Override(name=name, look=look) for name, look in columns.items()),
            *(Override(pattern=f"/^{name}$/", look=look) for name, look in also.items()),
        ],
    )  # fmt: skip
