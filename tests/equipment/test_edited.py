"""What becomes of equipment, services and supply when the site file is edited between two starts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.equipment.machine import Machine
from monitor.equipment.services import Services
from monitor.plant import Group, Service, Supply
from monitor.site import Site
from tests.clock import ManualClock
from tests.equipment.houses import House, house
from tests.equipment.machines import HOUR, MINUTE, NOON, SECOND, Pump, device, plan, said, site_of

DAY = 24 * HOUR
PUSHED: dict[str, Any] = {"scan": {}}
ONE = site_of(device("one", **PUSHED))


async def live(made: House, clock: ManualClock, **values: bool) -> None:
    """The pump says something a minute later."""
    clock.time += MINUTE
    await made.keep(said("one", clock.time, **values))
    await made.settle()


async def test_a_fault_that_is_not_watched_any_more_is_none(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, ONE, clock.now) as made:
        await live(made, clock, running=True, fault=True)
    without = site_of(device("one", **PUSHED), plans={"one": plan(fault="")})
    clock.time += HOUR
    async with house(tmp_path, without, clock.now) as made:
        await live(made, clock, running=True)
        (one,) = made.book.equipment()

    assert one.state == "running"


async def test_a_call_that_is_not_watched_any_more_is_none(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, ONE, clock.now) as made:
        await live(made, clock, running=False, called=True)
        await live(made, clock, running=False)
        assert [each.kind for each in await made.events()] == ["failed_to_start"]
    without = site_of(device("one", **PUSHED), plans={"one": plan(called="")})
    clock.time += HOUR
    async with house(tmp_path, without, clock.now) as made:
        await live(made, clock, running=True)
        await live(made, clock, running=False)
        (one,) = made.book.equipment()

    assert one.state == "off"


async def test_a_fault_that_is_not_watched_any_more_does_not_count_as_an_outage(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, ONE, clock.now) as made:
        await live(made, clock, running=True, fault=True)
    without = site_of(device("one", **PUSHED), plans={"one": plan(fault="")})
    begin = clock.time
    async with house(tmp_path, without, clock.now) as made:
        await made.ledger.transact(
            lambda db: db.execute("INSERT OR REPLACE INTO presence VALUES ('one', ?, 'up')", (NOON,))
        )
        await live(made, clock, running=True)
        clock.time += DAY
        (answered,) = await made.book.availability(["one"], begin + HOUR, begin + 2 * HOUR)

    assert (answered.up_s, answered.down_s) == (3600.0, 0.0)


def serviced(hours: float | None, every: float | None = None) -> Site:
    oil = Service(id="oil", name="Oil", hours=hours, every=every, warn=0.0)
    return site_of(device("one"), plans={"one": plan(services=(oil,))})


def test_a_service_whose_interval_was_made_longer_is_not_due_any_more() -> None:
    ran = {"one": 0.0}
    before = Services(serviced(100.0), ran.get)
    before.look("one", NOON)
    ran["one"] = 101.0
    before.look("one", NOON + 5 * DAY)
    assert [each.state for each in before.due(NOON + 5 * DAY)] == ["due"]

    after = Services(serviced(200.0), ran.get)
    after.load(before.dump_changed().items())
    now = NOON + 5 * DAY + HOUR
    after.look("one", now)

    assert [(each.state, each.hours_left) for each in after.due(now)] == [("fine", 99.0)]
    ran["one"] = 201.0
    after.look("one", now + DAY)
    assert [each.kind for each in after.news()] == ["service_due"]


def test_a_service_stays_due_over_a_restart_and_when_its_name_is_changed() -> None:
    ran = {"one": 0.0}
    before = Services(serviced(100.0), ran.get)
    before.look("one", NOON)
    ran["one"] = 101.0
    before.look("one", NOON + 5 * DAY)
    before.news()

    after = Services(serviced(100.0), ran.get)
    after.load(before.dump_changed().items())
    after.look("one", NOON + 6 * DAY)

    assert [(each.state, each.due) for each in after.due(NOON + 6 * DAY)] == [("due", NOON + 5 * DAY)]
    assert after.news() == []


def test_a_device_that_begins_its_hours_anew_while_work_is_due_leaves_it_due() -> None:
    ran = {"one": 0.0}
    services = Services(serviced(100.0), ran.get)
    services.look("one", NOON)
    ran["one"] = 101.0
    services.look("one", NOON + 5 * DAY)
    ran["one"] = 1.0
    services.look("one", NOON + 6 * DAY)

    assert [each.state for each in services.due(NOON + 6 * DAY)] == ["due"]


async def test_a_supply_that_is_not_watched_any_more_is_unknown_from_then_on(tmp_path: Path) -> None:
    meter = device("main", also=("voltage_l1_v",), **PUSHED)
    mains = Supply(building="A", utility="electricity", device="main", points=("voltage_l1_v",), below=50.0)
    clock = ManualClock(NOON)
    async with house(tmp_path, site_of(meter, supplies=(mains,)), clock.now) as made:
        await made.live(clock, *(said("main", NOON + at * SECOND, voltage_l1_v=1.0) for at in (0, 10, 20)))
        await made.settle()
        (lost,) = made.book.supply()
        assert lost.state == "lost"
    clock.time = NOON + HOUR
    async with house(tmp_path, site_of(meter), clock.now) as made:
        await made.live(clock, said("main", NOON + HOUR, voltage_l1_v=231.0))
        await made.settle()
        clock.time = NOON + DAY
        spans = await made.book.supply_spans(NOON, NOON + DAY)

    assert [(each.state, each.start, each.end) for each in spans] == [
        ("lost", NOON, NOON + HOUR),
        ("unknown", NOON + HOUR, NOON + DAY),
    ]


async def test_a_supply_that_is_told_by_another_meter_goes_on(tmp_path: Path) -> None:
    old, new = device("old", also=("voltage_l1_v",), **PUSHED), device("new", also=("voltage_l1_v",), **PUSHED)
    mains = Supply(building="A", utility="electricity", device="old", points=("voltage_l1_v",), below=50.0)
    clock = ManualClock(NOON)
    async with house(tmp_path, site_of(old, new, supplies=(mains,)), clock.now) as made:
        await made.live(clock, *(said("old", NOON + at * SECOND, voltage_l1_v=1.0) for at in (0, 10, 20)))
        await made.settle()
    moved = replace(mains, device="new")
    async with house(tmp_path, site_of(old, new, supplies=(moved,)), clock.now) as made:
        await made.live(clock, said("old", NOON + MINUTE, voltage_l1_v=1.0))
        await made.settle()
        (first,) = made.book.supply()
        await made.live(clock, *(said("new", NOON + HOUR + at * SECOND, voltage_l1_v=231.0) for at in (0, 10, 20)))
        await made.settle()
        (now,) = made.book.supply()

    assert (first.state, first.device) == ("unknown", "new")
    assert (now.state, now.device) == ("present", "new")


def test_a_fault_that_the_clock_had_ahead_does_not_come_again_when_that_time_comes() -> None:
    pump = Pump(scan={})
    pump.says(0, running=True, fault=False)
    pump.says(HOUR, fault=True)
    pump.machine.follow_clock(NOON + HOUR + MINUTE, NOON + MINUTE)
    pump.time.now = NOON + HOUR + 2 * MINUTE
    pump.machine.take(said("pump", NOON + 2 * MINUTE, fault=False))
    rows = dict(pump.machine.presence)

    assert rows[NOON + 2 * MINUTE] == "up"
    assert rows[NOON + HOUR] == "up"


async def test_a_member_that_left_the_site_is_not_missed(tmp_path: Path) -> None:
    both = Group(id="g", name="G", members=("one", "two"))
    clock = ManualClock(NOON)
    async with house(
        tmp_path, site_of(device("one", **PUSHED), device("two", **PUSHED), groups=(both,)), clock.now
    ) as made:
        await made.live(clock, said("one", NOON, running=True), said("two", NOON, running=False, fault=True))
        await made.settle()
    alone = replace(both, members=("one",))
    async with house(tmp_path, site_of(device("one", **PUSHED), groups=(alone,)), clock.now) as made:
        await made.live(clock, said("one", NOON + MINUTE, running=True))
        await made.settle()
        (group,) = made.book.groups()

    assert (group.running, group.able, group.reserve) == (("one",), ("one",), 0)


def test_called_that_is_added_later_changes_nothing_of_what_was_counted() -> None:
    before, after = Pump(called=""), Pump()
    before.polls(0, HOUR, running=True)
    after.machine.load(before.machine.dump())
    after.time.now = before.time.now
    after.says(HOUR + 10 * SECOND, running=True, called=True)

    assert isinstance(after.machine, Machine)
    assert after.machine.state == "running"
    assert after.machine.now().hours == (HOUR + 10 * SECOND) / HOUR
