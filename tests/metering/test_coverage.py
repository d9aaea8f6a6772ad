"""How many samples came, were late or were lost, and why: entries at given times, and what is told of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from monitor.figures import DayCoverage
from monitor.metering.coverage import Coverage
from monitor.model import Entry, Event, Missing, Origin, Position, Reading, Recorded
from monitor.schema import MONITOR_DEVICE
from monitor.site import Connection, Counter, Device, Point, Site, Virtual

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")

START = round(datetime(2026, 3, 10, 12, 0, 20, tzinfo=BERLIN).timestamp() * 1000)
TODAY = date(2026, 3, 10)
TOMORROW = date(2026, 3, 11)
TO_MIDNIGHT = 12 * 60
"""Slots of a minute from START to the end of its local day."""

ENERGY = Point(name="energy_import_kwh", unit="kWh", counter=Counter())
POWER = Point(name="power_w", unit="W")
MISSED = {"energy_import_kwh": Missing.TIMEOUT}


def polled(device: str, connection: str = "bus", scan: Mapping[str, float | None] | None = None) -> Device:
    """A meter that is asked each minute."""
    return Device(
        id=device,
        name=device,
        connection=connection,
        device_class="electricity",
        scan=scan or {"fast": 60.0},
        points={point.name: point for point in (ENERGY, POWER)},
    )


def pushed(device: str, connection: str = "broker", every: float | None = 60.0) -> Device:
    """A meter that sends each minute."""
    return Device(
        id=device,
        name=device,
        connection=connection,
        device_class="electricity",
        expected_every=every,
        points={ENERGY.name: ENERGY},
    )


def site_of(*devices: Device, zone: ZoneInfo = BERLIN) -> Site:
    names = {device.connection for device in devices}
    return Site(
        id="house",
        name="House",
        timezone=zone,
        connections={name: Connection(id=name, driver="modbus", options=None) for name in names},
        devices={device.id: device for device in devices},
    )


def recorded(at: int, entry: Entry) -> Recorded:
    return Recorded(Position(at), at, entry)


def sample(at: int, device: str = "a", *, time: int | None = None, origin: Origin = Origin.POLL) -> Recorded:
    """A sample at a time, or one that arrives then and was taken at `time`."""
    time = at if time is None else time
    reading = Reading(
        device=device,
        time=time,
        arrived=at,
        values={"energy_import_kwh": 1.0},
        origin=origin,
        late=at - time > 2 * MINUTE,
    )
    return recorded(at, reading)


def failure(at: int, device: str = "a") -> Recorded:
    return recorded(at, Reading(device=device, time=at, arrived=at, values={}, missing=MISSED))


def of_the_monitor(at: int, kind: str, **attributes: Any) -> Recorded:
    event = Event(device=MONITOR_DEVICE, kind=kind, time=at, arrived=at, id=f"{kind}-{at}", attributes=attributes)
    return recorded(at, event)


def stepped(before: int, after: int) -> Recorded:
    return of_the_monitor(after, "clock_stepped", **{"from": before, "to": after})


def slot(number: int) -> int:
    return START + number * MINUTE


def slots(*numbers: int) -> list[int]:
    return [slot(number) for number in numbers]


def samples(numbers: Iterable[int], device: str = "a") -> list[Recorded]:
    return [sample(slot(number), device) for number in numbers]


def in_order(*parts: Iterable[Recorded]) -> list[Recorded]:
    return sorted((item for part in parts for item in part), key=lambda item: item.recorded)


class Kept:
    """What the ledger keeps of a coverage: its rows and its memory, as JSON."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rows: dict[tuple[str, date], DayCoverage] = {}
        self.memory: dict[str, bytes] = {}
        self.coverage = Coverage(site)

    def keep(self) -> None:
        rows, kept = self.coverage.news()
        self.rows |= {(row.device, row.day): row for row in rows}
        self.memory |= {key: orjson.dumps(body) for key, body in kept.items()}

    def restart(self, site: Site | None = None) -> None:
        """Begin again from what was kept last."""
        self.coverage = Coverage(site or self.site)
        self.coverage.load([(key, orjson.loads(body)) for key, body in self.memory.items()])


