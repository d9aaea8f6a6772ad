"""What goes wrong on a real bus, and what is left of the reading."""

import asyncio
import logging

import pytest
import structlog

from drivers.modbus.plan import Cost
from drivers.modbus.reader import DeviceReader
from drivers.modbus.wire import Link
from monitor.errors import SettingsError
from monitor.model import Missing
from monitor.simulation.modbus import SimulatedBus, Unit, Wrong
from tests.drivers.modbus.site import CONTEXT, connection, device, driver, point

COST = Cost(request=5, register=0.1)
FOUR = {"gap": 0}
"""A profile with which the points below are four blocks."""


def four_blocks(**options):
    """A device with a point at 0, 100, 200 and 300, each in a block of its own."""
    points = [point(f"power_l{n}_w", register=f"input {(n - 1) * 100}", type="float32") for n in (1, 2, 3)]
    return device(*points, point("power_n_w", register="input 300", type="float32"), profile=FOUR, **options)


VALUES = {"power_l1_w": 1.5, "power_l2_w": 2.5, "power_l3_w": 3.5, "power_n_w": 4.5}


def filled(meter, values=VALUES):
    unit = Unit(meter)
    for name, value in values.items():
        unit.put(name, value)
    return unit


def dense(count=40):
    """A device whose points fill the registers from 0 on, so that they are one block."""
    return device(*(point(f"power_{n}_w", register=f"holding {n}", type="uint16") for n in range(count)))


# One block ------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "block refused",
    part="Modbus",
    outcome="One failed block loses its own points; all others stay at their own addresses.",
)
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, Missing.REFUSED),
        (2, Missing.REFUSED),
        (3, Missing.REFUSED),
        (4, Missing.REFUSED),
        (5, Missing.BUSY),
        (6, Missing.BUSY),
        (10, Missing.TIMEOUT),
        (11, Missing.TIMEOUT),
    ],
)
async def test_an_exception_in_a_middle_block_costs_that_block_and_moves_nothing(bus, code, reason):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.refused.append(("input", 100, 101, code))
    modbus = driver(await bus.start(), meter)

    answers = [await modbus.read("meter", "fast") for _ in range(3)]

    for answer in answers:
        assert answer.answered
        assert answer.values == {name: value for name, value in VALUES.items() if name != "power_l2_w"}
        assert answer.missing == {"power_l2_w": reason}
    assert f"exception {code}" in answers[0].error
    await modbus.close()


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_that_cannot_reach_the_device_is_not_an_answer_of_the_device(bus, code):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.exception = code
    modbus = driver(await bus.start(), meter)

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    assert answer.missing == dict.fromkeys(VALUES, Missing.TIMEOUT)
    await modbus.close()


@pytest.mark.fault(
    "device refuses or is busy",
    part="Modbus",
    outcome="Busy is an answer without values; nothing becomes a number.",
)
async def test_a_busy_device_answers_and_has_no_values(bus):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.busy = True
    modbus = driver(await bus.start(), meter)

    answer = await modbus.read("meter", "fast")

    assert answer.answered
    assert answer.values == {}
    assert answer.missing == dict.fromkeys(VALUES, Missing.BUSY)
    await modbus.close()


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="Truncated, foreign and garbled answers are no values, and the next read is right.",
)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Wrong.TRUNCATED, Missing.UNDECODABLE),
        (Wrong.SHORT, Missing.UNDECODABLE),
        (Wrong.FOREIGN_FUNCTION, Missing.UNDECODABLE),
        (Wrong.FOREIGN_UNIT, Missing.TIMEOUT),
        (Wrong.FOREIGN_TRANSACTION, Missing.TIMEOUT),
        (Wrong.CUT_OFF, Missing.TIMEOUT),
    ],
)
async def test_a_wrong_answer_is_no_value_and_the_next_read_is_right(bus, wrong, reason):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    modbus = driver(await bus.start(), meter)
    unit.faults.wrong = wrong

    bad = await modbus.read("meter", "fast")
    unit.faults.wrong = None
    good = await modbus.read("meter", "fast")

    assert bad.values == {}
    assert bad.missing == dict.fromkeys(VALUES, reason)
    assert good.values == VALUES
    await modbus.close()


