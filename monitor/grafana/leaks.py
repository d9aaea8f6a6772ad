"""Panels of what flows at night and never stops, of meters that count m³: last night, all nights, leaks.

A night is from one to five o'clock; its flow is the least mean of an hour.
"""

from typing import Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_COST, USAGE_CURRENCY, USAGE_NIGHT, base_name
from monitor.grafana.common import MAIN
from monitor.grafana.influxql import Select, call
from monitor.grafana.kinds import Stat, Table, TimeSeries
from monitor.grafana.looks import Look, Override, Step
from monitor.grafana.model import Panel, Target
from monitor.grafana.reshape import Merge, Only, Organize
from monitor.grafana.usage import COLOURED, DAILY, DAYS, HOUSE, Used, meter_links, series_links

__all__ = ["leaks", "least", "nights"]

_LEAST: Final = base_name("m3")
_LITRES: Final = (Step(None, "green"), Step(1, "orange"), Step(20, "red"))
"""Least flow in litres an hour: 1 is a dripping tap, 20 a running cistern."""


def least(used: Used, width: int = 4) -> Panel:
    """The least flow of last night at each main meter."""
    litres = f'last("{USAGE_NIGHT}") * 1000 AS "least"'
    query = Select(columns=[litres], source=DAILY, where=[used.is_it, MAIN], variables=HOUSE, by=["device"])
    return Panel(
        kind=Stat(), says_time=True, title=used.titled("Flow last night"), width=width, height=4, time_from="3d",
        description="The least flow of any hour between one and five o'clock at each main meter. Not zero:"
        " something"
        " runs all night; see the leak table.",
        targets=[Target(query=query, alias="$tag_device")], look=Look(unit="l/h", decimals=0, steps=_LITRES),
    )  # fmt: skip


def leaks(used: Used, width: int = 14) -> Panel:
    """One line per meter, the greatest flow of last night first."""
    by = ("device", "zone", "tenant")
    price = f'sum("{USAGE_COST}") / sum("{USAGE_AMOUNT}")'
    night = [
        f'last("{USAGE_NIGHT}") * 1000 AS "least"',
        f'last("{USAGE_NIGHT}") * 24 AS "daily"',
        f'last("{USAGE_NIGHT}") * 24 * {price} AS "price"',
        call("last", USAGE_CURRENCY, "currency"),
    ]
    stood = used.total(DAILY, [call("last", _LEAST, "stood")], f'"{_LEAST}" < 0.001', by=by)
    looks = {
        "device": Look(name="Meter", links=meter_links(used.uid)),
        "zone": Look(name="Zone"),
        "tenant": Look(name="Tenant"),
        "least": Look(unit="l/h", decimals=0, name="Last night", steps=_LITRES, custom=COLOURED),
        "Time": Look(unit="day", name="Stood still last", no_value="not for 30 days"),
        "daily": Look(unit="m3", decimals=2, name="That is a day"),
        "price": Look(decimals=2, name="Cost a day"),
        "currency": Look(name="Currency"),
    }
    return Panel(
        kind=Table(sort="Last night"), title="Leaks: what never stops", width=width, height=8, time_from=DAYS,
        says_time=True,
        description="What flowed through each meter last night in the quietest hour, the greatest first, what that"
        " comes to in a day, and the last day on which the meter stood still for a quarter of an hour.",
        targets=[
            Target(query=used.total(DAILY, night, f'"{_LEAST}" >= 0', by=by)),
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


def nights(used: Used, width: int = 10, *, limits: bool = True) -> Panel:
    """The least flow of each night, meter by meter; `limits`: where a leak may be."""
    said, links = f'"{USAGE_NIGHT}" * 1000 AS "least"', series_links(used.uid)
    return Panel(
        kind=TimeSeries(stepped=True, fill=0, limits=limits, calcs=["lastNotNull", "max"]),
        title=used.titled("Flow at night"), width=width, height=8, time_from=DAYS,
        look=Look(
            unit="l/h", decimals=0, minimum=0, steps=_LITRES, scheme="palette-classic", links=links,
            custom={"showPoints": "always"},
        ),
        description="The least flow of any hour between one and five o'clock, night by night and meter by meter. A"
        " step upwards that stays is a leak, and shows when it began.",
        targets=[Target(query=used.rows(DAILY, said, f'"{USAGE_NIGHT}" >= 0'), alias="$tag_device")],
    )  # fmt: skip