def told(
    entries: Sequence[Recorded], *devices: Device, now: int = START + DAY, zone: ZoneInfo = BERLIN
) -> dict[tuple[str, date], DayCoverage]:
    """The rows once the entries are taken and it is `now`."""
    kept = Kept(site_of(*devices, zone=zone))
    kept.coverage.take(entries)
    kept.coverage.tick(now)
    kept.keep()
    return kept.rows


def lost_today(entries: Sequence[Recorded], *devices: Device, device: str = "a") -> Mapping[str, int]:
    """What was lost before the last entry."""
    return told(entries, *devices, now=entries[-1].recorded)[device, TODAY].lost


A, B = polled("a"), polled("b")
C, D = pushed("c"), pushed("d")


# What is expected ---------------------------------------------------------------------------------------


def test_the_first_day_counts_from_the_first_sample() -> None:
    rows = told(samples(range(TO_MIDNIGHT)), A)

    assert rows["a", TODAY] == DayCoverage(
        device="a", day=TODAY, expected=TO_MIDNIGHT, received=TO_MIDNIGHT, late=0
    )


@pytest.mark.parametrize(("gap", "lost"), [(60, 0), (89, 0), (90, 1), (120, 1), (149, 1), (150, 2), (600, 9)])
def test_a_hole_has_lost_as_many_samples_as_fit_into_it(gap: int, lost: int) -> None:
    found = lost_today([sample(START), sample(START + gap * SECOND)], A)

    assert sum(found.values()) == lost


def test_only_the_shortest_class_with_a_counter_counts() -> None:
    device = polled("a", scan={"fast": 10.0, "slow": 300.0, "once": None})
    device = Device(
        id="a",
        name="a",
        connection="bus",
        device_class="electricity",
        scan=device.scan,
        points={
            "power_w": POWER,
            "energy_import_kwh": Point(name="energy_import_kwh", unit="kWh", scan="slow", counter=Counter()),
            "energy_export_kwh": Point(name="energy_export_kwh", unit="kWh", scan="once", counter=Counter()),
        },
    )
    fast = [
        recorded(at, Reading(device="a", time=at, arrived=at, values={"power_w": 1.0}))
        for at in range(START + SECOND, START + 50 * MINUTE, 10 * SECOND)
    ]
    slow = [sample(START + number * 5 * MINUTE) for number in (0, 1, 2, 4, 5)]

    assert lost_today(in_order(fast, slow), device) == {"unknown": 1}


def test_what_has_no_rhythm_no_counter_or_no_wire_is_not_counted() -> None:
    without = Device(
        id="w",
        name="w",
        connection="bus",
        device_class="electricity",
        scan={"fast": 60.0},
        points={"power_w": POWER},
    )
    by_hand = Device(
        id="h", name="h", connection="", device_class="electricity", by_hand=True, points={ENERGY.name: ENERGY}
    )
    virtual = Device(
        id="v",
        name="v",
        connection="",
        device_class="electricity",
        virtual=Virtual(sum=("w",)),
        points={ENERGY.name: ENERGY},
    )
    once = polled("o", scan={"once": None})
    devices = (without, by_hand, virtual, once, pushed("never-stale", every=None))
    entries = [sample(START + number, device.id) for number, device in enumerate(devices)]
    coverage = Coverage(site_of(*devices))
    coverage.take(entries)

    assert coverage.news()[0] == []
    assert [coverage.today(device.id) for device in devices] == [None] * 5


@pytest.mark.parametrize("origin", [Origin.RETAINED, Origin.MANUAL])
def test_what_was_not_said_now_is_no_sample(origin: Origin) -> None:
    assert told([sample(START, "c", origin=origin)], C) == {}