@pytest.mark.fault(
    "odd value",
    part="Modbus",
    outcome="Sentinels and NaN are missing points, never numbers.",
)
async def test_a_sentinel_and_a_nan_never_appear_as_numbers(bus):
    meter = device(
        point("voltage_l1_v", register="input 0", type="float32"),
        point("power_w", register="input 2", type="int32", sentinels=[0x7FFFFFFF]),
        point("frequency_hz", register="input 4", type="uint16", divisor=100.0),
    )
    unit = bus.units[1] = Unit(meter)
    unit.set("input", 0, [0x7FC0, 0, 0x7FFF, 0xFFFF, 5001])
    modbus = driver(await bus.start(), meter)

    answer = await modbus.read("meter", "fast")

    assert answer.values == {"frequency_hz": 50.01}
    assert answer.missing == {"voltage_l1_v": Missing.NAN, "power_w": Missing.SENTINEL}
    await modbus.close()


# Holes ----------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "block refused",
    part="Modbus",
    outcome="An address that the device does not have is found by splitting, told once, left out, and"
    " tried again after an hour.",
)
async def test_a_hole_among_points_is_found_once_told_once_and_left_out(bus):
    meter = dense()
    unit = bus.units[1] = Unit(meter)
    unit.set("holding", 0, range(40))
    unit.faults.refused.append(("holding", 17, 17, 2))
    modbus = driver(await bus.start(), meter)

    with structlog.testing.capture_logs() as logs:
        first = await modbus.read("meter", "fast")
        unit.asked.clear()
        second = await modbus.read("meter", "fast")

    for answer in (first, second):
        assert answer.values == {f"power_{n}_w": float(n) for n in range(40) if n != 17}
        assert answer.missing == {"power_17_w": Missing.REFUSED}
    assert list(unit.asked) == [("holding", 0, 17), ("holding", 18, 22)]
    assert [line["refused"] for line in logs] == [["holding 17 to 17"]]
    await modbus.close()


async def test_a_hole_between_points_loses_no_point(bus):
    near, far = [point(f"power_{n}_w", register=f"holding {at}", type="uint16") for n, at in enumerate((0, 30))]
    meter = device(near, far)
    unit = bus.units[1] = filled(meter, {"power_0_w": 1.0, "power_1_w": 2.0})
    unit.faults.refused.append(("holding", 5, 20, 2))
    modbus = driver(await bus.start(), meter)

    first = await modbus.read("meter", "fast")
    unit.asked.clear()
    second = await modbus.read("meter", "fast")

    assert first.values == second.values == {"power_0_w": 1.0, "power_1_w": 2.0}
    assert first.missing == second.missing == {}
    assert list(unit.asked) == [("holding", 0, 1), ("holding", 30, 1)]
    await modbus.close()


@pytest.mark.fault(
    "device refuses or is busy",
    part="Modbus",
    outcome="Nothing is left out of the questions because of it: it is asked for everything again.",
)
async def test_a_device_that_refuses_everything_is_asked_whole_again(bus):
    meter = dense(8)
    unit = bus.units[1] = Unit(meter)
    unit.faults.exception = 2
    modbus = driver(await bus.start(), meter)
    await modbus.read("meter", "fast")
    unit.faults.exception = 0
    unit.asked.clear()

    answer = await modbus.read("meter", "fast")

    assert answer.missing == {}
    assert list(unit.asked) == [("holding", 0, 8)]
    await modbus.close()


