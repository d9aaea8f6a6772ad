"""What meters of one model share, and what each keeps for itself."""

from dataclasses import replace

from drivers.modbus import MODBUS
from drivers.modbus.plan import Cost
from drivers.modbus.shared import shared_by
from monitor.model import Missing
from monitor.simulation.modbus import Unit
from tests.drivers.modbus.site import device, driver, point

TCP = Cost(request=5, register=0.1)


def points(count=20):
    return [point(f"power_{n}_w", register=f"holding {n}", type="uint16") for n in range(count)]


def twins():
    """Two meters with the very same points, as a profile gives them, behind the units 1 and 2."""
    first = device(*points(), name="first")
    return first, replace(first, id="second", points=dict(first.points), address=MODBUS.device_model(unit=2))


def test_only_the_very_same_points_are_shared():
    first, second = twins()
    stranger = device(*points())

    assert shared_by(first, TCP) is shared_by(second, TCP)
    assert shared_by(first, TCP) is not shared_by(stranger, TCP)
    assert shared_by(first, TCP) is not shared_by(device(*list(first.points.values())[:-1]), TCP)


def test_the_same_meter_is_planned_anew_for_a_bus_on_which_asking_costs_otherwise():
    wide = device(
        point("power_w", register="holding 0", type="int16"), point("pf", register="holding 40", type="int16")
    )

    network, line = shared_by(wide, TCP), shared_by(wide, Cost(request=30, register=2))

    assert [decoder.block.count for decoder in network.scans["fast"].decoders] == [41]
    assert [decoder.block.count for decoder in line.scans["fast"].decoders] == [1, 1]


async def test_what_one_meter_refuses_is_still_asked_of_its_twin(bus):
    first, second = twins()
    for unit, meter in ((1, first), (2, second)):
        bus.units[unit] = Unit(meter)
    bus.units[1].faults.refused.append(("holding", 7, 7, 2))
    both = driver(await bus.start(), first, second)

    for _ in range(2):
        refusing, fine = await both.read("first", "fast"), await both.read("second", "fast")
    await both.close()

    assert refusing.missing == {"power_7_w": Missing.REFUSED}
    assert len(fine.values) == 20
    assert list(bus.units[2].asked) == [("holding", 0, 20)] * 2
