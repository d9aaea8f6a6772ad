"""SunSpec devices over real sockets: found wherever they are, followed when they move, told when they are none."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drivers.modbus.discovery import SunSpecReader
from drivers.modbus.sunspec import BASES
from drivers.modbus.wire import Link
from monitor.model import Missing
from monitor.simulation.modbus import SimulatedBus, Unit
from tests.drivers.modbus.chains import COST, END, filled, meter, power, shipped
from tests.drivers.modbus.site import CONTEXT, connection, device, driver, driver_of, point

ONE = [(1, 66), (203, 105)]
WATTS = {"power_w": 1230.0}
GONE = {"power_w": Missing.REFUSED}


def simulated(bus, models=ONE, base=40000, *, watts=123, **more):
    """A unit with a chain whose first meter shows a power in tens."""
    unit = bus.units[1] = Unit()
    placed = filled(unit, models, base, **more)
    power(unit, placed[203][0], watts, 1)
    return unit, placed


def within(asked, *ranges):
    """Whether every request lies in one of the ranges (first, end)."""
    return all(any(first <= at and at + count <= end for first, end in ranges) for _, at, count in asked)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("common", [65, 66])
async def test_a_meter_is_read_wherever_its_map_begins(bus, base, common):
    unit, placed = simulated(bus, [(1, common), (103, 50), (203, 105)], base)
    modbus = driver(await bus.start(), meter())

    answers = [await modbus.read("meter", "fast") for _ in range(2)]
    await modbus.close()

    assert [answer.values for answer in answers] == [WATTS, WATTS]
    at = placed[203][0]
    candidates = [(each, each + 2) for each in BASES[: BASES.index(base) + 1]]
    assert list(unit.asked)[-2:] == [("holding", at, 23)] * 2
    assert within(unit.asked, *candidates, (base, at + 107))
    assert len(unit.asked) == len(candidates) + 3 + 2  # where it is was asked once


@pytest.mark.parametrize("transport", ["rtu", "ascii", "rtu-over-tcp", "udp"])
async def test_a_meter_is_found_over_every_kind_of_line(on, transport):
    unit = Unit()
    placed = filled(unit, ONE, 0)
    power(unit, placed[203][0], -5)
    endpoint = await on(transport, {1: unit})
    modbus = driver_of(endpoint.written, meter(), timeout="5 s")

    answer = await modbus.read("meter", "fast")
    await modbus.close()

    assert answer.values == {"power_w": -5.0}
    assert modbus.traffic("meter").requests == len(unit.asked) == 6


async def test_several_meters_of_one_unit_are_told_apart(bus):
    unit, placed = simulated(bus, [(1, 65), (103, 50), (1, 65), (203, 105), (1, 65), (201, 105)])
    power(unit, placed[201][0], 77)
    devices = [meter(instance=n, name=f"meter-{n}") for n in (1, 2, 3)]
    modbus = driver(await bus.start(), *devices)

    answers = [await modbus.read(each.id, "fast") for each in devices]
    await modbus.close()

    assert [answer.values for answer in answers] == [WATTS, {"power_w": 77.0}, {}]
    assert "no instance 3 of SunSpec model 201-204 in unit 1; it has 1, 103, 1, 203, 1, 201" in answers[2].error


async def test_a_shipped_profile_reads_the_maker_of_its_own_meter(bus):
    of = shipped("sunspec-meter", instance=2)
    unit = bus.units[1] = Unit(of)
    unit.put("maker", "Second")
    unit.put("voltage_l12_v", 398.7)
    unit.put("energy_import_kwh", 1234.5)
    modbus = driver(await bus.start(), of)

    answers = {scan: await modbus.read("meter", scan) for scan in ("fast", "slow", "once")}
    await modbus.close()

    assert answers["once"].values == {"maker": "Second"}
    assert answers["fast"].values["voltage_l12_v"] == 398.7
    assert answers["slow"].values == {"energy_import_kwh": 1234.5}
    assert answers["slow"].missing["energy_export_kwh"] is Missing.SENTINEL  # 0 is not counted
    assert {name for answer in answers.values() for name in (*answer.values, *answer.missing)} == set(of.points)


# Moving ------------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "device's registers move",
    part="Modbus",
    outcome="SunSpec: nothing is kept of a read where a model's id or length changed; the model is found anew in "
    "the same read, and no value of another register is ever shown.",
)
@pytest.mark.parametrize("base", BASES)
async def test_a_chain_that_changes_under_way_is_followed_within_the_read(bus, base):
    unit, _ = simulated(bus)
    modbus = driver(await bus.start(), meter())
    before = await modbus.read("meter", "fast")

    for at in range(40000, 40400):
        unit.set("holding", at, [4711])
    simulated(bus, [(1, 66), (64001, 30), (203, 105)], base, watts=456)
    with capture_logs() as logs:
        after = await modbus.read("meter", "fast")
    await modbus.close()

    assert before.values == WATTS
    assert after.values == {"power_w": 4560.0}
    assert [line["event"] for line in logs] == ["sunspec_found"]


async def test_a_chain_that_has_moved_where_the_old_place_is_refused_is_followed_within_the_read(bus):
    unit, _ = simulated(bus)
    modbus = driver(await bus.start(), meter())
    await modbus.read("meter", "fast")

    unit.faults.refused.append(("holding", 40000, 40400, 2))
    simulated_again = filled(unit, ONE, 0)
    power(unit, simulated_again[203][0], 9)
    answer = await modbus.read("meter", "fast")
    await modbus.close()

    assert answer.values == {"power_w": 9.0}


async def test_a_map_that_goes_away_leaves_no_value_and_is_found_when_it_is_back(bus):
    unit, _ = simulated(bus)
    time = [1000.0]
    link = Link(connection(await bus.start()).options)
    reader = sunspec(meter(), time)
    await reader.read(link, "fast")

    unit.set("holding", 40000, [0] * 300)
    gone = await reader.read(link, "fast")
    simulated(bus)
    soon = await reader.read(link, "fast")
    later = await reader.read(link, "fast")
    link.close()

    assert (gone.values, gone.missing, gone.answered) == ({}, GONE, True)
    assert soon.missing == GONE
    assert later.values == WATTS


async def test_a_device_that_was_away_is_looked_at_anew(bus):
    """The same model at the same place is another meter now: only looking for it shows that."""
    unit, _ = simulated(bus, [(1, 66), (203, 105), (1, 66), (203, 105)])
    modbus = driver(await bus.start(), meter(instance=2))
    await modbus.read("meter", "fast")
    unit.faults.silent = True
    away = await modbus.read("meter", "fast")
    unit.faults.silent = False
    unit.asked.clear()
    back = await modbus.read("meter", "fast")
    await modbus.close()

    assert (away.missing, away.answered) == ({"power_w": Missing.TIMEOUT}, False)
    assert back.values == {"power_w": 0.0}
    assert [count for _, _, count in unit.asked] == [2, 2, 2, 2, 2, 23]


async def test_a_chain_that_never_stays_gives_no_value(bus):
    class Restless(Unit):
        def answer(self, table, address, count):
            said = super().answer(table, address, count)
            if count > 2:
                said[1] += len(self.asked)
            return said

    unit, _ = simulated(bus)
    restless = bus.units[1] = Restless()
    restless.set("holding", 40000, unit.get("holding", 40000, 300))
    modbus = driver(await bus.start(), meter())

    answers = [await modbus.read("meter", "fast") for _ in range(3)]
    await modbus.close()

    for answer in answers:
        assert answer.missing == {"power_w": Missing.UNDECODABLE}
        assert answer.answered
        assert answer.error == "the SunSpec models of unit 1 move while they are read"
    assert len(restless.asked) <= 3 * 10


# What is not there -------------------------------------------------------------------------------------------


def sunspec(of, time):
    return SunSpecReader(of, cost=COST, tries=1, now=CONTEXT.now, monotonic=lambda: time[0])


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([(1, 66), (103, 50), (160, 48)], "no SunSpec model 201-204 in unit 1; it has 1, 103, 160"),
        ([(1, 66), (213, 124), (0, 0)], "in unit 1; it has 1, 213 (there is no model at holding 40196)"),
        ([], "no SunSpec model 201-204 in unit 1; it has none"),
        (None, "no SunSpec models in unit 1: none at holding 0, 40000 or 50000"),
        ([(1, 66), (203, 10)], "the SunSpec models of unit 1 are too short for `power_w`"),
    ],
)
async def test_what_a_device_does_not_have_is_refused_told_once_and_looked_for_again(bus, models, expected):
    unit = bus.units[1] = Unit()
    if models is not None:
        filled(unit, models)
    time = [1000.0]
    link = Link(connection(await bus.start()).options)
    reader = sunspec(meter(), time)

    with capture_logs() as logs:
        answers = [await reader.read(link, "fast") for _ in range(5)]
        steady = reader.seen.requests
        for _ in range(24 * 60):  # a day
            time[0] += 60
            answers.append(await reader.read(link, "fast"))
    looks = reader.seen.requests - steady - 24 * 60  # beside one request a poll
    simulated(bus)
    time[0] += 3601
    found = await reader.read(link, "fast")
    link.close()

    for answer in answers:
        assert (answer.values, answer.missing, answer.answered) == ({}, GONE, True)
        assert expected in answer.error
    assert expected in logs[0]["error"]
    assert [line["event"] for line in logs].count("sunspec_missing") == 1
    assert 24 <= looks <= 34 * 5
    assert found.values == WATTS
    assert reader.seen.sunspec == ""


@pytest.mark.fault(
    "odd value",
    part="Modbus",
    outcome="SunSpec: a chain without end, with models beyond the last address or of no length costs 70 requests "
    "at most, and the device's points are missing.",
)
@pytest.mark.parametrize("hostile", ["endless", "beyond", "everything is SunS"])
async def test_a_hostile_map_costs_a_bounded_number_of_requests(bus, hostile):
    unit = bus.units[1] = Unit()
    if hostile == "everything is SunS":
        unit.set("holding", 0, [0x5375, 0x6E53] * 32768)
    else:
        filled(unit, [(7, 0)] * 500 if hostile == "endless" else [(1, 65000)])
    modbus = driver(await bus.start(), meter())

    answer = await modbus.read("meter", "fast")
    await modbus.close()

    assert (answer.values, answer.missing, answer.answered) == ({}, GONE, True)
    assert len(unit.asked) <= 70


async def test_the_advice_says_which_models_there_are(bus):
    unit = bus.units[1] = Unit()
    filled(unit, [(1, 66), (213, 124)])
    modbus = driver(await bus.start(), meter())

    await modbus.read("meter", "fast")
    told = modbus.advice("meter")
    unit.faults.silent = True
    for _ in range(3):
        await modbus.read("meter", "fast")
    silent = modbus.advice("meter")
    await modbus.close()

    assert told.startswith("No SunSpec model 201-204 in unit 1; it has 1, 213: check `unit` and the profile")
    assert "silent" in silent


async def test_a_meter_with_whole_numbers_is_told_from_one_with_floats(bus):
    simulated(bus)
    modbus = driver(await bus.start(), shipped("sunspec-meter-float"))

    answer = await modbus.read("meter", "once")
    await modbus.close()

    assert set(answer.missing.values()) == {Missing.REFUSED}
    assert "no SunSpec model 211-214 in unit 1; it has 1, 203" in answer.error


async def test_a_model_that_is_shorter_than_usual_costs_only_what_it_lacks(bus):
    of = shipped("sunspec-meter")
    unit = bus.units[1] = Unit()
    placed = filled(unit, [(1, 66), (203, 53)])  # to TotWh_SF, no further
    at = placed[203][0]
    unit.set("holding", at + 46, [0, 5000])
    modbus = driver(await bus.start(), of)

    slow = await modbus.read("meter", "slow")
    await modbus.close()

    assert slow.values == {"energy_import_kwh": 5.0}
    assert slow.missing["apparent_energy_import_kvah"] is Missing.REFUSED
    assert within(unit.asked, (40000, at + 55))


async def test_a_range_that_the_profile_forbids_is_not_read_where_a_model_turns_out_to_be(bus):
    watts = point("power_w", register="sunspec 203 18", type="int16")
    of = device(watts, profile={"forbidden": [[0, 200]]})
    unit, _ = simulated(bus, base=0)
    modbus = driver(await bus.start(), of)

    answer = await modbus.read("meter", "fast")
    await modbus.close()

    assert (answer.missing, answer.answered) == (GONE, True)
    assert "forbids" in answer.error
    assert all(count <= 2 for _, _, count in unit.asked)


# Refusals, silence, patience -----------------------------------------------------------------------------------


@pytest.mark.fault(
    "device refuses or is busy",
    part="Modbus",
    outcome="SunSpec: a refusal makes the models be looked for once; when they are where they were, only what is "
    "refused is missing.",
)
async def test_what_is_refused_within_a_model_is_a_hole_as_anywhere(bus):
    of = shipped("sunspec-meter")
    unit = bus.units[1] = Unit(of)
    unit.put("power_w", 1500.0)
    unit.put("voltage_l1_v", 230.5)
    modbus = driver(await bus.start(), of)
    first = await modbus.read("meter", "fast")
    unit.faults.refused.append(("holding", 40070 + 16, 40070 + 16, 2))

    answers = [await modbus.read("meter", "fast") for _ in range(3)]
    looked = [first for _, first, _ in unit.asked].count(40000)
    await modbus.close()

    assert first.missing == {}
    for answer in answers:
        assert answer.missing == {"frequency_hz": Missing.REFUSED}
        assert answer.values["power_w"] == 1500.0
        assert answer.values["voltage_l1_v"] == 230.5
    assert looked == 2


@pytest.mark.parametrize("where", [40000, 40002, 40070])
async def test_a_device_that_is_busy_while_it_is_looked_at_is_looked_at_again(bus, where):
    unit, _ = simulated(bus)
    unit.faults.refused.append(("holding", where, where, 6))
    modbus = driver(await bus.start(), meter())

    busy = await modbus.read("meter", "fast")
    unit.faults.refused.clear()
    then = await modbus.read("meter", "fast")
    await modbus.close()

    assert (busy.missing, busy.answered) == ({"power_w": Missing.BUSY}, True)
    assert then.values == WATTS


@pytest.mark.fault(
    "device dead",
    part="Modbus",
    outcome="SunSpec: looking for the models of a device that does not answer costs one time-out per poll; it is "
    "found at the first read that is answered.",
)
async def test_a_device_that_is_dead_at_the_start_costs_one_time_out_per_poll(bus):
    unit, _ = simulated(bus)
    unit.faults.silent = True
    modbus = driver(await bus.start(), meter(), timeout="200 ms")

    dead = [await modbus.read("meter", "fast") for _ in range(2)]
    probe = await modbus.probe("meter")
    unit.faults.silent = False
    alive = await modbus.probe("meter")
    answer = await modbus.read("meter", "fast")
    await modbus.close()

    for each in dead:
        assert (each.missing, each.answered) == ({"power_w": Missing.TIMEOUT}, False)
    assert not probe.answered
    assert (alive.answered, dict(alive.values)) == (True, {})
    assert answer.values == WATTS
    assert modbus.traffic("meter").errors["timeout"] == 3


async def test_a_device_that_is_silent_where_it_has_nothing_is_found_by_and_by(bus):
    unit, _ = simulated(bus, base=0)
    unit.faults.refused += [("holding", 40000, 40001, 0), ("holding", 50000, 50001, 0)]
    modbus = driver(await bus.start(), meter(), timeout="200 ms")

    answers = [await modbus.read("meter", "fast") for _ in range(4)]
    await modbus.close()

    assert [answer.answered for answer in answers] == [False, False, True, True]
    assert answers[3].values == WATTS


async def test_a_search_that_was_cancelled_is_taken_up_again(bus):
    unit, _ = simulated(bus)
    unit.faults.delay = 30.0
    modbus = driver(await bus.start(), meter(), timeout="60 s")
    search = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.wait({search}, timeout=0.2)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    unit.faults.delay = 0.0

    answer = await modbus.read("meter", "fast")
    await modbus.close()

    assert answer.values == WATTS


# Nothing but the models ----------------------------------------------------------------------------------------

_IDS = st.sampled_from([1, 103, 160, 201, 202, 203, 204, 213, 64001])


@settings(max_examples=40, deadline=None)
@given(
    models=st.lists(st.tuples(_IDS, st.sampled_from([0, 5, 17, 21, 66, 105, 124])), max_size=8),
    base=st.sampled_from(BASES),
    instance=st.integers(1, 3),
    wrong_end=st.booleans(),
)
def test_no_request_touches_an_address_outside_of_what_was_found(models, base, instance, wrong_end):
    asyncio.run(_stays_within(models, base, instance, end=(0, 9) if wrong_end else END))


async def _stays_within(models, base, instance, end):
    unit = Unit()
    placed = filled(unit, models, base, end=end)
    meters = sorted(at for ident in (201, 202, 203, 204) for at in placed.get(ident, ()))
    lengths = dict(zip(sorted(at for each in placed.values() for at in each), [n for _, n in models], strict=True))
    for number, at in enumerate(meters):
        if lengths[at] >= 21:
            power(unit, at, number + 1)
    bus = SimulatedBus({1: unit})
    modbus = driver(await bus.start(), meter(instance=instance))
    answers = [await modbus.read("meter", "fast") for _ in range(2)]
    await modbus.probe("meter")
    await modbus.close()
    await bus.stop()

    ends = base + 2 + sum(2 + length for _, length in models)
    candidates = [(each, each + 2) for each in BASES]
    assert within(unit.asked, *candidates, (base, ends + 2))
    ranges = [(at, at + 2 + length) for at, length in lengths.items()]
    assert within(((*each,) for each in unit.asked if each[2] > 2), *ranges)
    there = len(meters) >= instance and lengths[meters[instance - 1]] >= 21
    expected = {"power_w": float(instance)} if there else {}
    assert [answer.values for answer in answers] == [expected, expected]
    assert all(one.missing == other.missing for one, other in pairwise(answers))