def test_samples_that_come_too_often_count_once_per_slot() -> None:
    often = [sample(START + number * 10 * SECOND, "c") for number in range(TO_MIDNIGHT * 6)]
    row = told(often, C)["c", TODAY]

    assert (row.expected, row.received, row.lost) == (TO_MIDNIGHT, TO_MIDNIGHT, {})


def test_a_device_that_is_a_little_fast_has_no_more_samples_than_slots() -> None:
    often = [sample(START + number * 59_900, "c") for number in range(TO_MIDNIGHT)]
    row = told(often, C, now=often[-1].recorded)["c", TODAY]

    assert row.lost == {}
    assert TO_MIDNIGHT - 2 <= row.received <= TO_MIDNIGHT


def test_a_device_that_is_a_little_slow_loses_nothing() -> None:
    entries = [sample(START + number * 61_000, "c") for number in range(700)]
    row = told(entries, C, now=entries[-1].recorded)["c", TODAY]

    assert (row.expected, row.received, row.lost) == (700, 700, {})


def test_the_running_day_says_what_is_missing_so_far() -> None:
    coverage = Coverage(site_of(A))
    coverage.take([*samples(range(10)), failure(slot(10))])
    coverage.tick(slot(20))

    assert coverage.today("a") == DayCoverage(
        device="a", day=TODAY, expected=20, received=10, late=0, lost={"unit": 10}
    )
    assert coverage.today("nobody") is None
    assert coverage.news()[0] == [DayCoverage(device="a", day=TODAY, expected=10, received=10, late=0)]


def test_a_day_that_is_over_has_its_open_slots_counted() -> None:
    rows = told([*samples(range(10)), failure(slot(10))], A, now=START + 2 * DAY)

    assert rows["a", TODAY].lost == {"unit": TO_MIDNIGHT - 10}
    assert rows["a", TOMORROW].lost == {"unit": 24 * 60}
    assert set(rows) == {("a", TODAY), ("a", TOMORROW)}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 7, 1), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
    ],
)
@pytest.mark.parametrize("is_alive", [True, False])
def test_a_day_has_as_many_slots_as_it_has_hours(zone: str, day: date, hours: int, *, is_alive: bool) -> None:
    first = round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    times = range(first - HOUR + 20 * SECOND, first + 30 * HOUR, MINUTE)
    entries = [sample(at) for at in times if is_alive or at < first]
    row = told(entries, A, now=first + 30 * HOUR, zone=ZoneInfo(zone))["a", day]

    assert row.expected == hours * 60
    assert (row.received if is_alive else row.lost["unknown"]) == hours * 60


def test_a_year_of_hourly_samples_sums_up() -> None:
    first = round(datetime(2025, 1, 1, tzinfo=BERLIN).timestamp() * 1000)
    meter = polled("a", scan={"fast": 3600.0})
    entries = [sample(first + number * HOUR + number * 7919 % 300_000) for number in range(8760) if number % 100]
    rows = told(entries, meter, now=first + 8760 * HOUR)

    assert len(rows) == 365
    assert sum(row.received for row in rows.values()) == 8760 - 88
    assert sum(sum(row.lost.values()) for row in rows.values()) == 87
    assert sum(row.expected for row in rows.values()) == 8759


# Why it was lost ----------------------------------------------------------------------------------------


def test_a_cycle_that_was_left_out_is_unknown() -> None:
    assert lost_today(samples([0, 1, 3, 4]), A, B) == {"unknown": 1}


def test_a_device_that_fails_while_another_answers_is_the_unit() -> None:
    entries = in_order(samples([0, 1, 5]), [failure(at) for at in slots(2, 3)], samples(range(6), "b"))

    assert lost_today(entries, A, B) == {"unit": 3}


def test_the_only_device_of_a_connection_that_fails_is_the_unit() -> None:
    assert lost_today(in_order(samples([0, 1, 5]), [failure(slot(2))]), A) == {"unit": 3}