async def test_a_hole_is_tried_again_after_an_hour(bus):
    meter = dense(8)
    unit = bus.units[1] = Unit(meter)
    unit.faults.refused.append(("holding", 3, 3, 2))
    time = [1000.0]
    link = Link(connection(await bus.start()).options)
    reader = DeviceReader(meter, cost=COST, tries=1, now=CONTEXT.now, monotonic=lambda: time[0])
    await reader.read(link, "fast")
    unit.faults.refused.clear()

    time[0] += 3599
    before = await reader.read(link, "fast")
    time[0] += 2
    after = await reader.read(link, "fast")

    assert before.missing == {"power_3_w": Missing.REFUSED}
    assert after.missing == {}
    link.close()


async def test_looking_for_holes_is_bounded(bus):
    meter = dense(120)
    unit = bus.units[1] = Unit(meter)
    unit.faults.refused = [("holding", at, at, 2) for at in range(1, 120, 2)]
    modbus = driver(await bus.start(), meter)

    answer = await modbus.read("meter", "fast")

    assert len(unit.asked) <= 40
    assert len(answer.values) + len(answer.missing) == 120
    await modbus.close()


async def test_a_point_that_may_not_be_read_is_a_mistake_in_the_settings():
    meter = device(point("power_w", register="holding 5", type="int16"), profile={"forbidden": [[0, 9]]})

    with pytest.raises(SettingsError, match="device meter: holding 5 lies in a range that the profile forbids"):
        driver(502, meter)


# Silence --------------------------------------------------------------------------------------------------


async def test_a_dead_device_costs_one_time_out_with_its_retries(bus):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.silent = True
    modbus = driver(await bus.start(), meter, retries=2)

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    assert len(unit.asked) == 3
    assert answer.missing == dict.fromkeys(VALUES, Missing.TIMEOUT)
    await modbus.close()


async def test_a_probe_asks_once_for_the_smallest_value(bus):
    meter = device(
        point("energy_kwh", register="input 0", type="float64"),
        point("status", register="input 40", type="uint16"),
        point("power_w", register="input 10", type="float32"),
    )
    unit = bus.units[1] = Unit(meter)
    unit.faults.silent = True
    modbus = driver(await bus.start(), meter, retries=3)

    answer = await modbus.probe("meter")

    assert not answer.answered
    assert list(unit.asked) == [("input", 40, 1)]
    await modbus.close()


async def test_a_block_that_is_never_answered_hides_the_others_once(bus):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.refused.append(("input", 0, 1, 0))
    modbus = driver(await bus.start(), meter)

    await modbus.read("meter", "fast")
    answer = await modbus.read("meter", "fast")

    assert answer.values == {name: value for name, value in VALUES.items() if name != "power_l1_w"}
    assert answer.missing == {"power_l1_w": Missing.TIMEOUT}
    await modbus.close()


async def test_a_dead_unit_closes_no_connection_of_its_living_neighbours(bus):
    meters = [four_blocks(name=f"meter-{n}", unit=n) for n in (1, 2, 3)]
    for meter in meters:
        bus.units[meter.address.unit] = filled(meter)
    bus.units[2].faults.silent = True
    modbus = driver(await bus.start(), *meters)
    opened = 0
    held = None

    for _ in range(3):
        for meter in meters:
            answer = await modbus.read(meter.id, "fast")
            assert answer.values == ({} if meter.id == "meter-2" else VALUES)
            link = modbus._links._links[0]._channel
            opened += link is not held
            held = link

    assert opened == 1
    await modbus.close()


async def test_an_unknown_unit_stays_silent(bus):
    meter = four_blocks(unit=9)
    bus.units[1] = filled(four_blocks())
    modbus = driver(await bus.start(), meter)

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    await modbus.close()


