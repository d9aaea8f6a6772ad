"""A house with doors, pumps and detectors, and books about it that hold what a test puts into them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from monitor.accessbook import AccessEntry, DoorDay, DoorNow, Present, ZoneNow
from monitor.calendars import Hours, Schedule
from monitor.plant import Equipment, Group, Service, Supply
from monitor.reports.books import Books
from monitor.site import Device, Site
from monitor.upkeepbook import (
    Availability,
    Battery,
    EquipmentDay,
    EquipmentNow,
    GroupNow,
    ServiceDone,
    ServiceDue,
    SupplyNow,
    SupplySpan,
)
from monitor.zones import AccessSettings, AccessZone, DoorSettings
from tests.reports.books import BERLIN, Book, moment, period

OCTOBER = period("2026-10")
NOW = moment("2026-11-02T06:00")
DAYS = tuple(OCTOBER.first + timedelta(days=number) for number in range(31))
PSEUDONYM = "9f86d081884c7d659a2feaa0"


def device(ident, name, device_class, **facts) -> Device:
    return Device(id=ident, name=name, connection="bus", device_class=device_class, **facts)


DEVICES = (
    device("front", "Front door", "door", building="A"),
    device("front-in", "Front reader", "access", building="A", door="front", direction="in"),
    device("front-out", "Front reader, inside", "access", building="A", door="front", direction="out"),
    device("front-button", "Front button", "door", building="A", door="front"),
    device("garage", "Garage", "door", building="B"),
    device("garage-in", "Garage reader", "access", building="B", door="garage", direction="in"),
    device("server", "Server room", "door", building="A"),
    device("server-in", "Server room reader", "access", building="A", door="server", direction="in"),
    device("server-out", "Server room reader, inside", "access", building="A", door="server", direction="out"),
    device("pump-1", "Pressure pump 1", "equipment", building="A"),
    device("pump-2", "Pressure pump 2", "equipment", building="A"),
    device("lift", "Lift", "equipment", building="B"),
    device("smoke-1", "Smoke detector stairs", "safety", building="A"),
    device("smoke-2", "Smoke detector cellar", "safety", building="A"),
    device("climate", "Climate attic", "environment", building="A"),
    device("main-electricity", "Main meter", "electricity", building="A"),
)
OIL = Service(id="oil", name="Change the oil", hours=2000.0)


def plant(*more: Device, without: Sequence[str] = (), **facts) -> Site:
    """The house; `facts` replace those of the site."""
    devices = {one.id: one for one in (*DEVICES, *more) if one.id not in without}
    zones = {
        "house": AccessZone(id="house", name="House", doors=("front", "garage"), most=40, reset=180),
        "servers": AccessZone(id="servers", name="Server room", doors=("server",), within="house", passback=True),
    }
    told = {
        "access": AccessSettings(
            zones=zones,
            doors={"garage": DoorSettings(unlocked=Schedule(hours=(Hours(),)))} if "garage" in devices else {},
        ),
        "equipment": {
            one.id: Equipment(services=(OIL,) if one.id == "lift" else ())
            for one in devices.values()
            if one.device_class == "equipment"
        },
        "groups": {"boost": Group(id="boost", name="Pressure", members=("pump-1", "pump-2"))},
        "supplies": (
            Supply(building="A", utility="electricity", device="main-electricity", points=("voltage_l1_v",)),
            Supply(building="A", utility="water", device="water", points=("pressure_bar",)),
            Supply(building="B", utility="electricity", device="annexe", points=("voltage_l1_v",)),
        ),
    }
    return Site(id="maple-court", name="Maple Court", timezone=BERLIN, devices=devices, **told | facts)


@dataclass
class Doorbook:
    """An `AccessBook` of the entries and days that it is given; `asked` are the spans it was asked for."""

    days: Sequence[DoorDay] = ()
    entered: Sequence[AccessEntry] = ()
    asked: list[tuple[int, int]] = field(default_factory=list)

    def doors(self) -> Sequence[DoorNow]:
        return ()

    def zones(self) -> Sequence[ZoneNow]:
        return ()

    async def door_days(self, first: date, last: date) -> Sequence[DoorDay]:
        return sorted((each for each in self.days if first <= each.day <= last), key=lambda d: (d.door, d.day))

    async def present(self) -> Sequence[Present]:
        raise AssertionError("no report asks who is there")

    async def entries(
        self,
        start: int,
        end: int,
        *,
        devices: Sequence[str] = (),
        kinds: Sequence[str] = (),
        credential: str = "",
        limit: int = 10_000,
    ) -> Sequence[AccessEntry]:
        assert not devices
        assert not credential, "no report asks about a person"
        self.asked.append((start, end))
        found = [each for each in self.entered if start <= each.time < end and each.kind in kinds]
        return sorted(found, key=lambda each: each.time)[-limit:]


@dataclass
class Plantbook:
    """An `UpkeepBook`. `away`: device -> spans in which it did not answer, `off`: spans of which nobody knows."""

    runs: Sequence[EquipmentDay] = ()
    now: Sequence[EquipmentNow] = ()
    groups_now: Sequence[GroupNow] = ()
    due: Sequence[ServiceDue] = ()
    finished: Sequence[ServiceDone] = ()
    charged: Sequence[Battery] = ()
    away: dict[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    off: Sequence[tuple[int, int]] = ()
    unheard: Sequence[str] = ()
    spans: Sequence[SupplySpan] = ()

    def equipment(self) -> Sequence[EquipmentNow]:
        return self.now

    def groups(self) -> Sequence[GroupNow]:
        return self.groups_now

    def supply(self) -> Sequence[SupplyNow]:
        return ()

    def services(self) -> Sequence[ServiceDue]:
        return self.due

    def batteries(self) -> Sequence[Battery]:
        return self.charged

    async def days(self, devices: Sequence[str], first: date, last: date) -> Sequence[EquipmentDay]:
        return [each for each in self.runs if each.device in devices and first <= each.day <= last]

    async def done(self, start: int, end: int) -> Sequence[ServiceDone]:
        return [each for each in self.finished if start <= each.time < end]

    async def availability(self, devices: Sequence[str], start: int, end: int) -> Sequence[Availability]:
        return [self._availability(one, start, end) for one in devices if one not in self.unheard]

    def _availability(self, one: str, start: int, end: int) -> Availability:
        cut = [(max(start, begin), min(end, until)) for begin, until in self.away.get(one, ())]
        down = [until - begin for begin, until in cut if begin < until]
        unknown = sum(max(0, min(end, until) - max(start, begin)) for begin, until in self.off)
        return Availability(
            device=one,
            up_s=(end - start - sum(down) - unknown) / 1000,
            down_s=sum(down) / 1000,
            unknown_s=unknown / 1000,
            outages=len(down),
            longest_s=max(down, default=0) / 1000,
        )

    async def supply_spans(self, start: int, end: int) -> Sequence[SupplySpan]:
        """Cut to what was asked for; one that still lasts has no end."""
        return [
            replace(each, start=max(start, each.start), end=None if each.end is None else min(end, each.end))
            for each in self.spans
            if each.start < end and (each.end is None or each.end > start)
        ]


def books(site: Site, access: Doorbook | None = None, upkeep: Plantbook | None = None) -> Books:
    return Books(usage=Book(site), access=access, upkeep=upkeep)


def entry(kind: str, device_: str, at: str | int, door: str = "", **facts) -> AccessEntry:
    """Something that happened; `at`: a local time, or UTC ms."""
    time = moment(at) if isinstance(at, str) else at
    return AccessEntry(
        device=device_, id=f"{kind}-{time}-{facts.pop('n', 0)}", kind=kind, time=time, door=door, **facts
    )


def passage(reader: str, at: str | int, who: str = "", zone: str = "", **facts) -> AccessEntry:
    """A granted card that was used."""
    told = next(one for one in DEVICES if one.id == reader)
    return entry("passage", reader, at, told.door, zone=zone, direction=told.direction, credential=who, **facts)


# A month as it might be -----------------------------------------------------------------------------------


def busy_doors() -> Doorbook:
    """October: people come and go, the contact of the server room shakes, the garage has no button."""
    chance = random.Random(4)
    days, entered = [], []
    for number, day in enumerate(DAYS):
        people = 6 if day.weekday() > 4 else 24 + chance.randrange(8)
        for one in range(people):
            who = f"{one:024x}"
            came = moment(f"{day}T07:00") + chance.randrange(4 * 3_600_000)
            went = came + 4 * 3_600_000 + chance.randrange(5 * 3_600_000)
            entered += [passage("front-in", came, who, "house"), passage("front-out", went, who, "house")]
            for at in (came, went):
                open_s = round(3 + chance.random() * 9, 1)
                entered += [
                    entry("opened", "front", at + 1500, "front"),
                    entry("closed", "front", at + 9000, "front", attributes={"open_s": open_s, "door": "front"}),
                ]
            if one % 6 == 0:
                inside = came + 1_800_000
                entered += [
                    passage("server-in", inside, who, "servers"),
                    passage("server-out", inside + 2_400_000, who, "servers"),
                ]
        if number % 5 == 0:
            entered.append(entry("out_of_hours", "front-in", f"{day}T22:40", "front", zone="house"))
        days += [
            DoorDay(
                door="front",
                day=day,
                opened={"card": 2 * people, "rex": people, "schedule": 4, "none": int(number == 11)},
                forced=int(number == 11),
                granted=2 * people + 2,
                denied=chance.randrange(4),
                unused=2,
                held=int(number % 9 == 0),
                open_s=27.0 * people,
                longest_s=41.0 if number % 9 else 390.0,
            ),
            DoorDay(
                door="garage",
                day=day,
                opened={"card": 9, "unlocked": 2, "none": 14},
                forced=14,
                forced_late=1,
                granted=9,
                open_s=900.0,
                longest_s=95.0,
            ),
            DoorDay(
                door="server",
                day=day,
                opened={"card": people // 6, "none": 3},
                forced=3,
                forced_short=3,
                bounces=2,
                granted=people // 6,
                stuck_s=90.0 if number == 20 else 0.0,
                open_s=60.0,
                longest_s=22.0,
            ),
        ]
    entered += [
        entry("reader_offline", "garage-in", "2026-10-19T02:10", "garage"),
        entry("reader_online", "garage-in", "2026-10-19T08:40", "garage"),
        entry("tamper", "front-in", "2026-10-23T14:02", "front"),
    ]
    return Doorbook(days, entered)


def busy_plant() -> Plantbook:
    """October: pump 2 hardly runs, the lift broke down, a detector fell silent, the power failed twice."""
    chance = random.Random(7)
    runs = []
    for day in DAYS:
        length = 90_000.0 if day == date(2026, 10, 25) else 86_400.0
        for one, mean in (("pump-1", 21_000), ("pump-2", 2_400), ("lift", 6_800)):
            starts = max(1, round(mean / 300 * (0.8 + 0.4 * chance.random())))
            broken = one == "lift" and day in {date(2026, 10, 13), date(2026, 10, 14)}
            runs.append(
                EquipmentDay(
                    device=one,
                    day=day,
                    known_s=length,
                    running_s=0.0 if broken else starts * 300.0,
                    fault_s=43_200.0 if broken else 0.0,
                    starts=0 if broken else starts,
                    failed=int(day == date(2026, 10, 13) and one == "lift"),
                    shortest_s=None if broken else 40.0 + chance.randrange(60),
                )
            )
    return Plantbook(
        runs=runs,
        now=[
            EquipmentNow(device="pump-1", state="running", hours=8123.4, starts=91_002),
            EquipmentNow(device="pump-2", state="off", hours=611.0, starts=5_400),
            EquipmentNow(device="lift", state="off", hours=14_702.0, starts=402_113, is_own=True),
        ],
        groups_now=[
            GroupNow(group="boost", running=("pump-1",), able=("pump-1",), unknown=(), needed=1, reserve=0)
        ],
        due=[
            ServiceDue(
                device="lift",
                service="oil",
                name="Change the oil",
                state="due",
                due=moment("2026-10-30T12:00"),
                hours_left=-12.0,
                last=moment("2025-09-01T10:00"),
            ),
            ServiceDue(
                device="pump-1",
                service="seal",
                name="Look at the seal",
                state="soon",
                due=moment("2026-11-09T00:00"),
                hours_left=88.0,
            ),
            ServiceDue(device="pump-2", service="seal", name="Look at the seal", state="fine", hours_left=1400.0),
        ],
        finished=[
            ServiceDone(
                device="lift",
                service="brake",
                time=moment("2026-10-14T16:20"),
                hours=14_655.0,
                by="Ana Weber",
                note="brake pads changed",
            )
        ],
        charged=[
            Battery(
                device="smoke-2",
                percent=11.0,
                time=NOW,
                low=True,
                per_day=-0.21,
                empty=date(2026, 11, 7),
                days=180,
            ),
            Battery(device="climate", percent=24.0, time=NOW, per_day=-0.5, empty=date(2026, 11, 30), days=90),
            Battery(device="smoke-1", percent=97.0, time=NOW, days=4),
        ],
        away={
            "lift": [(moment("2026-10-13T09:00"), moment("2026-10-14T16:00"))],
            "smoke-2": [(moment("2026-10-27T03:00"), moment("2026-10-28T21:00"))],
            "garage-in": [(moment("2026-10-19T02:10"), moment("2026-10-19T08:40"))],
        },
        spans=supply_of_october(),
    )


def supply_of_october() -> list[SupplySpan]:
    """Building A lost its electricity twice, one phase first; the second time the monitor went off, too."""

    def span(building: str, utility: str, state: str, start: str, end: str | None, *lost: str) -> SupplySpan:
        until = None if end is None else moment(end)
        return SupplySpan(
            building=building, utility=utility, state=state, start=moment(start), end=until, lost=lost
        )

    return [
        span("A", "electricity", "present", "2026-09-01T00:00", "2026-10-06T10:00"),
        span("A", "electricity", "partial", "2026-10-06T10:00", "2026-10-06T10:30", "voltage_l2_v"),
        span("A", "electricity", "lost", "2026-10-06T10:30", "2026-10-06T11:15", "voltage_l1_v", "voltage_l2_v"),
        span("A", "electricity", "present", "2026-10-06T11:15", "2026-10-20T01:00"),
        span("A", "electricity", "lost", "2026-10-20T01:00", "2026-10-20T01:20", "voltage_l1_v"),
        span("A", "electricity", "unknown", "2026-10-20T01:20", "2026-10-20T04:20"),
        span("A", "electricity", "present", "2026-10-20T04:20", None),
        span("A", "water", "lost", "2026-09-30T20:00", "2026-10-01T02:00", "pressure_bar"),
        span("A", "water", "present", "2026-10-01T02:00", "2026-10-31T22:00"),
        span("A", "water", "lost", "2026-10-31T22:00", "2026-11-01T03:00", "pressure_bar"),
        span("A", "water", "present", "2026-11-01T03:00", None),
    ]
