"""What health says of devices, and the history that is made of it."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from monitor.equipment.availability import Availability, availability
from monitor.model import Derived, Event, Position, Recorded
from monitor.schema import MEASUREMENT_HEALTH, MONITOR_DEVICE
from monitor.site import Device, Point, Site
from monitor.upkeepbook import Availability as Figures

__all__ = [
    "BY_HAND",
    "HOUR",
    "LEAK",
    "MINUTE",
    "PUMP",
    "SECOND",
    "START",
    "Row",
    "figures_of",
    "health_says",
    "itself",
    "minute_ended",
    "recorded",
    "rows_of",
    "site_of",
]

START = 1_795_378_560_000  # the beginning of a minute
SECOND = 1000
MINUTE = 60_000
HOUR = 60 * MINUTE
PUMP = Device(id="pump", name="Pump", connection="bus", device_class="equipment", scan={"fast": 10.0})
LEAK = Device(
    id="leak",
    name="Leak",
    connection="broker",
    device_class="safety",
    expected_every=3600.0,
    points={"alarm": Point(name="alarm")},
)
BY_HAND = Device(id="cellar", name="Cellar", connection="", device_class="water", by_hand=True)
Row = tuple[str, int, str]


def site_of(*devices: Device) -> Site:
    every = devices or (PUMP, LEAK, BY_HAND)
    return Site(id="hq", name="HQ", timezone=ZoneInfo("UTC"), devices={each.id: each for each in every})


def recorded(entry: Event | Derived) -> Recorded:
    return Recorded(Position(1), entry.time, entry)


def health_says(at: int, state: str, was: str = "answering", device: str = "pump") -> Recorded:
    time = START + at
    attributes = {"state": state, "was": was}
    return recorded(
        Event(device=device, kind="health", time=time, arrived=time, id=f"health-{time}", attributes=attributes)
    )


def minute_ended(at: int, state: str, *, up: bool, device: str = "pump") -> Recorded:
    return recorded(
        Derived(
            producer="health",
            key="",
            device=device,
            time=START + at,
            measurement=MEASUREMENT_HEALTH,
            values={"up": up, "state": state},
        )
    )


def itself(at: int, kind: str, **attributes: int) -> Recorded:
    told = {name.rstrip("_"): START + value for name, value in attributes.items()}
    time = START + at
    return recorded(
        Event(device=MONITOR_DEVICE, kind=kind, time=time, arrived=time, id=f"{kind}-{at}", attributes=told)
    )


def rows_of(entries: Iterable[Recorded], site: Site | None = None) -> list[Row]:
    part = Availability(site or site_of())
    for entry in entries:
        part.take(entry)
    return sorted(part.rows())


def figures_of(entries: Iterable[Recorded], start: int, end: int, now: int | None = None) -> Figures:
    rows = rows_of(entries)
    return availability(rows, ["pump"], START + start, START + end, START + (end if now is None else now))[0]
