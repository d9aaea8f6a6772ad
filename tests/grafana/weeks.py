"""Three weeks of doors, alarms and equipment, told by the monitor's own machines and written by its own sink.

What a dashboard must show is reckoned from the story (`OPENINGS`, `RUNS`, `ALARMS` …), not from what was told.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from monitor.access.machine import Machine as Doors
from monitor.equipment.machine import Machine
from monitor.equipment.tally import Midnights
from monitor.journal.state import State
from monitor.model import Derived, Entry, Event, Origin, Position, Reading, Recorded, Transition, Value
from monitor.periods import DAY, QUARTER
from monitor.plant import Equipment
from monitor.schema import MEASUREMENT_OCCUPANCY, MEASUREMENT_SUPPLY, MONITOR_DEVICE
from monitor.sinks.influxdb import InfluxSink
from monitor.site import Device, InfluxSettings, Point, Rule, Site
from monitor.zones import AccessSettings
from rules.timeline import Timeline
from tests.sinks.site import recorded

__all__ = [
    "ALARMS",
    "DAYS",
    "NOW",
    "OPENINGS",
    "RUNS",
    "SITE",
    "Alarm",
    "Opening",
    "Run",
    "cards",
    "day_of",
    "fill",
]

ZONE: Final = ZoneInfo("Europe/Berlin")
_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000
DAYS: Final = 21
_TODAY: Final = datetime(2026, 11, 19, 15, tzinfo=ZONE)
NOW: Final = round(_TODAY.timestamp() * 1000)
"""A Thursday afternoon, whenever tests run. No clock was changed in the weeks before."""


def at(ago: int, hour: float) -> int:
    """A local time of the day so many days ago (UTC ms)."""
    day = _TODAY.date() - timedelta(days=ago)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZONE).astimezone(UTC)
    return round(noon.timestamp() * 1000 + (hour - 12) * _HOUR)


def day_of(ms: int) -> str:
    """The local day of a moment."""
    return datetime.fromtimestamp(ms / 1000, ZONE).date().isoformat()


class Opening(NamedTuple):
    """A door that was opened: why, and how many seconds it stood open."""

    door: str
    time: int
    cause: str
    stood: float


def _openings() -> Iterator[Opening]:
    for ago in range(DAYS, -1, -1):
        for hour in range(7, 20):
            cause = "rex" if hour % 4 == 3 else "card"
            yield Opening("front-door", at(ago, hour + 0.25), cause, 5.0 + (DAYS - ago) / 2 + hour % 3)
        yield Opening("cellar-door", at(ago, 9.5), "card", 40.0 if ago % 5 == 0 else 8.0)
        if ago % 9 == 4:
            yield Opening("cellar-door", at(ago, 2.5), "none", 20.0)


OPENINGS: Final = tuple(each for each in _openings() if each.time + 10 * _MINUTE < NOW)
HELD_AFTER: Final = 30.0
READERS: Final = {"front-door": "front-reader", "cellar-door": "cellar-reader"}


def cards() -> Iterator[tuple[int, str, str, str]]:
    """Time, reader, result and reason of every card."""
    for each in OPENINGS:
        if each.cause == "card":
            yield each.time - _SECOND, READERS[each.door], "granted", ""
    for ago in range(DAYS, 0, -1):
        yield at(ago, 18.6), "front-reader", "denied", "Expired" if ago % 3 else "Unknown card"


class Run(NamedTuple):
    """A pump that ran: from, and for how long (ms)."""

    device: str
    time: int
    length: int


def _runs() -> Iterator[Run]:
    for ago in range(DAYS, -1, -1):
        for hour in range(24):
            yield Run("pump-1", at(ago, hour) + _MINUTE, (20 + DAYS - ago) * _MINUTE)
            if hour in (7, 18):
                yield Run("pump-2", at(ago, hour) + 5 * _MINUTE, 12 * _MINUTE)


RUNS: Final = tuple(
    sorted((each for each in _runs() if each.time + each.length < NOW), key=lambda each: each.time)
)


class Alarm(NamedTuple):
    """An alarm, and after how many seconds it was acknowledged and over (None: not yet)."""

    rule: str
    device: str
    severity: str
    time: int
    acknowledged: int | None
    over: int | None
    point: str = ""


def _alarms() -> Iterator[Alarm]:
    for ago in range(DAYS - 1, 0, -1):
        yield Alarm("door-held", "cellar-door", "medium", at(ago, 9.6), 120 + 60 * (ago % 4), 3600 + 60 * ago)
        if ago % 9 == 4:
            yield Alarm("door-forced", "cellar-door", "high", at(ago, 2.5), 30 * ago, 7200)
    for number in range(8):
        yield Alarm("high-power", "e-main", "low", at(2, 10 + number / 4), None, 240, "power_w")
    yield Alarm("leak", "laundry-leak", "critical", at(4, 16), 90, 5400, "alarm")
    yield Alarm("pump-fault", "pump-2", "high", NOW - 5 * _HOUR, 600, None, "fault")
    yield Alarm("gas", "boiler-gas", "critical", NOW - 2 * _HOUR, None, None, "alarm")
    yield Alarm("door-held", "front-door", "medium", NOW - _HOUR, None, 300)


ALARMS: Final = tuple(sorted(_alarms(), key=lambda each: each.time))


def _device(ident: str, device_class: str, zone: str, *points: str, **more: Any) -> Device:
    found = {name: Point(name=name) for name in points}
    name = ident.replace("-", " ").capitalize()
    return Device(
        id=ident,
        name=name,
        connection="bus",
        device_class=device_class,
        building="A",
        zone=zone,
        points=found,
        **more,
    )


_PLAN: Final = Equipment(running="running", fault="fault", called="called")
SITE: Final = Site(
    id="hq", name="HQ", timezone=ZONE,
    devices={
        each.id: each
        for each in (
            _device("front-door", "door", "entrance", "open", "battery_pct"),
            _device("cellar-door", "door", "basement", "open", "battery_pct"),
            _device("front-reader", "access", "entrance", door="front-door"),
            _device("cellar-reader", "access", "basement", door="cellar-door"),
            _device("front-button", "access", "entrance", door="front-door"),
            _device("pump-1", "equipment", "plant room", "running", "fault", "called"),
            _device("pump-2", "equipment", "plant room", "running", "fault", "called"),
            _device("lift", "equipment", "riser", "fault"),
            _device("laundry-leak", "safety", "basement", "alarm", "battery_pct"),
            _device("boiler-gas", "safety", "boiler room", "alarm", "concentration_pct_lel"),
            _device("e-main", "electricity", "plant room", "power_w", role="main"),
        )
    },
    rules={
        ident: Rule(
            id=ident, name=ident.replace("-", " ").capitalize(), kind="event", params=None, sources=(), version="1"
        )
        for ident in ("door-held", "door-forced", "high-power", "leak", "pump-fault", "gas")
    },
    equipment=dict.fromkeys(("pump-1", "pump-2"), _PLAN),
    access=AccessSettings(held_after=HELD_AFTER, pseudonyms=True),
)  # fmt: skip


def _event(kind: str, device: str, moment: int, **attributes: Value) -> Event:
    ident = f"{kind}-{device}-{moment}"
    return Event(device=device, kind=kind, time=moment, arrived=moment, id=ident, attributes=attributes)


def _said(device: str, moment: int, **values: Value) -> Reading:
    return Reading(device=device, time=moment, arrived=moment, values=values, origin=Origin.PUSH)


def _at_doors() -> list[Entry]:
    """What contacts, readers and the exit button said."""
    told: list[Entry] = [_said(door, at(DAYS, 0), open=False, battery_pct=80) for door in READERS]
    for moment, reader, result, reason in cards():
        told.append(
            _event("card", reader, moment, result=result, reason=reason, credential="pseudonym", direction="in")
        )
    for each in OPENINGS:
        shut = each.time + round(each.stood * 1000)
        told += [_said(each.door, each.time, open=True), _said(each.door, shut, open=False)]
        if each.cause == "rex":
            told.append(_event("rex", "front-button", each.time - _SECOND))
        told += [_said("e-main", each.time + 5 * _SECOND * tick, power_w=4000.0) for tick in range(1, 24)]
    return sorted(told, key=lambda entry: getattr(entry, "time", 0))


def _doors() -> Iterator[Entry]:
    """The same, and what the monitor saw in it."""
    machine = Doors(SITE)
    machine.began = Position(0)
    for position, entry in enumerate(_at_doors(), start=1):
        yield entry
        yield from machine.handle(Recorded(Position(position), getattr(entry, "time", 0), entry))
    for ago in (12, 6, 1):
        late = Event(
            device="cellar-reader", kind="out_of_hours", time=at(ago, 3), arrived=at(ago, 4), id=f"late-{ago}",
            attributes={"direction": "in"},
        )  # fmt: skip
        yield late
    yield _event("tamper", "cellar-reader", at(3, 14))
    yield _event("reader_offline", "front-reader", at(2, 14))
    yield _event("reader_online", "front-reader", at(2, 14.2))
    for ago in range(DAYS, -1, -1):
        for hour in range(24):
            if at(ago, hour) < NOW:
                count = max(0, 12 - abs(12 - hour) * 2)
                values = {"count": count, "known": count // 2}
                yield _derived(MEASUREMENT_OCCUPANCY, MONITOR_DEVICE, at(ago, hour), values, zone="house")


def _derived(measurement: str, device: str, moment: int, values: dict[str, Value], **attributes: str) -> Derived:
    return Derived(
        producer="test", key="", device=device, time=moment, measurement=measurement, values=values,
        attributes=attributes,
    )  # fmt: skip


def _pumps() -> Iterator[Entry]:
    for ident in ("pump-1", "pump-2"):
        timeline = Timeline()
        timeline.now = at(DAYS, 0) - QUARTER
        machine = Machine(SITE.devices[ident], _PLAN, timeline, Midnights(ZONE))
        moments: list[tuple[int, bool | None]] = [(timeline.now, False)]
        moments += [(moment, None) for moment in range(at(DAYS, 0), NOW, QUARTER)]
        for run in RUNS:
            if run.device == ident:
                moments += [(run.time, True), (run.time + run.length, False)]
        for moment, runs in sorted(moments, key=lambda each: (each[0], each[1] is None)):
            timeline.now = moment
            if runs is None:
                machine.tick()
            else:
                reading = _said(
                    ident, moment, running=runs, called=runs, fault=ident == "pump-2" and moment > NOW - 5 * _HOUR
                )
                machine.take(reading)
                yield reading
            yield from machine.news()
    yield _said("lift", NOW - DAY, fault=False)
    yield _said("pump-2", NOW - 4 * _HOUR, fault=True)
    yield _event("failed_to_start", "pump-1", at(9, 6))
    yield _event("took_over", "pump-2", at(9, 6.001), **{"for": "pump-1"})
    yield _event("service_soon", "pump-1", at(8, 8), service="seals", name="Change the seals", due="2026-12-03")
    yield _event("battery_soon", "cellar-door", at(6, 8), percent=12.0, days_left=20)


def _plant() -> Iterator[Entry]:
    for ago in range(DAYS, -1, -1):
        for hour in range(0, 24, 3):
            if (moment := at(ago, hour)) < NOW:
                alarm = ago == 4 and hour == 15
                yield _said("laundry-leak", moment, alarm=alarm, battery_pct=100.0 - (DAYS - ago))
                if moment < NOW - 2 * _HOUR:
                    yield _said("boiler-gas", moment, alarm=False, concentration_pct_lel=float(hour % 4))
    yield _said("boiler-gas", NOW - 2 * _HOUR, alarm=True, concentration_pct_lel=24.0)
    for utility, device in (("water", "e-main"), ("electricity", "e-main")):
        spans = [(moment, "present") for moment in range(at(DAYS, 0), NOW, QUARTER)]
        if utility == "water":
            spans = [(moment, _of_water(moment)) for moment, _ in spans]
            yield _event("supply_lost", device, at(5, 10), utility=utility, building="A", points="pressure_ok")
            yield _event("supply_back", device, at(5, 11.5), utility=utility, building="A", lost_s=5400)
        for moment, state in spans:
            values: dict[str, Value] = {"state": state, "present": state == "present"}
            yield _derived(MEASUREMENT_SUPPLY, device, moment, values, utility=utility, building="A")


def _steps() -> Iterator[Transition]:
    number = 0
    for index, alarm in enumerate(ALARMS):
        steps = [("raised", 0), ("acknowledged", alarm.acknowledged), ("cleared", alarm.over)]
        acknowledged = False
        for cause, after in sorted((each for each in steps if each[1] is not None), key=lambda each: each[1] or 0):
            number += 1
            acknowledged |= cause == "acknowledged"
            is_over = cause == "cleared"
            yield Transition(
                number=number, cause=cause, time=alarm.time + (after or 0) * 1000, occurrence=f"o-{index}",
                rule=alarm.rule, device=alarm.device, severity=alarm.severity,
                source_key=f"{alarm.device}/{alarm.point}" if alarm.point else alarm.device,
                condition="clear" if is_over else "active",
                response="acked" if acknowledged else "unacked",
                value=6100.0 if alarm.rule == "high-power" else None,
                limit=6000.0 if alarm.rule == "high-power" else None,
            )  # fmt: skip


def _of_water(moment: int) -> str:
    return "lost" if at(5, 10) <= moment < at(5, 11.5) else "present"


async def fill(url: str, folder: Path) -> None:
    """Write it all, in the order of time, into `facility` and `facility-access`."""
    state = State.open(folder / "state.db")
    sink = InfluxSink(InfluxSettings(url=url, bucket="facility"), SITE, state)
    told = [*_doors(), *_pumps(), *_plant(), *_steps()]
    batch = recorded(*sorted(told, key=lambda entry: getattr(entry, "time", 0)))
    for begin in range(0, len(batch), 5000):
        await sink.write(batch[begin : begin + 5000])
    await sink.close()
    await state.close()