# Connections ----------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "half-open connection",
    part="Modbus",
    outcome="A connection that only one side still knows is left and opened again within two reads.",
)
@pytest.mark.parametrize("devices", [1, 3])
async def test_a_half_open_connection_is_left_within_two_reads(bus, devices):
    meters = [four_blocks(name=f"meter-{n}", unit=n) for n in range(1, devices + 1)]
    for meter in meters:
        bus.units[meter.address.unit] = filled(meter)
    modbus = driver(await bus.start(), *meters)
    for meter in meters:
        await modbus.read(meter.id, "fast")
    bus.forget_connections()

    cycles = [[await modbus.read(meter.id, "fast") for meter in meters] for _ in range(2)]

    assert [answer.values for answer in cycles[-1]] == [VALUES] * devices
    await modbus.close()


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="An answer that comes too late is not taken for that to the next question.",
)
@pytest.mark.parametrize("numbered", [True, False])
async def test_a_late_answer_is_not_taken_for_the_next_one(bus, numbered):
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    unit.faults.wrong = None if numbered else Wrong.UNNUMBERED
    modbus = driver(await bus.start(), meter, timeout="400 ms", retries=1)
    assert (await modbus.read("meter", "fast")).values == VALUES
    unit.faults.delay = 0.6

    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.1)
    unit.faults.delay = 0.3  # the first try is answered after the second was sent, the second soon afterwards

    assert (await reading).values == VALUES
    await modbus.close()


async def test_several_connections_are_opened_only_when_they_are_needed(bus):
    meters = [
        device(point("power_w", register="input 0", type="float32"), name=f"meter-{n}", unit=n)
        for n in range(1, 7)
    ]
    for meter in meters:
        bus.units[meter.address.unit] = filled(meter, {"power_w": 1.5})
    modbus = driver(await bus.start(), *meters, connections=3)
    await modbus.read("meter-1", "fast")
    await modbus.read("meter-2", "fast")
    alone = bus.connections

    answers = await asyncio.gather(*(modbus.read(meter.id, "fast") for meter in meters))

    assert modbus.concurrency == 3
    assert alone == 1
    assert bus.connections == 3
    assert [answer.values for answer in answers] == [{"power_w": 1.5}] * 6
    await modbus.close()


@pytest.mark.fault(
    "converter away",
    part="Modbus",
    outcome="Every point behind it is missing with the reason; the poller goes on with the others.",
)
async def test_nobody_listening_is_told_in_the_answer():
    bus = SimulatedBus({})
    port = await bus.start()
    await bus.stop()
    modbus = driver(port, four_blocks(), retries=3)

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    assert answer.error == f"cannot connect to 127.0.0.1:{port} (Connection refused)"
    assert answer.missing == dict.fromkeys(VALUES, Missing.TIMEOUT)


@pytest.mark.parametrize(
    ("host", "told"), [("a..b", "the host is no name"), ("no-such-host.invalid", "cannot connect to no-such-host")]
)
async def test_a_host_that_is_not_there_is_told_in_the_answer(host, told):
    modbus = driver(502, four_blocks(), host=host, timeout="5 s")

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    assert told in answer.error


async def test_pauses_are_kept_between_requests_and_after_connecting(bus):
    meter = four_blocks()
    bus.units[1] = filled(meter)
    modbus = driver(await bus.start(), meter, pause_after_connect="50 ms", pause_between_requests="20 ms")
    loop = asyncio.get_running_loop()
    begin = loop.time()

    answer = await modbus.read("meter", "fast")

    assert answer.values == VALUES
    assert loop.time() - begin >= 0.1
    await modbus.close()


async def test_fifty_connections_close_at_once_while_they_read(bus):
    meter = four_blocks()
    bus.units[1] = filled(meter)
    port = await bus.start()
    drivers = [driver(port, meter, timeout="30 s") for _ in range(50)]
    for each in drivers:
        await each.read("meter", "fast")
    bus.half_open = True
    reading = [asyncio.create_task(each.read("meter", "fast")) for each in drivers]
    await asyncio.sleep(0.05)

    async with asyncio.timeout(60):
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for each in drivers:
            await each.close()

    assert all(task.cancelled() for task in reading)


async def test_what_a_device_does_is_not_logged_by_the_library(bus, caplog):
    caplog.set_level(logging.WARNING)
    meter = four_blocks()
    unit = bus.units[1] = filled(meter)
    modbus = driver(await bus.start(), meter)
    for wrong in Wrong:
        unit.faults.wrong = wrong
        await modbus.read("meter", "fast")
    await modbus.close()

    assert caplog.records == []
