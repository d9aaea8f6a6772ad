"""Panels of what never stops flowing: the least flow of days, and a table of leaks; of meters that count m³."""

from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_COST, USAGE_CURRENCY, base_name
from monitor.grafana.common import MAIN
from monitor.grafana.influxql import Select, call
from monitor.grafana.kinds import Stat, Table, TimeSeries
from monitor.grafana.looks import Look, Override, Step
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import Merge, Only, Organize
from monitor.grafana.usage import COLOURED, DAILY, DAYS, HOUSE, IS_WHOLE, Used, meter_links, series_links

__all__ = ["leaks", "least", "nights"]

_LEAST: Final = base_name("m3")
_LITRES: Final = (Step(None, "green"), Step(1, "orange"), Step(20, "red"))
"""Least flow in litres an hour: 1 is a dripping tap, 20 a running cistern."""


def least(used: Used) -> Panel:
    """The least flow of yesterday at each main meter."""
    litres = f'last("{_LEAST}") * 1000 AS "least"'
    query = Select(
        columns=[litres], source=DAILY, where=[used.is_it, MAIN, IS_WHOLE], variables=HOUSE, by=["device"]
    )
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Least flow yesterday"), width=4, height=4, time_from="3d",
        description="The least flow of any quarter of an hour of the last whole day at each main meter, mostly at"
        " night. Not zero: something runs all day; see the leak table.",
        targets=[Target(query=query, alias="$tag_device")], look=Look(unit="l/h", decimals=0, steps=_LITRES),
    )  # fmt: skip


def leaks(used: Used) -> Panel:
    """One line per meter, the greatest first."""
    by = ("device", "zone", "tenant")
    price = f'sum("{USAGE_COST}") / sum("{USAGE_AMOUNT}")'
    least = [
        f'last("{_LEAST}") * 1000 AS "least"',
        f'last("{_LEAST}") * 24 AS "daily"',
        f'last("{_LEAST}") * 24 * {price} AS "price"',
        call("last", USAGE_CURRENCY, "currency"),
    ]
    stood = used.total(DAILY, [call("last", _LEAST, "stood")], f'"{_LEAST}" < 0.001', by=by)
    looks = {
        "device": Look(name="Meter", links=meter_links(used.uid)),
        "zone": Look(name="Zone"),
        "tenant": Look(name="Tenant"),
        "least": Look(unit="l/h", decimals=0, name="Least flow", steps=_LITRES, custom=COLOURED),
        "Time": Look(unit="day", name="Stood still last", no_value="not for 30 days"),
        "daily": Look(unit="m3", decimals=2, name="A day"),
        "price": Look(decimals=2, name="Cost a day"),
        "currency": Look(name="Currency"),
    }
    return Panel(
        kind=Table(sort="Least flow"), title="Leaks: what never stops", width=14, height=8, time_from=DAYS,
        description="The least flow of any quarter of an hour of the last whole day at each meter, the greatest"
        " first, and what that comes to in a day. Stood still last: the day on which it last stood still for a"
        " quarter.",
        targets=[
            Target(query=used.total(DAILY, least, IS_WHOLE, f'"{_LEAST}" >= 0', by=by)),
            Target(query=stood),
        ],
        reshape=[
            Only("A", Organize(hidden=["Time"])),
            Only("B", Organize(hidden=["stood"])),
            Merge(),
            Organize(names={name: name for name in looks}),
        ],
        overrides=[Override(name=name, look=look) for name, look in looks.items()],
    )  # fmt: skip


def nights(used: Used, width: int = 10) -> Panel:
    """The least flow of each day, meter by meter."""
    said, links = f'"{_LEAST}" * 1000 AS "least"', series_links(used.uid)
    return Panel(
        kind=TimeSeries(stepped=True, fill=0, limits=True, calcs=["lastNotNull", "max"]),
        title=used.titled("Least flow per day"), width=width, height=8, time_from=DAYS,
        look=Look(
            unit="l/h", decimals=0, minimum=0, steps=_LITRES, scheme="palette-classic", links=links,
            custom={"showPoints": "always"},
        ),
        description="The least flow of any quarter of an hour in each day, meter by meter: a step upwards that"
        " stays"
        " is a leak, and shows when it began.",
        targets=[Target(query=used.rows(DAILY, said, IS_WHOLE), alias="$tag_device")],
    )  # fmt: skip