def test_a_device_that_answers_without_its_counter_is_the_unit() -> None:
    without = Reading(
        device="a",
        time=slot(1),
        arrived=slot(1),
        values={"power_w": 1.0},
        missing={"energy_import_kwh": Missing.SENTINEL},
    )

    assert lost_today([sample(slot(0)), recorded(slot(1), without), sample(slot(2))], A) == {"unit": 1}


def test_one_of_those_that_send_by_themselves_that_is_silent_alone_is_the_unit() -> None:
    entries = in_order(samples([0, 1, 5], "c"), samples(range(6), "d"))

    assert lost_today(entries, C, D, device="c") == {"unit": 3}


def test_an_answer_of_another_right_after_the_last_sample_says_nothing_about_the_hole() -> None:
    hourly = pushed("d", every=3600.0)
    entries = [sample(slot(0), "c"), sample(slot(0) + SECOND, "d"), sample(slot(9), "c")]

    assert lost_today(entries, C, hourly, device="c") == {"unknown": 8}


def test_a_connection_of_which_nothing_answers_is_the_bus() -> None:
    fails = [failure(slot(number) + shift, name) for number in (2, 3) for shift, name in ((0, "a"), (1, "b"))]
    entries = in_order(samples([0, 1, 4]), samples([0, 1, 4], "b"), fails)

    assert lost_today(entries, A, B) == {"bus": 2}


def test_a_device_that_died_before_the_last_other_one_stays_the_unit() -> None:
    fails = [failure(slot(number)) for number in range(2, 30)]
    entries = in_order(samples([0, 1, 30]), samples([*range(15), 30], "b"), fails)

    assert lost_today(entries, A, B) == {"unit": 28}


def test_a_hole_may_have_two_causes() -> None:
    fails = [failure(slot(number), name) for name, first in (("a", 5), ("b", 10)) for number in range(first, 20)]
    others = samples(range(20), "e")[:10] + samples([20], "e")
    entries = in_order(samples([*range(5), 20]), samples([*range(10), 20], "b"), others, fails)

    assert lost_today(entries, A, B, polled("e")) == {"unit": 5, "bus": 10}


def test_what_was_lost_while_the_monitor_did_not_run_is_off() -> None:
    started = of_the_monitor(slot(6), "monitor_started", off_since=slot(2), off_until=slot(6))

    assert lost_today([*samples(range(3)), started, *samples([7])], A) == {"off": 4}


def test_what_was_due_shortly_before_the_monitor_was_cut_off_is_off_too() -> None:
    started = of_the_monitor(slot(6), "monitor_started", off_since=slot(2) + 5 * SECOND, off_until=slot(6))

    assert lost_today([*samples(range(2)), started, *samples([7])], A) == {"off": 5}


def test_an_event_of_the_start_that_comes_behind_the_first_samples_explains_them_too() -> None:
    started = of_the_monitor(slot(6) + 9, "monitor_started", off_since=slot(2), off_until=slot(6))
    entries = [*samples(range(3)), *samples([6]), started, *samples([7])]

    assert lost_today(entries, A) == {"off": 3}


def test_a_start_whose_clock_was_behind_explains_nothing() -> None:
    started = of_the_monitor(slot(2), "monitor_started", off_since=slot(6), off_until=slot(2))

    assert lost_today([*samples(range(3)), started, *samples([7])], A) == {"unknown": 4}


def test_slots_that_the_clock_jumped_over_are_of_the_clock() -> None:
    entries = [*samples(range(3)), stepped(slot(2) + 5000, slot(12) + 5000), *samples([13])]

    assert lost_today(entries, A) == {"clock": 10}


def test_a_clock_that_is_set_back_doubles_nothing() -> None:
    entries = [*samples(range(100)), stepped(slot(99) + 5000, slot(39) + 5000), *samples(range(40, 120))]
    row = told(entries, A, now=slot(119))["a", TODAY]

    assert (row.expected, row.received, row.lost) == (120, 120, {})


