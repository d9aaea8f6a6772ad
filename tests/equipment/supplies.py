"""A main meter and a valve, and what they say of the supply."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from monitor.equipment.supply import Supplies
from monitor.model import Event, Missing, Origin, Position, Reading, Recorded, Value
from monitor.plant import Supply
from monitor.schema import MONITOR_DEVICE
from monitor.site import Device, Point, Site

__all__ = [
    "MAIN",
    "MINUTE",
    "PHASES",
    "POWER",
    "QUARTER",
    "SECOND",
    "START",
    "VALVE",
    "WATER",
    "events_of",
    "fails",
    "heard",
    "history",
    "itself",
    "site_of",
    "supplies_of",
    "told_of",
    "volts",
]

START = 1_795_378_500_000  # the beginning of a quarter of an hour
SECOND = 1000
MINUTE = 60_000
QUARTER = 15 * MINUTE
PHASES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
MAIN = Device(
    id="main",
    name="Main",
    connection="bus",
    device_class="electricity",
    building="A",
    scan={"fast": 10.0},
    points={name: Point(name=name, unit="V") for name in PHASES},
)
VALVE = Device(
    id="valve",
    name="Valve",
    connection="broker",
    device_class="water",
    expected_every=60.0,
    points={"pressure_low": Point(name="pressure_low")},
)
POWER = Supply(building="A", utility="electricity", device="main", points=PHASES, below=100.0)
WATER = Supply(building="B", utility="water", device="valve", points=("pressure_low",), lost_is=True)


def site_of(*supplies: Supply) -> Site:
    return Site(
        id="hq",
        name="HQ",
        timezone=ZoneInfo("UTC"),
        devices={each.id: each for each in (MAIN, VALVE)},
        supplies=supplies or (POWER, WATER),
    )


def heard(at: int, values: dict[str, Value], device: str = "main", **more: Any) -> Recorded:
    """A reading `at` seconds after the start, recorded when it arrived."""
    time = START + at * SECOND
    more = {"arrived": time, "origin": Origin.POLL, **more}
    reading = Reading(device=device, time=time, values=values, **more)
    return Recorded(Position(1), reading.arrived, reading)


def volts(at: int, *phases: float, **more: Any) -> Recorded:
    every = phases if len(phases) > 1 else phases * 3
    return heard(at, dict(zip(PHASES, every, strict=True)), **more)


def fails(at: int) -> Recorded:
    return heard(at, {}, missing=dict.fromkeys(PHASES, Missing.TIMEOUT))


def itself(at: int, kind: str, **seconds: int) -> Recorded:
    time = START + at * SECOND
    told = {name.rstrip("_"): START + value * SECOND for name, value in seconds.items()}
    event = Event(device=MONITOR_DEVICE, kind=kind, time=time, arrived=time, id=f"{kind}-{at}", attributes=told)
    return Recorded(Position(1), time, event)


def supplies_of(entries: Iterable[Recorded | int], *supplies: Supply) -> Supplies:
    """Take entries; a number is a tick so many seconds after the start."""
    part = Supplies(site_of(*supplies))
    for entry in entries:
        if isinstance(entry, int):
            part.tick(START + entry * SECOND)
        else:
            part.take(entry)
    return part


def history(part: Supplies, building: str = "A") -> list[tuple[float, str]]:
    rows = sorted(row for row in part.rows() if row[0] == building)
    return [((start - START) / SECOND, state) for _, _, start, state, _ in rows]


def events_of(part: Supplies) -> list[Event]:
    return [each for each in part.news() if isinstance(each, Event)]


def told_of(part: Supplies) -> list[tuple[str, float]]:
    return [(each.kind, (each.time - START) / SECOND) for each in events_of(part)]
