"""What a device refuses: only that is lost, whatever lies around it, and nothing is lost for ever."""

from drivers.modbus.plan import Cost
from drivers.modbus.reader import DeviceReader
from drivers.modbus.wire import Link
from monitor.model import Missing
from monitor.simulation.modbus import Unit
from tests.drivers.modbus.site import CONTEXT, connection, device, driver, point

COST = Cost(request=5, register=0.1)


def number(name, register, **written):
    return point(name, register=register, **({"type": "uint16"} | written))


async def read_twice(bus, unit, meter):
    """What the device says before and after its holes are known, and what it is asked then."""
    modbus = driver(await bus.start(), meter)
    first = await modbus.read("meter", "fast")
    unit.asked.clear()
    second = await modbus.read("meter", "fast")
    await modbus.close()
    return first, second, list(unit.asked)


async def test_a_scale_register_that_is_refused_costs_only_what_it_scales(bus):
    meter = device(
        number("power_w", "holding 0", scale_register="holding 2"),
        number("current_a", "holding 1"),
        number("voltage_v", "holding 3"),
    )
    unit = bus.units[1] = Unit(meter)
    unit.set("holding", 0, [7, 8, 0, 9])
    unit.faults.refused.append(("holding", 2, 2, 2))

    first, second, asked = await read_twice(bus, unit, meter)

    for answer in (first, second):
        assert answer.values == {"current_a": 8.0, "voltage_v": 9.0}
        assert answer.missing == {"power_w": Missing.REFUSED}
    assert asked == [("holding", 0, 2), ("holding", 3, 1)]


async def test_a_hole_in_half_of_a_value_leaves_the_other_half_to_the_point_that_is_there(bus):
    meter = device(
        number("energy_import_kwh", "holding 10", type="uint32"),
        number("power_w", "holding 10"),
        number("voltage_v", "holding 12"),
    )
    unit = bus.units[1] = Unit(meter)
    unit.set("holding", 10, [5, 6, 7])
    unit.faults.refused.append(("holding", 11, 11, 2))

    first, second, asked = await read_twice(bus, unit, meter)

    for answer in (first, second):
        assert answer.values == {"power_w": 5.0, "voltage_v": 7.0}
        assert answer.missing == {"energy_import_kwh": Missing.REFUSED}
    assert asked == [("holding", 10, 1), ("holding", 12, 1)]


async def test_a_hole_at_the_edge_of_a_value_does_not_cut_it(bus):
    meter = device(
        number("energy_import_kwh", "holding 10", type="uint32"),
        number("power_w", "holding 12"),
        number("energy_export_kwh", "holding 13", type="uint32"),
    )
    unit = bus.units[1] = Unit(meter)
    unit.set("holding", 10, [0, 1, 2, 0, 3])
    unit.faults.refused.append(("holding", 12, 12, 2))

    first, second, asked = await read_twice(bus, unit, meter)

    for answer in (first, second):
        assert answer.values == {"energy_import_kwh": 1.0, "energy_export_kwh": 3.0}
        assert answer.missing == {"power_w": Missing.REFUSED}
    assert asked == [("holding", 10, 2), ("holding", 13, 2)]


async def test_a_bit_that_is_refused_moves_no_other_bit(bus):
    meter = device(*(point(f"contact_{n}", register=f"discrete {n}") for n in range(12)))
    unit = bus.units[1] = Unit(meter)
    unit.set("discrete", 0, [0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1])
    unit.faults.refused.append(("discrete", 5, 5, 2))

    first, second, asked = await read_twice(bus, unit, meter)

    for answer in (first, second):
        assert {name for name, value in answer.values.items() if value} == {
            f"contact_{n}" for n in (1, 3, 4, 6, 8, 9, 11)
        }
        assert answer.missing == {"contact_5": Missing.REFUSED}
    assert asked == [("discrete", 0, 5), ("discrete", 6, 6)]


async def test_a_half_that_is_busy_while_a_hole_is_looked_for_is_no_hole(bus):
    meter = device(*(number(f"power_{n}_w", f"holding {n}") for n in range(8)))
    unit = bus.units[1] = Unit(meter)
    unit.faults.refused += [("holding", 1, 1, 2), ("holding", 4, 7, 6)]
    modbus = driver(await bus.start(), meter)
    while_busy = await modbus.read("meter", "fast")
    unit.faults.refused.pop()

    for _ in range(2):
        after = await modbus.read("meter", "fast")
    await modbus.close()

    assert while_busy.missing["power_1_w"] is Missing.REFUSED
    assert Missing.BUSY in while_busy.missing.values()
    assert after.missing == {"power_1_w": Missing.REFUSED}


async def test_a_device_that_refuses_now_and_then_loses_no_point_for_more_than_an_hour(bus):
    meter = device(*(number(f"power_{n}_w", f"holding {n}") for n in range(8)))
    unit = bus.units[1] = Unit(meter)
    time = [1000.0]
    link = Link(connection(await bus.start()).options)
    reader = DeviceReader(meter, cost=COST, tries=1, now=CONTEXT.now, monotonic=lambda: time[0])
    lost = []

    for register in (0, 2, 4, 6):  # another one each half hour
        unit.faults.refused[:] = [("holding", register, register, 2)]
        await reader.read(link, "fast")
        unit.faults.refused.clear()
        lost.append(sorted((await reader.read(link, "fast")).missing))
        time[0] += 1801
    link.close()

    assert lost == [["power_0_w"], ["power_0_w", "power_2_w"], ["power_4_w"], ["power_4_w", "power_6_w"]]