def test_a_clock_that_went_ahead_for_days_and_came_back_leaves_no_trace() -> None:
    kept = Kept(site_of(A))
    ahead = 400 * DAY
    kept.coverage.take([*samples(range(100)), stepped(slot(99) + 5, slot(99) + ahead + 5)])
    kept.coverage.tick(slot(100) + ahead)
    kept.coverage.take([sample(slot(number) + ahead) for number in range(100, 110)])
    kept.keep()
    kept.coverage.take([stepped(slot(110) + ahead, slot(110)), *samples(range(110, TO_MIDNIGHT + 60))])
    kept.coverage.tick(slot(TO_MIDNIGHT + 60))
    kept.keep()

    assert kept.rows["a", TODAY].received == TO_MIDNIGHT - 10
    assert kept.rows["a", TODAY].expected <= TO_MIDNIGHT
    assert kept.rows["a", TOMORROW].lost == {}
    assert [row for row in kept.rows.values() if row.day > TOMORROW and row.expected] == []


def test_entries_that_the_journal_lost_are_of_the_database() -> None:
    kept = Kept(site_of(A, B))
    kept.coverage.take(samples(range(10)))
    kept.coverage.gap(slot(50))
    kept.coverage.take(samples(range(51, 60)))
    kept.keep()

    assert kept.rows["a", TODAY].lost == {"database": 41}


def test_what_was_lost_while_nothing_could_be_recorded_is_of_the_database() -> None:
    began = slot(10) + 1500
    event = Event(
        device=MONITOR_DEVICE,
        kind="health",
        time=began,
        arrived=began,
        id=f"unrecorded-{began}",
        attributes={"state": "unrecorded", "reason": "disk full"},
    )
    back = slot(500) + 5
    waited = [recorded(back, sample(slot(number)).entry) for number in range(400, 501)]
    entries = [*samples(range(11)), *waited, recorded(back + 1, event), *samples([501])]

    assert lost_today(entries, A) == {"database": 389}


# What comes late ----------------------------------------------------------------------------------------


def test_a_late_sample_that_nothing_was_lost_for_yet_counts_as_late() -> None:
    backlog = [sample(slot(30) + number, "c", time=slot(number)) for number in range(1, 28)]
    row = told([*samples([0], "c"), *backlog, *samples(range(28, 31), "c")], C, now=slot(30))["c", TODAY]

    assert (row.expected, row.received, row.late, row.lost) == (31, 31, 27, {})


@pytest.mark.parametrize("is_in_order", [True, False])
def test_a_late_sample_takes_the_place_of_a_lost_one_also_of_earlier_days(*, is_in_order: bool) -> None:
    hole = range(1, TO_MIDNIGHT + 60)
    back = TO_MIDNIGHT + 60
    came = [number for number in hole if number % 10]
    order = came if is_in_order else [*came[1::2], *reversed(came[::2])]
    kept = Kept(site_of(C))
    kept.coverage.take(samples([0], "c"))
    kept.coverage.tick(slot(TO_MIDNIGHT))
    kept.keep()
    kept.restart()
    kept.coverage.take(samples([back], "c"))
    kept.keep()
    kept.restart()
    kept.coverage.take([sample(slot(back) + 1, "c", time=slot(number)) for number in order])
    kept.keep()

    assert kept.rows["c", TODAY].received == 1 + 648
    assert kept.rows["c", TODAY].late == 648
    assert kept.rows["c", TODAY].expected == TO_MIDNIGHT
    assert kept.rows["c", TOMORROW].expected == 61
    assert kept.rows["c", TOMORROW].late == 54 - 1  # the last one came within two minutes


def test_a_late_sample_twice_counts_once() -> None:
    late = [sample(slot(20) + 1, "c", time=slot(5))] * 3
    row = told([*samples([0, 20], "c"), *late], C, now=slot(20))["c", TODAY]

    assert (row.expected, row.received, row.late) == (21, 3, 1)


def test_a_backlog_of_ten_thousand_is_counted_on_its_days() -> None:
    number = 10_000
    backlog = [sample(slot(number), "c", time=slot(each)) for each in range(1, number)]
    entries = [*samples([0, number], "c"), *backlog]
    rows = told(entries, C, now=slot(number))

    assert sum(row.late for row in rows.values()) == number - 1 - 2  # two came within two minutes
    assert sum(sum(row.lost.values()) for row in rows.values()) == 0
    assert rows["c", TOMORROW].received == rows["c", TOMORROW].late == 24 * 60


# What is kept -------------------------------------------------------------------------------------------


def test_a_new_rhythm_counts_from_then() -> None:
    kept = Kept(site_of(A))
    kept.coverage.take(samples(range(10)))
    kept.keep()
    kept.restart(site_of(polled("a", scan={"fast": 10.0})))
    kept.coverage.take([sample(slot(12) + number * 10 * SECOND) for number in range(7)])
    kept.keep()
    row = kept.rows["a", TODAY]

    assert (row.expected, row.received) == (10 + 2 + 7, 10 + 7)


def test_a_new_rhythm_counts_also_of_a_device_that_says_nothing() -> None:
    kept = Kept(site_of(A))
    kept.coverage.take(samples(range(10)))
    kept.keep()
    kept.restart(site_of(polled("a", scan={"fast": 3600.0})))
    kept.coverage.tick(slot(10))
    kept.coverage.tick(START + DAY)
    kept.keep()

    assert 11 <= kept.rows["a", TODAY].expected <= 10 + 13


def test_a_device_that_was_taken_out_and_comes_back_was_not_expected_meanwhile() -> None:
    kept = Kept(site_of(A, B))
    kept.coverage.take(samples(range(10)))
    kept.keep()
    kept.restart(site_of(B))
    kept.coverage.take(samples(range(10, 100), "b"))
    kept.keep()
    kept.restart(site_of(A, B))
    kept.coverage.take(samples([TO_MIDNIGHT]))
    kept.keep()

    assert kept.rows["a", TODAY].expected == 10
    assert kept.rows["a", TOMORROW].expected == 1


@pytest.mark.parametrize(
    "body", [[], {}, 7, "x", [1, 2, 3, 4, 5], [1, 0, False, [], []], [1, 60, False, [[1]], []]]
)
def test_a_memory_of_another_shape_is_left_out(body: Any) -> None:
    coverage = Coverage(site_of(A))
    coverage.load([("a", body), ("", body), ("connection/bus", body), ("connection/none", body)])
    coverage.take(samples(range(10)))
    coverage.tick(START + DAY)

    assert coverage.news()[0][0].received == 10


def test_days_that_cannot_change_are_not_kept() -> None:
    kept = Kept(site_of(A))
    for day in range(30):
        kept.coverage.take([sample(START + day * DAY + number * MINUTE) for number in range(1440)])
        kept.coverage.tick(START + (day + 1) * DAY)
        kept.keep()

    assert len(orjson.loads(kept.memory["a"])[3]) == 2
    assert sum(row.received for row in kept.rows.values()) == 30 * 1440


def test_what_is_kept_stays_small_however_much_is_lost() -> None:
    kept = Kept(site_of(A))
    for day in range(100):
        kept.coverage.take([sample(START + day * DAY + number * MINUTE) for number in range(0, 1440, 2)])
        kept.coverage.tick(START + (day + 1) * DAY)
        kept.keep()

    assert len(kept.memory["a"]) < 5000
    assert sum(sum(row.lost.values()) for row in kept.rows.values()) >= 100 * 719


def test_dates_are_local() -> None:
    at = round(datetime(2026, 3, 10, 23, 30, tzinfo=UTC).timestamp() * 1000)

    assert set(told([sample(at)], A, now=at)) == {("a", TOMORROW)}
